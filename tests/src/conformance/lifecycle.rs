//! Time: ONLINE, PENDING and gone, each deadline from both sides (specification, Status Values and Re-Verify).

use std::time::Duration;

use super::checks;
use crate::target::{Client, Target};
use crate::timing::{MARGIN, Since, quickly, register, within};

checks! {
    /// Registration counts as being heard: the client is ONLINE though it never pulsed.
    fn a_new_client_is_online_and_was_never_heard_over_udp(target) {
        quickly(|| {
            let (client, peer) = (register(target), register(target));
            let answer = client.status_of(peer.id());
            assert_eq!(answer.assert_ok().json["status"], "ONLINE");
            assert!(answer.json["last_online"].is_null(), "{answer}");
        });
    }

    /// ONLINE: "the client has been pulsing the server on the correct intervals".
    fn a_client_that_pulses_stays_online(target) {
        let client = register(target);
        let interval = Duration::from(client.registration.pulse_interval);
        let (since, code) = Since::doing(|| client.pulse());
        assert_eq!(code, 1020);
        for n in 1..=4 {
            // On the dot of the interval: what jitter adds is what the grace is for.
            since.at(n * interval, || {
                assert_eq!(client.status_text(client.id()), "ONLINE");
                assert_eq!(client.pulse(), 1020);
            });
        }
    }

    /// PENDING from interval + grace on, after a pulse.
    fn a_silent_client_is_online_until_interval_plus_grace_and_then_pending(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        let late = client.late_after();
        since.at(late - MARGIN, || assert_eq!(client.status_text(client.id()), "ONLINE"));
        since.at(late + MARGIN, || assert_eq!(client.status_text(client.id()), "PENDING"));
    }

    /// The same after a registration without a pulse.
    fn a_client_that_never_pulses_is_pending_too_without_an_address(target) {
        let (since, client) = Since::doing(|| target.register());
        let late = client.late_after();
        since.at(late - MARGIN, || assert_eq!(client.status_text(client.id()), "ONLINE"));
        since.at(late + MARGIN, || {
            assert_eq!(client.status_text(client.id()), "PENDING");
            client.address_of(client.id()).assert_problem(404, "address_unknown");
        });
    }

    /// A pulse just within the grace is on time.
    fn a_pulse_before_interval_plus_grace_is_on_time(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        since.at(client.late_after() - MARGIN, || assert_eq!(client.pulse(), 1020));
    }

    /// Code 1050: "Must re-verify you're address". Nothing changes: neither the address nor the times.
    fn a_late_pulse_is_answered_1050_and_changes_nothing(target) {
        let (client, peer) = (register(target), register(target));
        let home = client.socket.local_addr().unwrap();
        let away = target.socket();
        let (since, _) = Since::doing(|| {
            assert_eq!(client.pulse(), 1020);
            assert_eq!(peer.pulse(), 1020);
        });
        since.at(client.late_after() + MARGIN, || {
            assert_eq!(client.pulse_from(&away), 1050);
            assert_eq!(client.pulse(), 1050, "again");
            peer.verify().assert_ok();
            assert_eq!(peer.socket_address_of(client.id()), home);
            assert_eq!(peer.status_text(client.id()), "PENDING");
        });
        since.at(client.gone_after() - MARGIN, || assert_eq!(client.pulse(), 1050));
        since.at(client.gone_after() + MARGIN, || {
            assert_eq!(client.pulse(), 1060, "late pulses do not postpone the end");
        });
    }

    /// "Re-Verify the client address after not being responsive": the next pulse is accepted again.
    fn a_late_client_that_verifies_is_online_and_pulses_again(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        let away = target.socket();
        since.at(client.late_after() + MARGIN, || {
            assert_eq!(client.pulse_from(&away), 1050);
            client.verify().assert_ok();
            assert_eq!(client.status_text(client.id()), "ONLINE");
            assert_eq!(client.socket_address_of(client.id()), client.socket.local_addr().unwrap());
            assert_eq!(client.pulse_from(&away), 1020);
            assert_eq!(client.socket_address_of(client.id()), away.local_addr().unwrap());
        });
    }

    /// A verify counts as being heard while ONLINE too, and is no pulse: it does not set `last_online`.
    fn a_verify_counts_as_being_heard(target) {
        let client = register(target);
        let late = client.late_after();
        let (since, _) = Since::doing(|| client.verify().assert_ok().status);
        since.at(late - MARGIN, || client.verify().assert_ok().status);
        since.at(late + MARGIN, || {
            let answer = client.status_of(client.id());
            assert_eq!(answer.json["status"], "ONLINE", "{answer}");
            assert!(answer.json["last_online"].is_null(), "{answer}");
        });
    }

    /// "after not being responsive for less than (Error Time) + (1 x Pulse Interval)": from then on it is gone.
    fn a_client_silent_for_interval_plus_error_time_is_gone(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        let gone = client.gone_after();
        since.at(gone - MARGIN, || assert_eq!(client.status_text(client.id()), "PENDING"));
        since.at(gone + MARGIN, || {
            assert_gone(&client, &register(target));
        });
    }

    /// The last moment to verify.
    fn a_client_may_verify_until_it_is_gone(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        since.at(client.gone_after() - MARGIN, || {
            client.verify().assert_ok();
            assert_eq!(client.pulse(), 1020);
        });
    }

    /// "Logout the client from the Server".
    fn a_client_that_logged_out_is_gone_at_once(target) {
        let late_after = register(target).late_after();
        within(late_after - MARGIN, || {
            let (client, peer) = (register(target), register(target));
            assert_eq!(client.pulse(), 1020);
            client.logout().assert_ok();
            assert_gone(&client, &peer);
            peer.verify().assert_ok();
        });
    }

    /// PENDING takes nothing away but the pulses: the client may look others up, be looked up, and log out.
    fn a_pending_client_may_look_up_be_looked_up_and_log_out(target) {
        let (client, peer) = (register(target), register(target));
        let (since, _) = Since::doing(|| {
            assert_eq!(client.pulse(), 1020);
            assert_eq!(peer.pulse(), 1020);
        });
        since.at(client.late_after() + MARGIN, || {
            assert_eq!(client.socket_address_of(peer.id()), peer.socket.local_addr().unwrap());
            assert_eq!(client.status_text(peer.id()), "PENDING");
            peer.address_of(client.id()).assert_ok();
            client.logout().assert_ok();
            peer.address_of(client.id()).assert_problem(404, "unknown_peer");
        });
    }

    /// "seconds since last pulse", whole ones, rounded down.
    fn last_online_counts_whole_seconds_since_the_last_accepted_pulse(target) {
        let client = register(target);
        let (since, _) = Since::doing(|| client.pulse());
        let last_online = || seconds_since_pulse(&client);
        let second = Duration::from_secs(1);
        since.at(second - MARGIN, || assert_eq!(last_online(), Some(0)));
        since.at(second + MARGIN, || {
            assert_eq!(last_online(), Some(1));
            client.verify().assert_ok();
            assert_eq!(last_online(), Some(1), "a verify is no pulse");
            assert_eq!(client.pulse(), 1020);
            assert_eq!(last_online(), Some(0));
        });
    }
}

/// The whole last column of the table: as if it had never registered.
fn assert_gone(client: &Client<'_>, peer: &Client<'_>) {
    assert_eq!(client.pulse(), 1060);
    client.verify().assert_problem(401, "unknown_client");
    client.logout().assert_problem(401, "unknown_client");
    client.status_of(peer.id()).assert_problem(401, "unknown_client");
    client.address_of(peer.id()).assert_problem(401, "unknown_client");
    peer.status_of(client.id()).assert_problem(404, "unknown_peer");
    peer.address_of(client.id()).assert_problem(404, "unknown_peer");
}

fn seconds_since_pulse(client: &Client<'_>) -> Option<u64> {
    client.status_of(client.id()).assert_ok().json["last_online"].as_u64()
}
