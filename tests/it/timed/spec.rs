//! Conformance checks of liveness, which wait for deadlines, with a short timing.

use rendezvous_tests::conformance::{self, lifecycle};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};

use crate::spec::conforms;

conforms! {
    lifecycle with SHORT_TIMING:
        a_new_client_is_online_and_was_never_heard_over_udp,
        a_client_that_pulses_stays_online,
        a_silent_client_is_online_until_interval_plus_grace_and_then_pending,
        a_client_that_never_pulses_is_pending_too_without_an_address,
        a_pulse_before_interval_plus_grace_is_on_time,
        a_late_pulse_is_answered_1050_and_changes_nothing,
        a_late_client_that_verifies_is_online_and_pulses_again,
        a_verify_counts_as_being_heard,
        a_client_silent_for_interval_plus_error_time_is_gone,
        a_client_may_verify_until_it_is_gone,
        a_client_that_logged_out_is_gone_at_once,
        a_pending_client_may_look_up_be_looked_up_and_log_out,
        last_online_counts_whole_seconds_since_the_last_accepted_pulse;
}
