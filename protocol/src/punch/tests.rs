use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::*;

const ME: ClientId = ClientId::from_bytes([1; 16]);
const PEER: ClientId = ClientId::from_bytes([2; 16]);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn there() -> SocketAddr {
    ([192, 0, 2, 7], 4000).into()
}

fn other_port() -> SocketAddr {
    ([192, 0, 2, 7], 4001).into()
}

fn punch() -> Punch {
    Punch::new(at(0), ME, PEER, there(), 1)
}

fn transmits(punch: &mut Punch) -> Vec<Transmit> {
    core::iter::from_fn(|| punch.poll_transmit()).collect()
}

fn events(punch: &mut Punch) -> Vec<Event> {
    core::iter::from_fn(|| punch.poll_event()).collect()
}

fn theirs(nonce: u64) -> Probe {
    Probe { kind: Kind::Probe, sender: PEER, receiver: ME, nonce }
}

/// Lets time pass until `end`. Returns what was sent, and when.
fn run(punch: &mut Punch, end: u64) -> Vec<(u64, Transmit)> {
    let mut sent = vec![];
    while let Some(due) = punch.poll_timeout().filter(|due| due.as_millis() <= end) {
        punch.handle_timeout(due);
        assert!(punch.poll_timeout().is_none_or(|next| next > due), "stands still");
        sent.extend(transmits(punch).into_iter().map(|transmit| (due.as_millis(), transmit)));
    }
    sent
}

/// One that is connected at 50.
fn connected() -> Punch {
    let mut punch = punch();
    let [first] = transmits(&mut punch)[..] else { panic!("one probe at once") };
    punch.handle_probe(at(50), there(), &first.probe.answer());
    assert_eq!(events(&mut punch).last(), Some(&Event::Connected { address: there(), rtt: Millis(50) }));
    punch
}

#[test]
fn twenty_probes_in_three_seconds_and_then_it_gives_up() {
    let mut punch = punch();
    assert_eq!(transmits(&mut punch).len(), 1);
    let sent = run(&mut punch, 60_000);
    assert_eq!(sent.len(), 19);
    assert_eq!(sent.last().map(|(at, _)| *at), Some(19 * 150));
    assert!(sent.iter().all(|(_, transmit)| transmit.destination == there()));
    let events = events(&mut punch);
    assert_eq!(events.len(), 21);
    assert_eq!(events.last(), Some(&Event::Failed { reason: Reason::Silent }));
    assert_eq!(punch.poll_timeout(), None);
    punch.handle_probe(at(60_000), there(), &theirs(1));
    assert_eq!(transmits(&mut punch), [], "it is over");
}

#[test]
fn every_probe_has_another_nonce() {
    let mut punch = punch();
    let mut nonces: Vec<u64> = transmits(&mut punch).iter().map(|transmit| transmit.probe.nonce).collect();
    nonces.extend(run(&mut punch, 60_000).iter().map(|(_, transmit)| transmit.probe.nonce));
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 20);
}

#[test]
fn a_probe_is_answered_and_probed_back_at_once() {
    let mut punch = punch();
    transmits(&mut punch);
    punch.handle_probe(at(10), other_port(), &theirs(7));
    let sent = transmits(&mut punch);
    assert_eq!(sent[0], Transmit { destination: other_port(), probe: theirs(7).answer() });
    assert_eq!((sent[1].destination, sent[1].probe.kind), (other_port(), Kind::Probe));
    punch.handle_probe(at(20), other_port(), &theirs(8));
    assert_eq!(transmits(&mut punch).len(), 1, "its answer alone: from there it was heard before");
    assert!(punch.is_from_peer(other_port()) && punch.is_from_peer(there()), "either may be the peer's");
    assert!(!punch.is_from_peer(([192, 0, 2, 7], 4002).into()));
    punch.handle_probe(at(30), other_port(), &sent[1].probe.answer());
    assert_eq!(events(&mut punch).last(), Some(&Event::Connected { address: other_port(), rtt: Millis(20) }));
    assert!(punch.is_from_peer(other_port()) && !punch.is_from_peer(there()));
}

#[test]
fn a_first_probe_from_where_the_server_sees_the_peer_is_probed_back_at_once() {
    let mut punch = punch();
    transmits(&mut punch);
    punch.handle_probe(at(10), there(), &theirs(7));
    let sent = transmits(&mut punch);
    assert_eq!(sent.iter().map(|sent| sent.probe.kind).collect::<Vec<_>>(), [Kind::Answer, Kind::Probe]);
    assert!(sent.iter().all(|sent| sent.destination == there()), "{sent:?}");
}

#[test]
fn a_call_before_anything_is_due_sends_nothing() {
    let mut punch = punch();
    transmits(&mut punch);
    punch.handle_timeout(at(149));
    assert_eq!(transmits(&mut punch), []);
    let mut connected = connected();
    connected.handle_timeout(at(15_049));
    assert_eq!(transmits(&mut connected), []);
}

/// The answer settles which port counts, whatever was heard before.
#[test]
fn a_port_heard_before_the_answer_is_probed_again_only_after_another_probe_from_it() {
    let mut punch = punch();
    let [first] = transmits(&mut punch)[..] else { panic!("one probe at once") };
    punch.handle_probe(at(10), other_port(), &theirs(7));
    transmits(&mut punch);
    punch.handle_probe(at(50), there(), &first.probe.answer());
    assert_eq!(punch.address(), Some(there()));
    let kept_alive = 50 + KEEP_ALIVE.0;
    let sent = run(&mut punch, kept_alive);
    assert!(!sent.is_empty(), "a keep-alive");
    assert!(sent.iter().all(|(_, transmit)| transmit.destination == there()), "{sent:?}");
    punch.handle_probe(at(kept_alive + 10), other_port(), &theirs(8));
    transmits(&mut punch);
    let sent = run(&mut punch, kept_alive + 10 + KEEP_ALIVE_AGAIN.0);
    assert!(sent.iter().any(|(_, transmit)| transmit.destination == other_port()), "{sent:?}");
}

#[test]
fn a_peer_that_is_heard_and_does_not_answer_is_one_sided() {
    let mut punch = punch();
    punch.handle_probe(at(10), there(), &theirs(7));
    run(&mut punch, 60_000);
    assert_eq!(events(&mut punch).last(), Some(&Event::Failed { reason: Reason::OneSided }));
}

#[test]
fn probes_from_elsewhere_or_of_others_change_nothing() {
    let mut punch = punch();
    let [first] = transmits(&mut punch)[..] else { panic!("one probe at once") };
    let elsewhere: SocketAddr = ([203, 0, 113, 1], 4000).into();
    let stranger = ClientId::from_bytes([9; 16]);
    punch.handle_probe(at(10), elsewhere, &theirs(1));
    punch.handle_probe(at(10), elsewhere, &first.probe.answer());
    punch.handle_probe(at(10), there(), &Probe { sender: stranger, ..theirs(1) });
    punch.handle_probe(at(10), there(), &Probe { receiver: stranger, ..theirs(1) });
    punch.handle_probe(at(10), ([192, 0, 2, 7], 0).into(), &theirs(1));
    punch.handle_probe(at(10), there(), &Probe { nonce: !first.probe.nonce, ..first.probe.answer() });
    assert_eq!(transmits(&mut punch), []);
    assert_eq!(events(&mut punch), [Event::Probing { sent: 1 }]);
    assert_eq!(punch.address(), None);
}

#[test]
fn its_probes_never_exceed_twenty_however_many_ports_the_peer_uses() {
    let mut punch = punch();
    transmits(&mut punch);
    let mut probes = 1;
    for port in 1..1000_u16 {
        punch.handle_probe(at(10), ([192, 0, 2, 7], port).into(), &theirs(port.into()));
        probes += transmits(&mut punch).iter().filter(|sent| sent.probe.kind == Kind::Probe).count();
    }
    assert_eq!(probes, 10, "half of them are kept for their turn");
    probes += run(&mut punch, 60_000).len();
    assert_eq!(probes, 20);
}

#[test]
fn a_quiet_path_is_probed_every_15_s() {
    let mut punch = connected();
    for round in 1..=100 {
        let due = punch.poll_timeout().unwrap();
        assert_eq!(due, at(50 + round * 15_000));
        punch.handle_timeout(due);
        let [probe] = transmits(&mut punch)[..] else { panic!("one") };
        punch.handle_probe(due, there(), &probe.probe.answer());
    }
    assert_eq!(events(&mut punch), []);
}

#[test]
fn the_peers_own_keep_alive_does_not_hurry_ours() {
    let mut punch = connected();
    punch.handle_probe(at(1_000), there(), &theirs(1));
    assert_eq!(transmits(&mut punch).len(), 1, "its answer");
    assert_eq!(punch.poll_timeout(), Some(at(15_050)));
}

#[test]
fn nothing_is_sent_30_s_after_the_last_answer() {
    let mut punch = connected();
    let sent: Vec<u64> = run(&mut punch, 1_000_000).iter().map(|(at, _)| *at).collect();
    let expected: Vec<u64> = (15..30).map(|seconds| 50 + seconds * 1_000).collect();
    assert_eq!(sent, expected);
    assert_eq!(events(&mut punch), [Event::Closed]);
    assert_eq!(punch.poll_timeout(), None);
    let mut asleep = connected();
    asleep.handle_timeout(at(40_000));
    assert_eq!(transmits(&mut asleep), [], "nor when it comes late");
}

#[test]
fn a_peer_that_moves_to_another_port_is_followed_once_it_answers_from_there() {
    let mut punch = connected();
    punch.handle_probe(at(1_000), other_port(), &theirs(1));
    assert_eq!(transmits(&mut punch).len(), 1);
    punch.handle_timeout(at(2_000));
    let sent = transmits(&mut punch);
    assert_eq!(sent.iter().map(|sent| sent.destination).collect::<Vec<_>>(), [there(), other_port()]);
    assert!(punch.is_from_peer(there()), "not yet");
    punch.handle_probe(at(2_050), other_port(), &sent[1].probe.answer());
    assert_eq!(events(&mut punch), [Event::Moved { address: other_port() }]);
    assert_eq!(punch.address(), Some(other_port()));
}

#[test]
fn an_answer_counts_once() {
    let mut punch = punch();
    let [first] = transmits(&mut punch)[..] else { panic!("one probe at once") };
    punch.handle_probe(at(50), there(), &first.probe.answer());
    punch.handle_probe(at(20_000), there(), &first.probe.answer());
    run(&mut punch, 30_049);
    assert_eq!(punch.address(), Some(there()));
    run(&mut punch, 30_050);
    assert_eq!(punch.address(), None, "a copy is no consent");
}

#[test]
fn two_of_them_find_each_other_through_ports_that_the_server_never_saw() {
    let (a, b): (SocketAddr, SocketAddr) = (([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into());
    let b_really: SocketAddr = ([192, 0, 2, 2], 3).into();
    let mut left = Punch::new(at(0), ME, PEER, b, 1);
    let mut right = Punch::new(at(0), PEER, ME, a, 2);
    for now in 0..10 {
        for sent in transmits(&mut right) {
            assert_eq!(sent.destination, a);
            left.handle_probe(at(now), b_really, &sent.probe);
        }
        for sent in transmits(&mut left).into_iter().filter(|sent| sent.destination == b_really) {
            right.handle_probe(at(now), a, &sent.probe);
        }
    }
    assert_eq!((left.address(), right.address()), (Some(b_really), Some(a)));
}
