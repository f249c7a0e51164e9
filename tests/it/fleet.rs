//! Many clients at once: all of them stay ONLINE, and each is found at its own address.

use std::time::Duration;

use rendezvous_tests::fleet;
use rendezvous_tests::process::Process;
use rendezvous_tests::size::Size;
use rendezvous_tests::timing::alone;

const PERIOD: Duration = Duration::from_millis(1500);

#[test]
fn many_clients_that_pulse_stay_online_and_are_found() {
    let size = Size::get();
    let count = size.pick("clients that pulse at once", 1_000, 10_000, 10_000);
    let seconds = size.pick("seconds that they pulse for", 6, 30, 30);

    let _alone = alone();
    let process = Process::start(&["--pulse-interval=2s", "--pulse-grace=200ms", "--error-time=10m"]);
    let observer = process.target().register();
    let (mut next, mut lookups, mut wrong) = (0, 0, vec![]);
    let tally = fleet::pulse(process.target(), count, PERIOD, Duration::from_secs(seconds), |members| {
        // A step that is prime to the count visits them all before it comes round.
        next = (next + 7919) % members.len();
        let member = members[next];
        let status = observer.status_of(member.id);
        let address = observer.address_of(member.id).socket_address();
        if (status.json["status"].as_str(), address) != (Some("ONLINE"), member.address) {
            wrong.push(format!("{} is at {}: {status}, {address}", member.id, member.address));
        }
        lookups += 1;
        lookups >= members.len()
    });
    println!("{count} clients for {seconds} s: {tally:?}, {lookups} of them looked up meanwhile");
    // The tally first: it tells a slow machine from a wrong server.
    assert_eq!(tally.sent_late, 0, "the machine was too slow to send them in time: run it with less load");
    assert_eq!((tally.other, tally.unanswered), (0, 0), "{tally:?}");
    assert!(wrong.is_empty(), "{} of {lookups} lookups are wrong, such as {}", wrong.len(), wrong[0]);
    assert!(tally.on_time >= count as u64 * (seconds * 1000 / 1500), "{tally:?}");
}
