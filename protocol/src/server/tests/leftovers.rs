//! Ticks, deadlines, and what is left behind: nothing.

use alloc::vec;

use super::*;

#[test]
fn registering_an_id_that_is_gone_starts_afresh_with_or_without_a_tick_between() {
    for ticked in [false, true] {
        let mut world = World::new();
        world.register(0, id(1));
        assert_eq!(world.pulse(0, id(1), HOME), PulseCode::OnTime);
        if ticked {
            assert_eq!(world.tick(GONE_AFTER), Progress::Done);
        }
        world.register(GONE_AFTER, id(1));
        assert_eq!(world.look_up(GONE_AFTER, id(1), id(1)), Err(Rejection::AddressUnknown));
        assert_eq!((world.server.records(), world.server.deadlines()), (1, 1));
        world.drain_until_idle(GONE_AFTER);
        assert_eq!(world.tick(2 * GONE_AFTER - 1), Progress::Done);
        assert_eq!(world.server.records(), 1);
        assert_eq!(world.tick(2 * GONE_AFTER), Progress::Done);
        assert_eq!(world.server.records(), 0);
    }
}

#[test]
fn no_answer_depends_on_ticks() {
    let run = |tick_every: Option<u64>| {
        let mut world = World::new();
        let mut outputs = vec![];
        for now in 0..3 * GONE_AFTER {
            if tick_every.is_some_and(|every| now % every == 0) {
                let _ = world.tick(now);
            }
            match now % 97 {
                0 => outputs.push(world.request(now, Request::Register { id: id((now / 97 % 7) as u8) })),
                31 => outputs.push(world.handle(now, pulse_input(id((now / 31 % 7) as u8), HOME))),
                61 => outputs.push(world.request(
                    now,
                    Request::PeerStatus { caller: id((now / 61 % 7) as u8), peer: Some(id((now % 7) as u8)) },
                )),
                _ => {}
            }
        }
        outputs
    };
    let without = run(None);
    assert_eq!(without, run(Some(1)));
    assert_eq!(without, run(Some(50)));
}

#[test]
fn a_tick_that_is_done_leaves_nothing_due_and_one_that_is_not_leaves_something() {
    let mut world = World::new();
    for n in 0..100 {
        world.register(u64::from(n), id(n));
    }
    let end = GONE_AFTER + 49;
    for left in (0..5).rev() {
        let progress = world.tick_with_budget(end, 10);
        assert_eq!(progress, if left > 0 { Progress::More } else { Progress::Done });
        let due = world.server.poll_timeout().is_some_and(|deadline| deadline.is_due(at(end)));
        assert_eq!(due, left > 0);
    }
    assert_eq!(world.server.poll_timeout(), Some(at(GONE_AFTER + 50)));
    assert_eq!(world.server.counters().expired, 50);
}

#[test]
fn every_live_record_has_a_deadline_from_birth() {
    let mut world = World::new();
    assert_eq!(world.server.poll_timeout(), None);
    world.register(5, id(1));
    assert_eq!(world.server.poll_timeout(), Some(at(5 + GONE_AFTER)));
}

#[test]
fn a_hundred_thousand_clients_come_and_go_and_leave_nothing_behind() {
    let mut world = World::new();
    let mut most = 0;
    for n in 0..100_000_u64 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
        let id = ClientId::from_bytes(bytes);
        world.register(n, id);
        match n % 3 {
            0 => assert_eq!(world.pulse(n, id, HOME), PulseCode::OnTime),
            1 => assert_eq!(
                world.request(n, Request::Logout { caller: id }),
                response(Response::LoggedOut { client_id: id })
            ),
            _ => {}
        }
        assert_eq!(world.tick(n), Progress::Done);
        world.changes.clear();
        most = most.max(world.server.records());
    }
    assert!(world.server.memory() >= 32 * most, "an id and what is known of it take that much");
    assert!(most as u64 <= GONE_AFTER, "only those that are live at once are kept: {most}");
    assert!(world.server.capacity() <= 4 * most, "memory follows the most that were live at once");
    assert_eq!(world.tick(100_000 + GONE_AFTER), Progress::Done);
    assert_eq!((world.server.records(), world.server.deadlines()), (0, 0));
    assert_eq!(world.server.poll_timeout(), None);
    let counters = world.server.counters();
    assert_eq!((counters.registered, counters.logged_out + counters.expired), (100_000, 100_000));
}

#[test]
fn a_visit_shows_every_record() {
    let mut world = World::new();
    for n in 0..100 {
        world.register(0, id(n));
    }
    let (mut seen, mut from) = (vec![], Some(0));
    while let Some(here) = from {
        from = world.server.visit(here, &mut |id, record| seen.push((id, record)));
        assert!(from.is_none_or(|next| next > here), "stands still");
    }
    seen.sort_unstable_by_key(|(id, _)| *id.as_bytes());
    let expected: Vec<_> = (0..100).map(|n| (id(n), Record::registered(at(0)))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn unknown_keys_leave_nothing_behind() {
    let mut world = World::new();
    for n in 0..=255 {
        assert_eq!(world.pulse(0, id(n), HOME), PulseCode::NotFound);
    }
    assert_eq!((world.server.records(), world.server.deadlines(), world.server.capacity()), (0, 0, 0));
    assert_eq!(world.changes, []);
}

#[test]
fn counters_of_shards_add_up() {
    let mut sum = Counters { registered: 1, moved: u64::MAX, ..Counters::default() };
    sum += Counters { registered: 2, moved: 5, lookups_found: 3, ..Counters::default() };
    assert_eq!(sum, Counters { registered: 3, moved: u64::MAX, lookups_found: 3, ..Counters::default() });
}

#[test]
fn every_event_is_counted_once() {
    let mut world = World::new();
    world.server.restore(id(9), None);
    for now in [0, 0] {
        let _ = world.request(now, Request::Register { id: id(1) });
    }
    world.register(0, id(2));
    for source in [HOME, HOME, AWAY] {
        assert_eq!(world.pulse(1, id(1), source), PulseCode::OnTime);
    }
    for now in [LATE_AFTER + 1, LATE_AFTER + 2] {
        assert_eq!(world.pulse(now, id(1), HOME), PulseCode::Reverify);
        assert_eq!(world.pulse(now, id(3), HOME), PulseCode::NotFound);
        let _ = world.request(now, Request::Verify { caller: id(2) });
        let _ = world.request(now, Request::Verify { caller: id(3) });
    }
    for caller in [id(1), id(2), id(2), id(2)] {
        let _ = world.request(LATE_AFTER + 3, Request::Logout { caller });
    }
    assert_eq!(world.tick(GONE_AFTER), Progress::Done);
    let expected = Counters {
        registered: 2,
        taken: 1,
        restored: 1,
        pulses_on_time: 3,
        pulses_late: 2,
        pulses_unknown: 2,
        moved: 2,
        verified: 2,
        unauthorized: 4,
        logged_out: 2,
        expired: 1,
        ..Counters::default()
    };
    assert_eq!(*world.server.counters(), expected);
}

#[test]
fn there_is_room_for_those_that_are_there() {
    let mut world = World::new();
    for n in 0..100 {
        world.register(0, id(n));
    }
    assert!(world.server.capacity() >= world.server.records());
}

#[test]
fn a_record_is_shown_to_the_host_as_long_as_it_is_there_and_looking_changes_nothing() {
    let mut world = World::new();
    assert_eq!(world.server.record(id(1)), None);
    world.register(5, id(1));
    assert_eq!(world.pulse(7, id(1), HOME), PulseCode::OnTime);
    let record =
        Record { address: Some(HOME.parse().unwrap()), last_seen: Some(at(7)), last_pulse: Some(at(7)) };
    assert_eq!(world.server.record(id(1)), Some(record));
    assert_eq!(world.pulse(7 + GONE_AFTER, id(1), HOME), PulseCode::NotFound);
    assert_eq!(world.server.record(id(1)), Some(record), "gone, and not yet removed");
    assert_eq!(world.tick(7 + GONE_AFTER), Progress::Done);
    assert_eq!(world.server.record(id(1)), None);
}
