//! I6: memory is bounded by the most clients that are live at once, and nobody who is gone leaves anything behind.

use rendezvous_model::check::settle;
use rendezvous_model::model::Model;
use rendezvous_model::strategy::{self, CLIENTS};
use rendezvous_protocol::{Clock, Input, Instant, Output, Progress, Server, Timing, UnixTime};
use rendezvous_wasm::world::{Action, World};

use crate::harness;

#[test]
fn what_is_kept_is_the_living_and_those_gone_that_no_tick_has_removed() {
    harness::check_scenarios(file!(), 500, strategy::scenario(80), |scenario| {
        let fail = |what: String| Err(format!("{what}\nscenario: {}", scenario.to_json()));
        let mut world = World::new(scenario.setup);
        let mut model = Model::new(&scenario.setup);
        let mut most = 0;
        for action in &scenario.actions {
            let _ = model.expect(action);
            let output = world.apply(action);
            settle(&world, &mut model, action);
            let (kept, living) = (world.server().records(), model.living(0..CLIENTS));
            most = most.max(kept);
            if kept < living {
                return fail(format!("{living} clients are live, and {kept} are kept"));
            }
            if output == Some(Output::Ticked(Progress::Done)) && kept != living {
                return fail(format!("{living} clients are live after a tick, and {kept} are kept"));
            }
            if world.server().capacity() > 4 * most.max(4) {
                return fail(format!("room for {}, where {most} were the most", world.server().capacity()));
            }
        }
        let _ = world.apply(&Action::Advance { millis: i64::MAX });
        for client in 0..CLIENTS {
            let _ = world.apply(&Action::Logout { client });
        }
        let _ = world.apply(&Action::Tick { budget: u32::MAX });
        let server = world.server();
        match (server.records(), server.deadlines(), server.poll_timeout()) {
            (0, 0, None) => Ok(()),
            left => fail(format!("left behind: {left:?}")),
        }
    });
}

#[test]
fn a_host_that_stores_sees_every_record_once_and_what_it_takes_back_leaves_nothing() {
    harness::check_scenarios(file!(), 300, strategy::scenario(60), |scenario| {
        let fail = |what: String| Err(format!("{what}\nscenario: {}", scenario.to_json()));
        let mut world = World::new(scenario.setup);
        let mut ids = [world.id(0); CLIENTS as usize];
        for client in 0..CLIENTS {
            ids[usize::from(client)] = world.id(client);
        }
        for action in &scenario.actions {
            let _ = world.apply(action);
            let server = world.server();
            let mut seen = vec![];
            let mut next = Some(0);
            while let Some(page) = next {
                next = server.visit(page, &mut |id, record| seen.push((id, record)));
            }
            if seen.len() != server.records() {
                return fail(format!("{} records are seen of {}", seen.len(), server.records()));
            }
            if let Some((id, _)) = seen.iter().find(|&&(id, record)| server.record(id) != Some(record)) {
                return fail(format!("{id} is seen, and has another record or none"));
            }
            let there = ids.iter().filter(|&&id| server.record(id).is_some()).count();
            if there != seen.len() {
                return fail(format!("{there} clients have records, and {} are seen", seen.len()));
            }
        }
        let mut server = world.into_server();
        // Twice: what is not there cannot be taken back.
        let records = server.records() as u64;
        ids.iter().chain(&ids).for_each(|&id| server.withdraw(id));
        match (server.records(), server.deadlines(), server.poll_timeout(), server.counters().withdrawn) {
            (0, 0, None, withdrawn) if withdrawn == records => Ok(()),
            left => fail(format!("left behind: {left:?}")),
        }
    });
}

#[test]
fn pulses_of_nobody_take_no_memory() {
    let mut server = Server::new(Timing::default());
    let at = Clock { now: Instant::ZERO, unix: UnixTime::from_millis(0) };
    for number in 0..10_000_u32 {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let output = server.handle(at, Input::datagram(([192, 0, 2, 7], 4000).into(), &key), &mut |_| {});
        assert!(matches!(output, Output::Transmit { .. }));
    }
    assert_eq!((server.records(), server.deadlines(), server.capacity()), (0, 0, 0));
}

#[test]
fn a_client_that_is_restored_twice_is_there_once() {
    let mut server = Server::new(Timing::default());
    let id = World::default().id(0);
    for address in [None, Some(([192, 0, 2, 7], 4000).into())] {
        server.restore(id, address);
    }
    assert_eq!((server.records(), server.deadlines()), (1, 1));
    let at = |millis| Clock { now: Instant::from_millis(millis), unix: UnixTime::from_millis(0) };
    server.resume(at(5), Instant::ZERO, &mut |_| {});
    let gone_after = server.timing().gone_after().0;
    assert!(
        server.observe(at(gone_after + 4), id).is_ok_and(|found| found.address.is_some()),
        "the later one"
    );
    assert_eq!(server.tick(at(gone_after + 5), 9, &mut |_| {}), Progress::Done);
    assert_eq!((server.records(), server.deadlines(), server.poll_timeout()), (0, 0, None));
}
