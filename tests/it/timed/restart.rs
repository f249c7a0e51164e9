//! The server is stopped or killed, and started again: what its clients notice.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_native::store::Pace;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::{Client, Target};
use rendezvous_tests::timing::{MARGIN, Since, attempt, register, too_slow, within};
use rendezvous_wasm::world::WRITE_BEHIND;
use serde_json::Value;

const TIMING: [&str; 3] = ["--pulse-interval=1s", "--pulse-grace=200ms", "--error-time=2s"];

/// Starting the program takes part of a client's time, as far as anybody outside can tell.
const START: Duration = Duration::from_millis(400);

#[test]
fn a_server_that_was_killed_and_down_for_long_has_lost_nobody() {
    attempt("a_server_that_was_killed_and_down_for_long_has_lost_nobody", || comes_back(Signal::SIGKILL));
}

#[test]
fn a_server_that_was_stopped_and_down_for_long_has_lost_nobody() {
    attempt("a_server_that_was_stopped_and_down_for_long_has_lost_nobody", || comes_back(Signal::SIGTERM));
}

/// Ends the server by `signal`, leaves it down for three times as long as a client may be silent, and starts it again.
fn comes_back(signal: Signal) {
    let directory = Directory::new(&format!("restart-{signal}"));
    let store = format!("--store=redb:{}/clients.redb", directory.path().display());
    let flags = [&TIMING[..], &[&store]].concat();
    let mut process = Process::start(&flags);
    let target = process.target().clone();
    let (clients, left, unheard) = within(Duration::from_secs(1), || {
        let clients: Vec<_> = (0..8).map(|_| target.register()).collect();
        let (left, unheard) = (target.register(), target.register());
        for client in clients.iter().chain([&left]) {
            assert_eq!(client.pulse(), 1020);
        }
        (clients, left, unheard)
    });
    let late_after = clients[0].late_after();
    let (prompt, late, silent) = (&clients[..3], &clients[3..5], &clients[5..]);
    left.logout().assert_ok();
    // Addresses are written by then.
    sleep(Duration::from_millis(WRITE_BEHIND + 500));
    let addresses: Vec<_> = clients.iter().map(|client| client.socket.local_addr().unwrap()).collect();
    let ports = process.same_ports();

    process.signal(signal);
    process.wait();
    sleep(3 * clients[0].gone_after());
    let begun = Instant::now();
    let flags: Vec<_> = flags.iter().copied().chain(ports.iter().map(String::as_str)).collect();
    let process = Process::start(&flags);
    if begun.elapsed() > START {
        too_slow();
    }
    // The server came back some time between these two.
    let (at_most, at_least) = (Since::when(begun), Since::when(Instant::now()));
    let observer = &prompt[0];
    at_least.at(Duration::ZERO, || {
        for (client, address) in clients.iter().zip(&addresses) {
            let status = observer.status_of(client.id());
            assert_eq!(status.json["status"], "PENDING", "known, but nobody has heard from it: {status}");
            assert_eq!(status.json["last_online"], Value::Null, "{status}");
            assert_eq!(observer.socket_address_of(client.id()), *address, "found where it was");
        }
        observer.address_of(unheard.id()).assert_problem(404, "address_unknown");
        observer.status_of(left.id()).assert_problem(404, "unknown_peer");
        left.logout().assert_problem(401, "unknown_client");
        assert_eq!(left.pulse(), 1060, "a logout is for good");
    });
    at_most.at(late_after - MARGIN, || {
        for client in prompt {
            assert_eq!(client.pulse(), 1020, "the first pulse in time");
            let status = observer.status_of(client.id());
            assert_eq!(
                (&status.json["status"], status.json["last_online"].as_u64()),
                (&"ONLINE".into(), Some(0))
            );
        }
    });
    at_least.at(late_after + MARGIN, || {
        for client in late {
            assert_eq!(client.pulse(), 1050, "then it is late like anyone");
            client.verify().assert_ok();
            assert_eq!(client.pulse(), 1020);
        }
    });
    let gone_after = clients[0].gone_after();
    at_most.at(gone_after - MARGIN, || all_get(silent, 1050, "all the time it ever had"));
    at_least.at(gone_after + MARGIN, || all_get(silent, 1060, "and no more"));
    drop(process);
}

fn all_get(clients: &[Client<'_>], code: u16, why: &str) {
    for client in clients {
        assert_eq!(client.pulse(), code, "{why}");
    }
}

#[test]
fn who_was_gone_before_a_stop_in_good_order_does_not_come_back() {
    attempt("who_was_gone_before_a_stop_in_good_order_does_not_come_back", || {
        let directory = Directory::new("gone-before");
        let store = format!("--store=redb:{}/clients.redb", directory.path().display());
        let mut process = Process::start(&[&TIMING[..], &[&store]].concat());
        let first = process.target().clone();
        let gone = register(&first);
        assert_eq!(gone.pulse(), 1020);
        sleep(gone.gone_after() + MARGIN);
        process.signal(Signal::SIGTERM);
        assert!(process.wait().success());
        let process = Process::start(&[&TIMING[..], &[&store]].concat());
        let line = process.log().into_iter().find(|line| line["clients"].is_u64()).unwrap();
        assert_eq!(line["clients"], 0, "{line}");
        assert_eq!(pulse_at(process.target(), &gone), 1060);
    });
}

/// The answer to a pulse of a client at another server than it registered with.
fn pulse_at(target: &Target, client: &Client<'_>) -> u16 {
    client.pulse_from(&target.socket())
}

/// The store keeps the bound of the simulator and the reference model: half of the time is left to the disk.
#[test]
fn changes_are_written_behind_for_half_of_the_time_that_is_promised() {
    assert!(Pace::default().write_behind * 2 <= Duration::from_millis(WRITE_BEHIND));
}
