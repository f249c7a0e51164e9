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
    assert_eq!(world.handle(back, Input::Resume { since: at(0) }), Output::Resumed);
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
        world.server.resume(clock(now), Instant::ZERO, &mut |_| {});
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

#[test]
fn while_judged_on_time_a_pending_client_may_do_all_that_a_pending_one_may() {
    let back = 3 * GONE_AFTER;
    let resumed = || {
        let mut world = World::new();
        for id in [id(1), id(2)] {
            world.register(0, id);
            assert_eq!(world.pulse(0, id, HOME), PulseCode::OnTime);
        }
        assert_eq!(world.handle(back, Input::Resume { since: at(0) }), Output::Resumed);
        world
    };

    let mut world = resumed();
    assert_eq!(world.look_up(back, id(1), id(2)), Ok(addr(HOME)), "look others up");
    assert_eq!(world.status(back, id(1), id(2)), Ok((Status::Pending, Some(Millis(back)))));

    let mut world = resumed();
    let verified = world.request(back, Request::Verify { caller: id(1) });
    assert_eq!(verified, response(Response::Verified { client_id: id(1), timestamp: unix(back) }));
    assert_eq!(world.status(back, id(1), id(1)), Ok((Status::Online, Some(Millis(back)))), "verify");

    let mut world = resumed();
    let logged_out = world.request(back, Request::Logout { caller: id(1) });
    assert_eq!(logged_out, response(Response::LoggedOut { client_id: id(1) }), "log out");
    assert_eq!(world.look_up(back, id(2), id(1)), Err(Rejection::UnknownPeer));

    let mut world = resumed();
    assert_eq!(world.request(back, Request::Register { id: id(1) }), Output::Taken, "and its id is taken");
}

#[test]
fn a_restored_address_has_one_form_too() {
    let mut world = World::new();
    world.server.restore(id(1), Some(addr("[::ffff:192.0.2.7]:4000")));
    world.server.resume(clock(0), Instant::ZERO, &mut |_| {});
    assert_eq!(world.look_up(0, id(1), id(1)), Ok(addr(HOME)));
    assert_eq!(world.pulse(0, id(1), HOME), PulseCode::OnTime);
    assert_eq!(world.changes, [], "it did not move");
}

#[test]
fn regression_who_was_gone_before_an_absence_stays_gone_with_or_without_a_tick() {
    // A resume used to bring a client back that had been answered 1060 before, unless a tick had removed it.
    for ticked in [false, true] {
        let mut world = World::new();
        let (gone, living) = (id(1), id(2));
        world.register(0, gone);
        world.register(1, living);
        world.changes.clear();
        if ticked {
            assert_eq!(world.tick(GONE_AFTER), Progress::Done);
        }
        let back = 5 * GONE_AFTER;
        assert_eq!(world.handle(back, Input::Resume { since: at(GONE_AFTER) }), Output::Resumed);
        assert_eq!(world.changes, [Change::Removed { id: gone, cause: Removal::Expired }]);
        assert_eq!(world.pulse(back, gone, HOME), PulseCode::NotFound);
        assert_eq!(world.pulse(back, living, HOME), PulseCode::OnTime);
        assert_eq!(world.server.records(), 1);
    }
}

#[test]
fn who_was_answered_1060_stays_gone_whatever_the_host_says_of_its_absence() {
    for since in [0, GONE_AFTER, u64::MAX] {
        let mut world = World::new();
        world.register(0, id(1));
        world.register(GONE_AFTER, id(2));
        assert_eq!(world.pulse(GONE_AFTER, id(1), HOME), PulseCode::NotFound);
        assert_eq!(world.handle(GONE_AFTER + 1, Input::Resume { since: at(since) }), Output::Resumed);
        assert_eq!(world.pulse(GONE_AFTER + 1, id(1), HOME), PulseCode::NotFound, "since {since}");
        assert_eq!(world.pulse(GONE_AFTER + 1, id(2), HOME), PulseCode::OnTime, "since {since}");
    }
}

#[test]
fn however_many_were_gone_before_an_absence_all_of_them_stay_gone() {
    let mut world = World::new();
    let gone = |n: u64| ClientId::from_bytes((u128::from(n) << 64 | u128::from(n)).to_le_bytes());
    for n in 0..5_000 {
        world.register(0, gone(n));
    }
    let back = 5 * GONE_AFTER;
    assert_eq!(world.handle(back, Input::Resume { since: at(GONE_AFTER) }), Output::Resumed);
    assert_eq!(world.server.records(), 0);
    assert!((0..5_000).all(|n| world.pulse(back, gone(n), HOME) == PulseCode::NotFound));
}
