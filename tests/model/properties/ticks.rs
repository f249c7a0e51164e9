//! I3: no answer depends on whether or when a tick comes.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use rendezvous_model::{strategy, ticks};

use crate::harness;

#[test]
fn ticks_put_in_anywhere_change_no_answer() {
    let budget =
        prop_oneof![Just(None), Just(Some(u32::MAX)), any::<u8>().prop_map(|n| Some(u32::from(n % 3)))];
    harness::check(file!(), 1_000, (strategy::scenario(80), vec(budget, 1..20)), |(scenario, budgets)| {
        let without = ticks::without(&scenario);
        let mut chosen = budgets.iter().cycle();
        let with = ticks::with(&without, || *chosen.next().unwrap());
        if ticks::outputs(&with) == ticks::outputs(&without) {
            Ok(())
        } else {
            Err(format!("without ticks: {}\nwith ticks: {}", without.to_json(), with.to_json()))
        }
    });
}
