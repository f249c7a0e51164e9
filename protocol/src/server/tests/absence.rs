//! The server was away, or its clock is odd.

use super::*;

#[test]
fn the_servers_own_absence_does_not_count_against_a_client() {
    let mut world = World::new();
    let (a, b) = (id(1), id(2));
    for id in [a, b] {
        world.register(0, id);
        assert_eq!(world.pulse(0, id, HOME), PulseCode::OnTime);
    }
    let back = 3 * GONE_AFTER;
    assert_eq!(world.handle(back, Input::Resume), Output::Resumed);
    assert_eq!(world.tick(back), Progress::Done);
    assert_eq!(world.server.records(), 2, "nobody is gone");
    assert_eq!(
        world.status(back, a, b),
        Ok((Status::Pending, Some(Millis(back)))),
        "nobody is shown ONLINE falsely"
    );
    assert_eq!(world.pulse(back + LATE_AFTER - 1, a, AWAY), PulseCode::OnTime);
    assert_eq!(world.pulse(back + LATE_AFTER, b, AWAY), PulseCode::Reverify);
    assert_eq!(world.pulse(back + GONE_AFTER - 1, b, AWAY), PulseCode::Reverify);
    assert_eq!(world.pulse(back + GONE_AFTER, b, AWAY), PulseCode::NotFound);
}

#[test]
fn a_restored_client_is_pending_and_its_first_pulse_in_time_is_accepted() {
    for now in [0, 500_000] {
        let mut world = World::new();
        let (a, b, c) = (id(1), id(2), id(3));
        for id in [a, b] {
            world.server.restore(id, Some(addr(HOME)));
        }
        world.server.restore(c, None);
        world.server.resume(clock(now));
        world.drain_until_idle(now);
        assert_eq!(world.server.records(), 3);
        assert_eq!(world.status(now, a, b), Ok((Status::Pending, None)));
        assert_eq!(world.look_up(now, a, b), Ok(addr(HOME)), "where it was last");
        assert_eq!(world.look_up(now, a, c), Err(Rejection::AddressUnknown));
        assert_eq!(world.pulse(now + LATE_AFTER - 1, a, HOME), PulseCode::OnTime);
        assert_eq!(world.changes, [], "and it did not move");
        assert_eq!(world.status(now + LATE_AFTER, a, a), Ok((Status::Online, Some(Millis(1)))));
        assert_eq!(world.pulse(now + LATE_AFTER, b, HOME), PulseCode::Reverify);
        assert_eq!(world.tick(now + GONE_AFTER), Progress::Done);
        assert_eq!(world.server.records(), 1, "the silent ones are gone");
    }
}

#[test]
fn a_clock_that_runs_backwards_stands_still() {
    let mut world = World::new();
    let a = id(1);
    world.register(10_000, a);
    assert_eq!(world.pulse(10_000, a, HOME), PulseCode::OnTime);
    assert_eq!(world.pulse(0, a, HOME), PulseCode::OnTime);
    assert_eq!(world.status(0, a, a), Ok((Status::Online, Some(Millis(0)))));
    assert_eq!(world.pulse(10_000 + LATE_AFTER, a, HOME), PulseCode::Reverify);
    assert_eq!(world.pulse(10_000, a, HOME), PulseCode::Reverify, "what was late stays late");
}

#[test]
fn the_clocks_last_reading_is_no_special_case() {
    let mut world = World::new();
    let last = Instant::MAX.as_millis();
    world.register(last, id(1));
    assert_eq!(world.tick(u64::MAX), Progress::Done);
    assert_eq!(world.pulse(u64::MAX, id(1), HOME), PulseCode::OnTime);
    assert!(world.server.poll_timeout().is_some_and(|deadline| !deadline.is_due(Instant::MAX)));
}
