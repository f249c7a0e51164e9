//! Conformance checks of pulses, routes and credentials that wait for no deadline.

use rendezvous_tests::conformance::{self, credentials, pulses, routes};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::local::LocalServer;

use crate::spec::conforms;
use crate::timed;

/// The timing of the specification.
const DEFAULT_TIMING: [&str; 0] = [];

conforms! {
    pulses with DEFAULT_TIMING:
        a_pulse_on_time_is_answered_1020,
        a_pulse_with_a_key_nobody_has_is_answered_1060,
        the_reply_is_a_16_bit_big_endian_integer,
        a_datagram_that_is_not_32_bytes_long_is_not_answered,
        a_key_in_hex_is_not_a_pulse,
        a_client_that_moves_to_another_port_is_found_there,
        clients_do_not_get_each_others_addresses,
        two_clients_may_pulse_from_one_socket,
        a_registration_tells_where_and_how_often_to_pulse;

    routes with DEFAULT_TIMING:
        register_answers_with_id_key_timestamp_and_ok,
        no_two_registrations_share_an_id_or_a_key,
        verify_answers_with_id_timestamp_and_ok,
        logout_answers_with_id_and_ok,
        a_peers_address_has_the_targets_id_host_port_timestamp_and_ok,
        a_peers_status_has_the_targets_id_status_last_online_timestamp_and_ok,
        a_client_may_look_itself_up,
        ids_are_taken_in_either_case_and_printed_lower,
        a_path_that_is_no_route_is_404,
        another_method_than_the_routes_own_is_405,
        a_method_that_nobody_knows_is_405,
        a_path_without_an_id_is_400,
        a_peer_that_never_registered_is_404,
        a_peer_that_never_pulsed_has_no_address_yet,
        what_is_not_http_is_400_and_the_connection_is_closed,
        no_answer_may_be_cached,
        a_body_is_ignored;

    credentials with DEFAULT_TIMING:
        a_bearer_key_is_taken_in_either_case,
        without_a_header_credentials_are_missing,
        a_header_that_is_no_bearer_key_is_malformed,
        two_headers_are_malformed,
        a_header_of_any_bytes_is_malformed,
        a_key_nobody_has_is_unknown,
        an_id_is_no_key,
        a_key_is_not_taken_from_a_query_or_a_body,
        a_query_is_ignored,
        a_peer_is_named_by_the_path_and_not_by_the_query,
        what_is_wrong_first_is_said_first;
}

#[test]
fn every_check_of_the_suite_is_a_test_here() {
    let in_suite: Vec<_> = conformance::all().map(|(name, _)| name).collect();
    assert_eq!(in_suite, [LISTED, timed::spec::LISTED].concat());
}
