//! Disks that are full, fail, or are slow: what needs them is refused or waits, and everything else goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rendezvous_crowd::TestRng;
use rendezvous_model::size::tell;
use rendezvous_native::Node;
use rendezvous_native::store::Pace;
use rendezvous_protocol::{ClientId, Pulse, PulseCode, Rejection};
use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::timing::eventually;

use crate::stored::{LAZY, address, log_out, look_up, open, open_image, pulse, register};

mod full;

/// How long a node may take to find out that a disk works again. It looks after 1, 2, 4 and then every 8 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many registrations and logouts may wait for the disk.
const MAX_WAITING: usize = 16_384;

/// Changes of addresses are written soon, so that they are not only written at the end.
const SOON: Pace = Pace { write_behind: Duration::from_millis(1), slack: 1000 };

#[test]
fn a_full_disk_costs_registrations_and_logouts_only_and_nothing_that_was_acknowledged() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, SOON).unwrap();
    let mut clients: Vec<_> = (0..20).map(|_| register(&node).unwrap()).collect();
    disk.set_capacity(Some(disk.taken()));
    // Some more fit into what the file has.
    let refused = loop {
        match register(&node) {
            Ok(id) => clients.push(id),
            Err(rejection) => break rejection,
        }
    };
    assert_eq!((refused, node.stats().store_is_failing), (Rejection::Unavailable, true));
    let left = clients.pop().unwrap();
    everything_else_goes_on(&node, &clients);
    assert_eq!(log_out(&node, left), Err(Rejection::Unavailable));
    for _ in 0..3 {
        assert_eq!(pulse(&node, left, address(0)), PulseCode::NotFound, "it is gone all the same");
        assert_eq!(log_out(&node, left), Err(Rejection::Unavailable), "as long as the disk has it");
        // Several attempts of the writer.
        thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(node.stats().records, clients.len(), "whoever was refused is not there");

    disk.set_capacity(None);
    clients.push(until_it_works(|| register(&node)));
    assert_eq!(until_it_is_unknown(&node, left), Err(Rejection::UnknownClient));
    everything_else_goes_on(&node, &clients);
    node.close().unwrap();
    let node = open_image(disk.content()).unwrap();
    assert_eq!(look_up(&node, left), None);
    for (n, &id) in clients.iter().enumerate() {
        assert_eq!(look_up(&node, id), Some(Some(address(n))));
    }
    assert_eq!(node.stats().records, clients.len());
}

/// After a failed sync Linux reads back what it could not write, and never tries again: whoever goes on with that file loses it.
#[test]
fn after_a_failed_sync_the_store_is_written_anew() {
    let meant = AtomicUsize::new(0);
    // Side by side: each waits for the writer to try again.
    thread::scope(|scope| {
        for seed in 0..30 {
            let meant = &meant;
            scope.spawn(move || fail_one_sync(seed).then(|| meant.fetch_add(1, Ordering::Relaxed)));
        }
    });
    assert!(meant.into_inner() > 0, "the machine was too busy for any of them");
}

/// Says whether the machine was quick enough for this to mean something.
fn fail_one_sync(seed: u64) -> bool {
    let mut rng = TestRng::new(seed);
    let disk = SimulatedDisk::default();
    let node = open(&disk, SOON).unwrap();
    let mut clients: Vec<_> = (0..10).map(|_| register(&node).unwrap()).collect();
    let left = clients.pop().unwrap();
    disk.fail_syncs(1);
    let begun = Instant::now();
    let failed = if rng.once_in(2) { register(&node).map(drop) } else { log_out(&node, left) };
    assert_eq!(failed, Err(Rejection::Unavailable), "seed {seed}: what failed is not acknowledged");
    let failed_at = disk.operations();
    let again = register(&node);
    if begun.elapsed() > Duration::from_millis(800) {
        // A busy machine: by now the store may have been written anew.
        tell(&format!("void: a failed sync, seed {seed}: too slow to mean anything"));
        return false;
    }
    assert_eq!(again, Err(Rejection::Unavailable));
    everything_else_goes_on(&node, &clients);
    let _ = log_out(&node, left);

    clients.push(until_it_works(|| register(&node)));
    assert_eq!(until_it_is_unknown(&node, left), Err(Rejection::UnknownClient));
    // The power fails at any moment since then.
    let acknowledged = disk.operations();
    assert!(acknowledged > failed_at);
    for cut in failed_at..=acknowledged {
        let certain = if cut < acknowledged { clients.len() - 1 } else { clients.len() };
        let image = disk.image_at(cut, &mut rng);
        let node = open_image(image).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for &id in &clients[..certain] {
            assert!(look_up(&node, id).is_some(), "seed {seed}: {id} is lost");
        }
        if cut == acknowledged {
            assert_eq!(look_up(&node, left), None, "seed {seed}: {left} is back");
        }
    }
    true
}

#[test]
fn a_sync_that_fails_again_and_again_is_tried_again_and_again() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, SOON).unwrap();
    let client = register(&node).unwrap();
    disk.fail_syncs(3);
    assert_eq!(register(&node), Err(Rejection::Unavailable));
    while disk.failing_syncs() > 0 {
        assert_eq!(register(&node), Err(Rejection::Unavailable));
        thread::sleep(Duration::from_millis(20));
    }
    let other = until_it_works(|| register(&node));
    let node = open_image(disk.image_at(usize::MAX, &mut TestRng::new(0))).unwrap();
    assert!(look_up(&node, client).is_some() && look_up(&node, other).is_some());
}

#[test]
fn a_slow_disk_holds_up_registrations_and_logouts_only() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, SOON).unwrap();
    let clients: Vec<_> = (0..10).map(|_| register(&node).unwrap()).collect();
    thread::scope(|scope| {
        let held = disk.hold_syncs();
        let registration = scope.spawn(|| register(&node));
        let logout = scope.spawn(|| log_out(&node, clients[9]));
        let is_held = || disk.is_holding() && look_up(&node, clients[9]).is_none();
        eventually(PATIENCE, "a logout that waits for the disk", is_held);
        // All of this between the beginning and the end of one sync.
        for _ in 0..100 {
            everything_else_goes_on(&node, &clients[..9]);
        }
        assert!(disk.is_holding() && !registration.is_finished() && !logout.is_finished());
        drop(held);
        assert!(registration.join().unwrap().is_ok());
        assert_eq!(logout.join().unwrap(), Ok(()));
    });
}

#[test]
fn what_waits_for_a_slow_disk_is_bounded() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, LAZY).unwrap();
    let client = register(&node).unwrap();
    let held = disk.hold_syncs();
    let first = node.register().unwrap();
    eventually(PATIENCE, "a sync that is held", || disk.is_holding());
    let waiting: Vec<_> = (0..MAX_WAITING).map(|_| node.register().unwrap()).collect();
    assert_eq!(node.register().map(drop), Err(Rejection::Unavailable));
    assert_eq!(node.stats().records, MAX_WAITING + 2, "whoever is refused is not there");
    assert_eq!(log_out(&node, client), Err(Rejection::Unavailable));
    assert_eq!(look_up(&node, client), None, "but whoever wants to go is gone");
    drop(held);
    for answer in waiting.into_iter().chain([first]) {
        assert!(answer.wait().is_ok());
    }
    assert!(register(&node).is_ok(), "there is room again");
    node.close().unwrap();
    let stored = open_image(disk.content()).unwrap();
    assert_eq!((stored.stats().records, look_up(&stored, client)), (MAX_WAITING + 2, None));
}

/// A client that alternates between two sockets used to take memory for each of its pulses, as long as the disk took for one sync.
#[test]
fn regression_addresses_that_change_faster_than_the_disk_takes_them_are_bounded_and_not_forgotten() {
    /// How many may wait, and a batch.
    const BOUND: usize = (1 << 18) + 64;
    let disk = SimulatedDisk::default();
    let node = open(&disk, LAZY).unwrap();
    let [restless, other] = [(); 2].map(|()| register(&node).unwrap());
    let batch: Vec<_> = (0..64).map(|n| Pulse { id: restless, source: address(n % 2) }).collect();
    let mut codes = vec![];
    for _ in 0..2 * BOUND / batch.len() {
        node.pulses(&batch, &mut codes);
    }
    let waiting = node.stats().store.waiting_changes;
    assert!((BOUND / 2..=BOUND).contains(&waiting), "{waiting}");
    // This one is no longer taken note of by name.
    assert_eq!(pulse(&node, other, address(7)), PulseCode::OnTime);
    assert_eq!(pulse(&node, restless, address(8)), PulseCode::OnTime);
    assert_eq!(node.stats().store.waiting_changes, waiting);
    node.close().unwrap();
    let stored = open_image(disk.content()).unwrap();
    assert_eq!(
        (look_up(&stored, other), look_up(&stored, restless)),
        (Some(Some(address(7))), Some(Some(address(8))))
    );
}

#[test]
fn a_node_on_a_slow_disk_writes_all_before_it_ends() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, LAZY).unwrap();
    let clients: Vec<_> = (0..10).map(|_| register(&node).unwrap()).collect();
    disk.slow_down(Duration::from_secs(1));
    everything_else_goes_on(&node, &clients);
    let waiting: Vec<_> = (0..10).map(|_| node.register().unwrap()).collect();
    node.close().unwrap();
    let more: Vec<_> = waiting.into_iter().map(|answer| answer.wait().unwrap().client_id).collect();
    let node = open_image(disk.content()).unwrap();
    for (n, &id) in clients.iter().enumerate() {
        assert_eq!(look_up(&node, id), Some(Some(address(n))));
    }
    assert!(more.iter().all(|&id| look_up(&node, id) == Some(None)));
}

/// The same of a server that is told to stop: whoever had begun to ask is answered, and on the disk.
#[test]
fn a_server_that_stops_on_a_slow_disk_answers_and_writes_all() {
    let disk = SimulatedDisk::default();
    let server = LocalServer::on(&disk);
    let target = server.target().clone();
    let moved = target.register();
    assert_eq!(moved.pulse(), 1020);
    disk.slow_down(Duration::from_millis(700));
    thread::scope(|scope| {
        let registrations: Vec<_> = (0..8).map(|_| scope.spawn(|| target.register().id())).collect();
        eventually(PATIENCE, "eight more clients", || server.node().stats().records == 9);
        drop(server);
        for registration in registrations {
            let id = registration.join().unwrap();
            let node = open_image(disk.content()).unwrap();
            assert_eq!(look_up(&node, id), Some(None));
            assert_eq!(look_up(&node, moved.id()), Some(moved.socket.local_addr().ok()));
        }
    });
}

/// Changes that cannot be written before the end are said to be missing, and what was acknowledged is not among them.
#[test]
fn a_node_that_ends_on_a_full_disk_says_what_is_missing() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, LAZY).unwrap();
    let clients: Vec<_> = (0..2000).map(|_| node.register().unwrap()).collect();
    let clients: Vec<_> = clients.into_iter().map(|answer| answer.wait().unwrap().client_id).collect();
    everything_else_goes_on(&node, &clients);
    disk.set_capacity(Some(0));
    let error = node.close().unwrap_err().to_string();
    assert!(error.contains("lacks 2000 changes of the last moments"), "{error}");
    let stored = open_image(disk.content()).unwrap();
    assert!(clients.iter().all(|&id| look_up(&stored, id).is_some()));
}

/// Each of these clients pulses and is looked up.
fn everything_else_goes_on(node: &Node, clients: &[ClientId]) {
    for (n, &id) in clients.iter().enumerate() {
        assert_eq!(pulse(node, id, address(n)), PulseCode::OnTime);
        assert_eq!(look_up(node, id), Some(Some(address(n))));
    }
}

/// Tries until it is no longer unavailable.
fn until_it_works<T>(mut attempt: impl FnMut() -> Result<T, Rejection>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(result) => return result,
            Err(rejection) => assert_eq!(rejection, Rejection::Unavailable),
        }
        assert!(start.elapsed() < PATIENCE, "it does not recover");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Logs a client out again and again, as long as that is unavailable.
fn until_it_is_unknown(node: &Node, id: ClientId) -> Result<(), Rejection> {
    until_it_works(|| match log_out(node, id) {
        Err(Rejection::Unavailable) => Err(Rejection::Unavailable),
        other => Ok(other),
    })
}
