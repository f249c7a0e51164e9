//! How many clients are ONLINE is known without looking at them, and is what looking at all of them says.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use rendezvous_protocol::{ClientId, Clock, Instant, Millis, Server, Timing, UnixTime};

use crate::harness;

/// What may happen to the client of a number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(u8),
    Pulse(u8),
    Verify(u8),
    Logout(u8),
    Withdraw(u8),
    Restore(u8),
    LookUp(u8),
    Tick(usize),
    Resume,
}

#[test]
fn who_is_online_is_counted_as_if_all_were_looked_at() {
    let steps = vec((pause(), step()), 1..200);
    harness::check(file!(), 1_000, (timing(), steps), |(timing, steps)| {
        let mut server = Server::new(timing);
        let mut now = 0;
        for (number, &(pause, step)) in steps.iter().enumerate() {
            now += pause;
            let at = clock(now);
            apply(&mut server, at, step);
            // Also what it will be without a further call.
            for later in [0, 1, timing.late_after().0 / 2, timing.late_after().0] {
                compare(&server, &timing, now + later)
                    .map_err(|wrong| format!("after step {number}, {step:?} at {now}: {wrong}"))?;
            }
        }
        Ok(())
    });
}

/// Nobody is missed, and whoever is counted too many was heard within one slice of the limit.
fn compare(server: &Server, timing: &Timing, now: u64) -> Result<(), String> {
    let slice = server.online_resolution().0;
    let (mut online, mut just_late) = (0, 0);
    let mut next = Some(0);
    while let Some(page) = next {
        next = server.visit(page, &mut |_, record| {
            let Some(seen) = record.last_seen else { return };
            let heard = now - seen.as_millis();
            online += usize::from(heard < timing.late_after().0);
            just_late += usize::from((0..slice).contains(&heard.wrapping_sub(timing.late_after().0)));
        });
    }
    let told = server.online(clock(now));
    if (online..=online + just_late).contains(&told) && told <= server.records() {
        Ok(())
    } else {
        Err(format!("{told} online at {now}, where {online} are, and {just_late} were until a slice ago"))
    }
}

fn apply(server: &mut Server, at: Clock, step: Step) {
    let source = SocketAddr::from(([192, 0, 2, 7], 4000));
    match step {
        Step::Register(n) => drop(server.register(at, id(n))),
        Step::Pulse(n) => drop(server.pulse(at, id(n), source)),
        Step::Verify(n) => drop(server.verify(at, id(n))),
        Step::Logout(n) => drop(server.logout(at, id(n))),
        Step::Withdraw(n) => server.withdraw(id(n)),
        Step::Restore(n) => server.restore(id(n), Some(source)),
        Step::LookUp(n) => drop(server.observe(at, id(n))),
        Step::Tick(budget) => drop(server.tick(at, budget, &mut |_| {})),
        Step::Resume => server.resume(at, Instant::ZERO, &mut |_| {}),
    }
}

/// Short ones and long ones; the default; and one whose clients are gone a millisecond after they are late.
fn timing() -> impl Strategy<Value = Timing> {
    let any = (1..100_000_u64, 0..3_000_u64, 1..10_000_u64);
    prop_oneof![
        Just((30_000, 1_000, 180_000)),
        Just((30_000, 1_000, 1_001)),
        Just((500, 100, 900)),
        Just((4_000_000, 1_000, 10_000)),
        any.prop_map(|(interval, grace, more)| (interval, grace, grace + more)),
    ]
    .prop_map(|(interval, grace, error)| Timing::new(Millis(interval), Millis(grace), Millis(error)).unwrap())
}

/// Milliseconds until the next step: none, few, or up to more than a client's whole life.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..20_u64, 0..1_000_u64, 0..40_000_u64, 0..400_000_u64]
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..24_u8;
    prop_oneof![
        4 => n.clone().prop_map(Step::Register),
        6 => n.clone().prop_map(Step::Pulse),
        2 => n.clone().prop_map(Step::Verify),
        1 => n.clone().prop_map(Step::Logout),
        1 => n.clone().prop_map(Step::Withdraw),
        1 => n.clone().prop_map(Step::Restore),
        1 => n.prop_map(Step::LookUp),
        2 => any::<u8>().prop_map(|n| Step::Tick(usize::from(n))),
        1 => Just(Step::Resume),
    ]
}

fn id(n: u8) -> ClientId {
    ClientId::from_bytes([n.wrapping_mul(151); 16])
}

fn clock(millis: u64) -> Clock {
    Clock { now: Instant::from_millis(millis), unix: UnixTime::from_millis(millis) }
}
