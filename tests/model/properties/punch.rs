//! The punch machine: what holds whatever arrives, and how well two of them find each other through loss.

use proptest::collection::vec;
use proptest::prelude::any;
use rendezvous_crowd::TestRng;
use rendezvous_model::fuzzing;
use rendezvous_model::reach::{Meeting, Network, meet};
use rendezvous_model::size::{Size, tell};
use rendezvous_protocol::Millis;
use rendezvous_protocol::punch::MAX_PROBES;

use crate::harness;

#[test]
fn whatever_arrives_it_floods_nobody_and_connects_only_to_who_answers() {
    harness::check(file!(), 4_000, vec(any::<u8>(), 0..400), |data| {
        fuzzing::punch(&data);
        Ok(())
    });
}

#[test]
fn a_tenth_lost_and_200_ms_there_and_back_is_no_obstacle() {
    meets(100_000, 99.9);
}

#[test]
fn nor_is_a_quarter_lost() {
    meets(250_000, 99.0);
}

/// Many pairs, behind port-restricted NATs, the second of which begins up to a second later.
fn meets(loss_per_million: u32, per_cent: f64) {
    let pairs = Size::get().pick("pairs that punch through loss", 2_000, 20_000, 200_000_u64);
    let network = Network { loss_per_million, delay: Millis(100) };
    let mut rng = TestRng::new(u64::from(loss_per_million));
    let mut times = vec![];
    let mut attempts = [0_u64; 3];
    for _ in 0..pairs {
        let later = Millis(rng.below(1_000) as u64);
        let Meeting { connected, most_probes } = meet(network, later, rng.number());
        assert!(most_probes <= MAX_PROBES, "{most_probes} probes");
        if let Some((attempt, took)) = connected {
            attempts[attempt as usize - 1] += 1;
            times.push(took);
        }
    }
    times.sort_unstable();
    let rate = 100.0 * times.len() as f64 / pairs as f64;
    tell(&format!(
        "{} % loss, 200 ms there and back: {rate:.3} % of {pairs} pairs connect, in the first attempt {}, second {}, third {}; \
         median {} ms, 99 % within {} ms",
        loss_per_million / 10_000,
        attempts[0],
        attempts[1],
        attempts[2],
        times[times.len() / 2].0,
        times[times.len() * 99 / 100].0,
    ));
    assert!(rate >= per_cent, "{rate} %");
}
