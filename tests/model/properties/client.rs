//! The client machine: what holds whatever happens to it, and that it keeps its id where the arithmetic says that it can.

use std::time::Instant as Watch;

use proptest::collection::vec;
use proptest::prelude::any;
use rendezvous_crowd::TestRng;
use rendezvous_model::fuzzing;
use rendezvous_model::reach::{Network, Reached, live};
use rendezvous_model::size::{Size, tell};
use rendezvous_protocol::{Millis, Timing};

use crate::harness;

const HOUR: u64 = 3_600_000;

#[test]
fn whatever_is_called_it_keeps_its_id_its_pace_and_its_word() {
    harness::check(file!(), 4_000, vec(any::<u8>(), 0..400), |data| {
        fuzzing::client(&data);
        Ok(())
    });
}

#[test]
fn a_fleet_that_loses_one_datagram_in_five_loses_no_id() {
    let clients = Size::get().pick("clients that live for 24 h at 20 % loss", 30, 300, 10_000);
    let reached = fleet(Timing::default(), clients, 24 * HOUR, 200_000);
    assert_eq!(reached.lost, 0, "{reached:?}");
    assert!(reached.reverified > 0, "with so much loss somebody is late once: {reached:?}");
}

#[test]
fn a_fleet_without_loss_is_never_late() {
    let reached = fleet(Timing::default(), 20, 24 * HOUR, 0);
    assert_eq!((reached.lost, reached.reverified), (0, 0), "{reached:?}");
    assert_eq!(reached.accepted, reached.pulses);
    // 24 h in steps of 20 to 23 s, and the second pulse after 3 s.
    let a_day = reached.pulses / 20;
    assert!((24 * 3600 / 23..=24 * 3600 / 20 + 1).contains(&a_day), "{a_day} pulses a day");
}

#[test]
fn with_half_of_all_datagrams_lost_as_many_ids_are_lost_as_the_arithmetic_says() {
    let clients = Size::get().pick("clients that live for 24 h at 50 % loss", 300, 1_500, 10_000);
    let timing = Timing::default();
    let reached = fleet(timing, clients, 24 * HOUR, 500_000);
    let a_pulse = chance_that_an_accepted_pulse_is_the_last(&timing, 0.5);
    let expected = a_pulse * reached.accepted as f64;
    tell(&format!(
        "50 % loss: {} of {} accepted pulses were the last before an id was lost, {:.2e} each; arithmetic: {expected:.1}, {a_pulse:.2e} each",
        reached.lost,
        reached.accepted,
        reached.lost as f64 / reached.accepted as f64,
    ));
    // Chance spreads what is counted by its root; the arithmetic leaves out that a client which was silent pulses a second time soon.
    let spread = 4.0 * expected.max(1.0).sqrt();
    let lost = reached.lost as f64;
    assert!(lost <= expected + spread && lost >= expected / 2.0 - spread, "{lost} of {expected:.1}");
}

/// Many clients, each with a server and a network of its own.
fn fleet(timing: Timing, clients: u64, length: u64, loss_per_million: u32) -> Reached {
    let began = Watch::now();
    let network = Network { loss_per_million, delay: Millis(50) };
    let threads = 2;
    let mut all = Reached::default();
    std::thread::scope(|scope| {
        let lives: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut all = Reached::default();
                    for client in (thread..clients).step_by(threads as usize) {
                        all += live(timing, network, Millis(length), client);
                    }
                    all
                })
            })
            .collect();
        for life in lives {
            all += life.join().unwrap();
        }
    });
    let days = (clients * length) as f64 / (24 * HOUR) as f64;
    tell(&format!(
        "{clients} clients for {} h at {} % loss: {} ids lost, {} times late; a client and day: {:.0} pulses, {:.1} requests; {:.1} s",
        length / HOUR,
        loss_per_million / 10_000,
        all.lost,
        all.reverified,
        all.pulses as f64 / days,
        all.requests as f64 / days,
        began.elapsed().as_secs_f64(),
    ));
    all
}

/// How likely the server accepts no pulse after this one, and no 1050 gets back, until it has forgotten the client: worked out from the
/// schedule alone, not from the machine. Pulses come 20 to 23 s apart, each repeated after 1, 3 and 7 s unless it is answered. Until
/// 31 s after the last accepted one a pulse counts if it arrives; from then on, if its answer arrives too.
fn chance_that_an_accepted_pulse_is_the_last(timing: &Timing, loss: f64) -> f64 {
    const SERIES: [u64; 4] = [0, 1_000, 3_000, 7_000];
    let (late, gone) = (timing.late_after().0, timing.gone_after().0);
    let arrives = 1.0 - loss;
    let answered = arrives * arrives;
    let missed = |silence: u64| match silence {
        silence if silence >= gone => 1.0,
        silence if silence >= late => 1.0 - answered,
        _ => loss,
    };
    // Which of the series it was: each further one is sent only if those before were not answered.
    let reached: Vec<f64> = (0..4).map(|at| (1.0 - answered).powi(at)).collect();
    let all: f64 = reached.iter().sum();
    let mut rng = TestRng::new(1);
    let samples = 20_000;
    let mut sum = 0.0;
    for _ in 0..samples {
        for (at, weight) in reached.iter().enumerate() {
            let last = SERIES[at];
            let rest: f64 = SERIES[at + 1..].iter().map(|pulse| missed(pulse - last)).product();
            // If its answer arrives there are no more of the series; otherwise there are, and they do not arrive.
            let here = arrives + loss * rest;
            let mut begins = 0;
            let mut later = 1.0;
            while begins < last + gone {
                begins += 20_000 + rng.below(3_001) as u64;
                later *= SERIES.iter().map(|pulse| missed(begins + pulse - last)).product::<f64>();
            }
            sum += weight / all * here * later;
        }
    }
    sum / f64::from(samples)
}
