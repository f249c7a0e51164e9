//! How many clients are ONLINE, as told without looking at them.

use super::*;

#[test]
fn a_client_counts_as_online_from_being_heard_until_it_is_pending_or_leaves() {
    let mut world = World::new();
    let slice = world.server.online_resolution().0;
    assert_eq!(slice, 8);
    let online = |world: &World, now| world.server.online(clock(now));
    for n in 1..=4 {
        world.register(1000, id(n));
    }
    assert_eq!(online(&world, 1000), 4);
    assert_eq!(
        world.request(1100, Request::Logout { caller: id(1) }),
        response(Response::LoggedOut { client_id: id(1) })
    );
    world.server.withdraw(id(2));
    world.server.withdraw(id(2));
    assert_eq!(world.server.counters().withdrawn, 1, "there was one");
    assert_eq!(world.pulse(1200, id(3), HOME), PulseCode::OnTime);
    assert_eq!(online(&world, 1200), 2);
    assert_eq!(online(&world, 1000 + LATE_AFTER - 1), 2);
    assert_eq!(online(&world, 1000 + LATE_AFTER + slice), 1, "the fourth is PENDING");
    assert_eq!(world.pulse(1000 + LATE_AFTER + slice, id(4), HOME), PulseCode::Reverify);
    assert_eq!(online(&world, 1000 + LATE_AFTER + slice), 1, "a late pulse is not being heard");
    assert_eq!(online(&world, 1200 + LATE_AFTER + slice), 0);
    world.drain_until_idle(9000);
    assert_eq!((online(&world, 9000), world.server.records()), (0, 0));
}

#[test]
fn who_is_restored_is_pending_until_heard() {
    let mut world = World::new();
    world.server.restore(id(1), None);
    world.server.resume(clock(10), Instant::ZERO, &mut |_| {});
    assert_eq!((world.server.online(clock(10)), world.server.records()), (0, 1));
    assert_eq!(world.pulse(20, id(1), HOME), PulseCode::OnTime);
    assert_eq!(world.server.online(clock(20)), 1);
    world.server.restore(id(1), None);
    assert_eq!(world.server.online(clock(20)), 0, "what was in its place is forgotten");
}
