//! A node whose store is a file, under clocks that the tests turn.

use std::path::PathBuf;

use rendezvous_protocol::lifecycle::Status;

use super::*;
use crate::store::FileMedium;

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;

thread_local! {
    static UNIX: Cell<u64> = const { Cell::new(0) };
}

/// The year 2027, in milliseconds.
const START: u64 = 1_800_000_000_000;

/// A folder of this test alone, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rendezvous-node-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Node {
        self.open_at(Pace::default())
    }

    fn open_at(&self, pace: Pace) -> Node {
        let Ok(settings) = from_args(["rendezvous"]) else { panic!("valid settings") };
        let medium = Arc::new(FileMedium::lock(&self.0.join("clients.redb")).unwrap());
        Node::with(Some((medium, pace)), &settings, 5024, || Clock {
            now: Instant::from_millis(NOW.get()),
            unix: UnixTime::from_millis(UNIX.get()),
        })
        .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The wall clock is set, and no time passes.
fn step(millis: i64) {
    UNIX.set(UNIX.get().strict_add_signed(millis));
}

/// Time passes on both clocks, while the node runs: it ticks all the while.
fn run(node: &Node, millis: u64) {
    for _ in 0..millis / 500 {
        pass(500);
        step(500);
        node.tick(|| true);
    }
}

fn home() -> SocketAddr {
    ([192, 0, 2, 7], 4000).into()
}

/// What a client sees of itself: status, seconds since its last pulse, and the time that is printed.
fn seen(node: &Node, id: ClientId) -> (Status, Option<u64>, u64) {
    match node.peer_status(id, Some(id)) {
        Ok(Response::PeerStatus { status, last_online, timestamp, .. }) => {
            (status, last_online.map(|age| age.as_secs()), timestamp.as_secs())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn setting_the_wall_clock_changes_no_status_and_printed_times_follow() {
    for by in [HOUR, -HOUR, YEAR, -YEAR] {
        UNIX.set(START);
        let folder = Folder::new(&format!("steps{by}"));
        let node = folder.open();
        let late_after = Timing::default().late_after().0;
        let (online, pending) = (register(&node), register(&node));
        assert_eq!(pulse(&node, pending, home()), PulseCode::OnTime);
        run(&node, late_after);
        assert_eq!(pulse(&node, online, home()), PulseCode::Reverify);
        node.verify(online).unwrap();
        assert_eq!(pulse(&node, online, home()), PulseCode::OnTime);
        run(&node, 10_000);

        let printed = UNIX.get() / 1000;
        assert_eq!(seen(&node, online), (Status::Online, Some(10), printed));
        assert_eq!(seen(&node, pending), (Status::Pending, Some(41), printed));
        step(by);
        let printed = printed.strict_add_signed(by / 1000);
        assert_eq!(seen(&node, online), (Status::Online, Some(10), printed));
        assert_eq!(seen(&node, pending), (Status::Pending, Some(41), printed));
        // Every deadline is where it was.
        run(&node, late_after - 10_000 - 500);
        assert_eq!(seen(&node, online).0, Status::Online);
        run(&node, 500);
        assert_eq!(seen(&node, online).0, Status::Pending);
        assert_eq!(node.stats().records, 2, "nobody is gone");
    }
}

#[test]
fn a_wall_clock_that_was_set_before_or_during_a_restart_loses_nobody() {
    for (before, during) in [(HOUR, -YEAR), (-HOUR, YEAR), (YEAR, -HOUR), (-YEAR, HOUR)] {
        UNIX.set(START);
        let folder = Folder::new(&format!("restart{before}"));
        let node = folder.open();
        let [prompt, late, left] = array::from_fn(|_| register(&node));
        for id in [prompt, late, left] {
            assert_eq!(pulse(&node, id, home()), PulseCode::OnTime);
        }
        step(before);
        let moved = ([192, 0, 2, 8], 4001).into();
        assert_eq!(pulse(&node, prompt, moved), PulseCode::OnTime);
        node.logout(left).unwrap().wait().unwrap();
        node.close().unwrap();
        drop(node);

        step(during);
        // And the machine was restarted, so that its other clock began anew.
        NOW.set(1000);
        let node = folder.open();
        let printed = UNIX.get() / 1000;
        for id in [prompt, late] {
            assert_eq!(seen(&node, id), (Status::Pending, None, printed));
        }
        let Ok(Response::PeerAddress { address, .. }) = node.peer_address(late, Some(prompt)) else {
            panic!("it is known where it was")
        };
        assert_eq!(address, moved);
        assert_eq!(node.peer_status(late, Some(left)), Err(Rejection::UnknownPeer));
        run(&node, Timing::default().late_after().0 - 500);
        assert_eq!(pulse(&node, prompt, home()), PulseCode::OnTime);
        run(&node, 500);
        assert_eq!(pulse(&node, late, home()), PulseCode::Reverify);
        run(&node, gone_after() - Timing::default().late_after().0 - 500);
        assert_eq!(seen(&node, late).0, Status::Pending);
        run(&node, 500);
        assert_eq!(pulse(&node, late, home()), PulseCode::NotFound, "restart + interval + error time");
        assert_eq!(node.stats().records, 1);
    }
}

#[test]
fn a_steady_pulse_a_verify_and_a_lookup_write_nothing() {
    UNIX.set(START);
    let folder = Folder::new("steady");
    let node = folder.open();
    let id = register(&node);
    assert_eq!(pulse(&node, id, home()), PulseCode::OnTime);
    node.store.settle();
    let before = node.stats().store;
    assert!(before.written_bytes > 0 && before.syncs > 0);
    for _ in 0..1000 {
        pass(1000);
        assert_eq!(pulse(&node, id, home()), PulseCode::OnTime);
        node.verify(id).unwrap();
        node.peer_address(id, Some(id)).unwrap();
        node.tick(|| true);
    }
    node.store.settle();
    assert_eq!((node.stats().store, before.failures), (before, 0));
}

#[test]
fn what_piles_up_in_the_file_is_cleared_away_and_nobody_with_it() {
    UNIX.set(START);
    let folder = Folder::new("clearing");
    let pace = Pace { slack: 100, write_behind: Duration::ZERO };
    let node = folder.open_at(pace);
    let stay: Vec<_> = (0..50).map(|_| register(&node)).collect();
    for round in 0..100 {
        for (n, &id) in stay.iter().enumerate() {
            assert_eq!(
                pulse(&node, id, ([192, 0, 2, 7], 1000 + round * 50 + n as u16).into()),
                PulseCode::OnTime
            );
        }
        let leaving = register(&node);
        node.logout(leaving).unwrap().wait().unwrap();
    }
    node.close().unwrap();
    drop(node);
    let contents = store::operator::check(&folder.0.join("clients.redb"), &mut |_, _| {}).unwrap();
    assert_eq!(contents.clients, 50);
    // Twice the clients, the slack, and what one commit may add before it is looked at again.
    assert!(contents.entries < 2 * 50 + 100 + 60, "{contents:?}");
    let node = folder.open_at(pace);
    for (n, &id) in stay.iter().enumerate() {
        let Ok(Response::PeerAddress { address, .. }) = node.peer_address(id, Some(id)) else {
            panic!("known")
        };
        assert_eq!(address, ([192, 0, 2, 7], 1000 + 99 * 50 + n as u16).into());
    }
}

#[test]
fn regression_a_file_that_somebody_moves_or_replaces_is_written_anew() {
    UNIX.set(START);
    let folder = Folder::new("replaced");
    let (path, elsewhere) = (folder.0.join("clients.redb"), folder.0.join("elsewhere.redb"));
    let node = folder.open();
    let mut clients = vec![register(&node)];
    let left = register(&node);
    node.store.settle();
    std::fs::copy(&path, folder.0.join("old.redb")).unwrap();
    node.logout(left).unwrap().wait().unwrap();
    // Away, gone, and replaced by an old copy: the next registration is not written to where nobody will look for it.
    assert_eq!(node.stats().store.failures, 0);
    for meddle in [
        (&|| std::fs::rename(&path, &elsewhere).unwrap()) as &dyn Fn(),
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::rename(folder.0.join("old.redb"), &path).unwrap(),
    ] {
        meddle();
        clients.push(register(&node));
        let copy = folder.0.join("copy.redb");
        node.store.settle();
        std::fs::copy(&path, &copy).unwrap();
        let contents = store::operator::check(&copy, &mut |_, _| {}).unwrap();
        assert_eq!(contents.clients, clients.len() as u64);
    }
    assert_eq!(node.stats().store.failures, 3);
    node.close().unwrap();
    drop(node);
    let node = folder.open();
    assert!(clients.iter().all(|&id| node.peer_status(id, Some(id)).is_ok()));
    assert_eq!(node.peer_status(clients[0], Some(left)), Err(Rejection::UnknownPeer));
}
