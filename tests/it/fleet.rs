//! Many clients at once: all of them stay ONLINE, and each is found at its own address.

use std::time::Duration;

use rendezvous_tests::fleet;
use rendezvous_tests::process::Process;
use rendezvous_tests::size::Size;

const PERIOD: Duration = Duration::from_millis(1500);

#[test]
fn many_clients_that_pulse_stay_online_and_are_found() {
    let size = Size::get();
    let count = size.pick("clients that pulse at once", 1_000, 10_000, 10_000);
    let seconds = size.pick("seconds that they pulse for", 6, 30, 30);

    let process = Process::start(&["--pulse-interval=2s", "--pulse-grace=200ms", "--error-time=1m"]);
    let clients = fleet::register(process.target(), count);
    // Registering them took a while: those that came first are late by now, and verify.
    for client in &clients {
        client.verify().assert_ok();
        assert_eq!(client.pulse(), 1020);
    }
    let mut next = 0;
    let mut checked = 0;
    let tally = fleet::pulse(&clients, PERIOD, Duration::from_secs(seconds), || {
        let client = &clients[next % clients.len()];
        let answer = clients[0].status_of(client.id());
        assert_eq!(answer.json["status"], "ONLINE", "{answer}");
        assert_eq!(clients[0].socket_address_of(client.id()), client.socket.local_addr().unwrap());
        next += 7919;
        checked += 1;
    });
    println!("{tally:?}, {checked} lookups meanwhile");
    assert_eq!(tally.sent_late, 0, "the machine was too slow to send them in time: run it with less load");
    assert_eq!((tally.other, tally.unanswered), (0, 0), "{tally:?}");
    assert!(tally.on_time >= count as u64 * (seconds * 1000 / 1500 - 1));
    assert!(checked > 100);
}
