//! Many clients at once: all of them stay ONLINE, and each is found at its own address.

use std::time::{Duration, Instant};

use rendezvous_model::size::Size;
use rendezvous_tests::fleet;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::{attempt, too_slow};

const PERIOD: Duration = Duration::from_millis(1500);

/// A lookup that takes longer than this shows that the machine did something else.
const STALL: Duration = Duration::from_millis(500);

#[test]
fn many_clients_that_pulse_stay_online_and_are_found() {
    let size = Size::get();
    let count = size.pick("clients that pulse at once", 1_000, 10_000, 10_000);
    let seconds = size.pick("seconds that they pulse for", 6, 30, 30);
    attempt("many_clients_that_pulse_stay_online_and_are_found", || pulse(count, seconds));
}

fn pulse(count: usize, seconds: u64) {
    let process = Process::start(&["--pulse-interval=2s", "--pulse-grace=200ms", "--error-time=10m"]);
    let observer = process.target().register();
    let (mut next, mut lookups, mut wrong, mut slowest) = (0, 0, vec![], Duration::ZERO);
    let tally = fleet::pulse(process.target(), count, PERIOD, Duration::from_secs(seconds), |members| {
        // A step that is prime to the count visits them all before it comes round.
        next = (next + 7919) % members.len();
        let member = members[next];
        let begun = Instant::now();
        let status = observer.status_of(member.id);
        let address = observer.address_of(member.id).socket_address();
        slowest = slowest.max(begun.elapsed());
        if (status.json["status"].as_str(), address) != (Some("ONLINE"), member.address) {
            wrong.push(format!("{} is at {}: {status}, {address}", member.id, member.address));
        }
        lookups += 1;
        lookups >= members.len()
    });
    println!("{count} clients for {seconds} s: {tally:?}, {lookups} lookups, the slowest two in {slowest:?}");
    let absent = process.log().iter().any(|line| line["absent_ms"].is_u64());
    if tally.sent_late > 0 || slowest > STALL || absent {
        too_slow();
    }
    assert_eq!((tally.other, tally.unanswered), (0, 0), "{tally:?}");
    assert!(wrong.is_empty(), "{} of {lookups} lookups are wrong, such as {}", wrong.len(), wrong[0]);
    assert!(tally.on_time >= count as u64 * (seconds * 1000 / 1500), "{tally:?}");
}
