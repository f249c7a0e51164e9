//! The lifecycle's own functions against the formulas of the specification, for records and times of any kind.

use proptest::option;
use rendezvous_model::strategy;
use rendezvous_protocol::lifecycle::{Context, Phase, deadline, phase};
use rendezvous_protocol::{Instant, Record};

use crate::harness;

#[test]
fn a_records_phase_and_deadline_are_those_of_the_formulas() {
    // Small times, so that they meet; the timings are as short as these, or much longer.
    let time = || 0..4_000_u64;
    let seen = option::weighted(0.9, time());
    let around = (strategy::any_timing(), time(), time(), -1..=1_i64);
    harness::check(file!(), 2_000, (seen, around), |(seen, (timing, resumed, later, offset))| {
        let record = Record { address: None, last_seen: seen.map(Instant::from_millis), last_pulse: None };
        let resumed_at = Instant::from_millis(resumed);
        let judged_from = seen.unwrap_or(0).max(resumed);
        let late = timing.pulse_interval().0 + timing.pulse_grace().0;
        let gone = timing.pulse_interval().0 + timing.error_time().0;
        if deadline(&record, &timing, resumed_at).as_millis() != judged_from + gone {
            return Err(format!("{record:?} has another deadline than {judged_from} + {gone}"));
        }
        for from in [seen.unwrap_or(0), judged_from] {
            for after in [0, later, late, gone] {
                let now = (from + after).saturating_add_signed(offset);
                // A clock that is behind the record stands still.
                let counted = now.max(seen.unwrap_or(0));
                let expected = if counted >= judged_from + gone {
                    None
                } else if seen.is_some_and(|seen| counted < seen + late) {
                    Some(Phase::Online)
                } else if counted < judged_from + late {
                    Some(Phase::PendingOnTime)
                } else {
                    Some(Phase::PendingLate)
                };
                let cx = Context { timing, resumed_at, now: Instant::from_millis(now) };
                if phase(&record, &cx) != expected {
                    return Err(format!(
                        "{record:?} in {cx:?} is {:?}, not {expected:?}",
                        phase(&record, &cx)
                    ));
                }
            }
        }
        Ok(())
    });
}
