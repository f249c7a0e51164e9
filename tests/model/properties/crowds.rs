//! Crowds: so many clients that the table splits its pages, among them such as no generator draws, whose ids agree in all
//! that the table goes by. Two servers get the same: one handles its pulses in batches and forgets a few clients at a time,
//! the other does one thing after the other. Both must say what a list of who was last heard when says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rendezvous_crowd::{at, id, source};
use rendezvous_model::size::Size;
use rendezvous_protocol::lifecycle::Registration;
use rendezvous_protocol::{Change, ClientId, Millis, Progress, Pulse, PulseCode, Server, Timing};

/// Ids that look random.
const RANDOM: u64 = 500;
/// Ids that differ in their last byte only.
const ALIKE: u64 = 100;

const INTERVAL: u64 = 300;
const GRACE: u64 = 20;
const ERROR_TIME: u64 = 500;

#[derive(Clone, Debug)]
enum Step {
    Register { first: u64, count: u64 },
    Pulse { clients: Vec<u64> },
    Verify(u64),
    Logout { first: u64, count: u64 },
    Pass(u64),
    Tick { budget: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..RANDOM + ALIKE;
    prop_oneof![
        4 => (client.clone(), 1..200_u64).prop_map(|(first, count)| Step::Register { first, count }),
        6 => prop::collection::vec(client.clone(), 0..150).prop_map(|clients| Step::Pulse { clients }),
        1 => client.clone().prop_map(Step::Verify),
        1 => (client, 1..100_u64).prop_map(|(first, count)| Step::Logout { first, count }),
        3 => prop_oneof![0..40_u64, Just(INTERVAL + GRACE), Just(INTERVAL + ERROR_TIME)].prop_map(Step::Pass),
        3 => (0..80_usize).prop_map(|budget| Step::Tick { budget }),
    ]
}

fn name(n: u64) -> ClientId {
    if n < RANDOM {
        return id(n);
    }
    let mut bytes = [0xab; ClientId::LEN];
    bytes[ClientId::LEN - 1] = (n - RANDOM) as u8;
    ClientId::from_bytes(bytes)
}

/// The clients from `first` on, beginning again after the last.
fn clients(first: u64, count: u64) -> impl Iterator<Item = u64> {
    (first..first + count).map(|n| n % (RANDOM + ALIKE))
}

fn server() -> Server {
    Server::new(Timing::new(Millis(INTERVAL), Millis(GRACE), Millis(ERROR_TIME)).unwrap())
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut batched, mut single) = (server(), server());
    let (mut heard, mut now, mut most) = (BTreeMap::new(), 0, 0);
    for step in steps {
        let living = |heard: &BTreeMap<u64, u64>, n| {
            heard.get(&n).is_some_and(|&then| now < then + INTERVAL + ERROR_TIME)
        };
        match step {
            &Step::Register { first, count } => {
                for n in clients(first, count) {
                    let expected =
                        if living(&heard, n) { Registration::Taken } else { Registration::Registered };
                    prop_assert_eq!(batched.register(at(now), name(n)).answer, expected);
                    prop_assert_eq!(single.register(at(now), name(n)).answer, expected);
                    if expected == Registration::Registered {
                        heard.insert(n, now);
                    }
                }
            }
            Step::Pulse { clients } => {
                let pulses: Vec<_> =
                    clients.iter().map(|&n| Pulse { id: name(n), source: source(n) }).collect();
                let mut outcomes = vec![];
                batched.pulse_batch(at(now), &pulses, &mut |index, outcome| {
                    assert_eq!(index, outcomes.len());
                    outcomes.push(outcome);
                });
                for ((&n, pulse), outcome) in clients.iter().zip(&pulses).zip(outcomes) {
                    let expected = match heard.get(&n) {
                        Some(&then) if now < then + INTERVAL + GRACE => PulseCode::OnTime,
                        _ if living(&heard, n) => PulseCode::Reverify,
                        _ => PulseCode::NotFound,
                    };
                    prop_assert_eq!(outcome.answer, expected, "client {} at {}", n, now);
                    prop_assert_eq!(single.pulse(at(now), pulse.id, pulse.source), outcome);
                    if expected == PulseCode::OnTime {
                        heard.insert(n, now);
                    }
                }
            }
            &Step::Verify(n) => {
                let known = living(&heard, n);
                prop_assert_eq!(batched.verify(at(now), name(n)).answer.is_ok(), known);
                prop_assert_eq!(single.verify(at(now), name(n)).answer.is_ok(), known);
                if known {
                    heard.insert(n, now);
                }
            }
            &Step::Logout { first, count } => {
                for n in clients(first, count) {
                    let known = living(&heard, n);
                    prop_assert_eq!(batched.logout(at(now), name(n)).answer.is_ok(), known);
                    prop_assert_eq!(single.logout(at(now), name(n)).answer.is_ok(), known);
                    heard.remove(&n);
                }
            }
            &Step::Pass(millis) => now += millis,
            &Step::Tick { budget } => {
                let mut removed = 0;
                let progress = batched.tick(at(now), budget, &mut |change| {
                    assert!(matches!(change, Change::Removed { .. }));
                    removed += 1;
                });
                prop_assert!(removed <= budget);
                let due = batched.poll_timeout().is_some_and(|next| next.is_due(at(now).now));
                prop_assert_eq!(due, progress == Progress::More);
                while single.tick(at(now), usize::MAX, &mut |_| {}) == Progress::More {}
                heard.retain(|_, &mut then| now < then + INTERVAL + ERROR_TIME);
                prop_assert_eq!(single.records(), heard.len());
                if progress == Progress::Done {
                    prop_assert_eq!(batched.records(), heard.len());
                }
            }
        }
        most = most.max(batched.records());
        prop_assert!(batched.records() >= single.records());
        for server in [&batched, &single] {
            prop_assert_eq!(server.deadlines(), server.records());
            prop_assert!(server.capacity() >= server.records() && server.capacity() <= 4 * most.max(64));
            // Bounded, whatever the ids are like; with so few clients a chunk of pages is most of it.
            prop_assert!(server.memory() <= 24_000 + 400 * most, "{} bytes for {}", server.memory(), most);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400 * Size::get().pick("the cases of crowds, as a multiple of what is quick", 1, 5, 50),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_crowd_is_answered_alike_in_batches_and_one_by_one(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps)?;
    }
}
