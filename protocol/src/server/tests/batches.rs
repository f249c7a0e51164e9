//! A batch is nothing but its pulses, one after the other.

use super::*;

/// Two servers with the same clients: some on time, some late, some gone.
fn twins() -> [World; 2] {
    [World::new(), World::new()].map(|mut world| {
        for n in 0..150 {
            world.register(u64::from(n), id(n));
        }
        world
    })
}

#[test]
fn a_batch_is_answered_like_its_pulses_one_by_one() {
    for now in [0, LATE_AFTER + 70, GONE_AFTER + 70] {
        let [mut batched, mut single] = twins();
        // Longer than what is fetched at a time; some ids are nobody's, some come twice, from two addresses.
        let pulses: Vec<_> = (0..2 * Server::BATCH + 1)
            .map(|n| Pulse {
                id: id((n * 7 % 200) as u8),
                source: addr(if n.is_multiple_of(3) { HOME } else { AWAY }),
            })
            .collect();
        let mut outcomes = vec![];
        batched
            .server
            .pulse_batch(clock(now), &pulses, &mut |index, outcome| outcomes.push((index, outcome)));
        let expected: Vec<_> = (pulses.iter().enumerate())
            .map(|(index, pulse)| (index, single.server.pulse(clock(now), pulse.id, pulse.source)))
            .collect();
        assert_eq!(outcomes, expected);
        assert_eq!(batched.server.counters(), single.server.counters());
        for n in 0..150 {
            let look = |world: &mut World| world.server.observe(clock(now + 1), id(n));
            assert_eq!(look(&mut batched), look(&mut single), "{n} at {now}");
        }
    }
}

#[test]
fn fetching_ahead_changes_nothing() {
    let [mut world, mut untouched] = twins();
    let ids: Vec<_> = (0..=255).map(id).collect();
    Server::prefetch(ids.iter().map(|&id| (&world.server, id)));
    Server::prefetch(core::iter::empty());
    for &id in &ids {
        assert_eq!(world.server.observe(clock(200), id), untouched.server.observe(clock(200), id));
    }
    assert_eq!(world.server.counters(), untouched.server.counters());
}
