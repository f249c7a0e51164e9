//! The last hour in samples, in memory that does not grow: what the status page draws.

use std::collections::VecDeque;

use rendezvous_protocol::{Instant, Millis};
use serde::Serialize;

use crate::Stats;

/// How long from one sample to the next.
const PERIOD: Millis = Millis::from_secs(5);

/// How many samples there are at most: an hour of them.
const SAMPLES: usize = 720;

/// What happened lately, sample by sample.
#[derive(Debug)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
    /// What the next sample is the difference to.
    before: (Instant, Totals),
}

/// The clients at one moment, and what happened in the time before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    at: Instant,
    /// How long it is since the sample before: [`PERIOD`], or longer if the process did not run.
    span: Millis,
    online: u64,
    pending: u64,
    since: Totals,
}

/// The samples by columns, the oldest first: what a program draws charts of. All but clients are numbers of events within
/// a sample's span.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Columns {
    /// How long ago each sample was taken, in milliseconds.
    age_ms: Vec<u64>,
    span_ms: Vec<u64>,
    online: Vec<u64>,
    pending: Vec<u64>,
    on_time: Vec<u64>,
    late: Vec<u64>,
    unknown: Vec<u64>,
    registrations: Vec<u64>,
    lookups: Vec<u64>,
    dropped: Vec<u64>,
    kernel_drops: Vec<u64>,
    refused: Vec<u64>,
}

/// What only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    on_time: u64,
    late: u64,
    unknown: u64,
    registrations: u64,
    lookups: u64,
    dropped: u64,
    kernel_drops: u64,
    refused: u64,
}

impl History {
    /// An empty history of a process that runs since `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { samples: VecDeque::with_capacity(SAMPLES), before: (now, Totals::default()) }
    }

    /// Whether the next sample is to be taken.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        (self.before.0 + PERIOD).is_due(now)
    }

    /// Takes a sample. The oldest one goes if there are too many.
    pub(crate) fn take(&mut self, now: Instant, stats: &Stats) {
        let (then, before) = self.before;
        let totals = Totals::of(stats);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            at: now,
            span: now.since(then),
            online: stats.online as u64,
            pending: stats.pending() as u64,
            since: totals.since(&before),
        });
        self.before = (now, totals);
    }

    /// All samples that are there, seen from `now`.
    pub(crate) fn columns(&self, now: Instant) -> Columns {
        let mut columns = Columns::default();
        for sample in &self.samples {
            columns.age_ms.push(now.since(sample.at).0);
            columns.span_ms.push(sample.span.0);
            columns.online.push(sample.online);
            columns.pending.push(sample.pending);
            let Totals { on_time, late, unknown, registrations, lookups, dropped, kernel_drops, refused } =
                sample.since;
            columns.on_time.push(on_time);
            columns.late.push(late);
            columns.unknown.push(unknown);
            columns.registrations.push(registrations);
            columns.lookups.push(lookups);
            columns.dropped.push(dropped);
            columns.kernel_drops.push(kernel_drops);
            columns.refused.push(refused);
        }
        columns
    }
}

impl Totals {
    fn of(stats: &Stats) -> Self {
        let counters = &stats.counters;
        Self {
            on_time: counters.pulses_on_time,
            late: counters.pulses_late,
            unknown: counters.pulses_unknown,
            registrations: counters.registered,
            lookups: counters.lookups_found + counters.lookups_unknown,
            dropped: counters.dropped_wrong_length + counters.dropped_port_zero,
            kernel_drops: stats.kernel_drops,
            refused: stats.refused.total(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            on_time: self.on_time.saturating_sub(before.on_time),
            late: self.late.saturating_sub(before.late),
            unknown: self.unknown.saturating_sub(before.unknown),
            registrations: self.registrations.saturating_sub(before.registrations),
            lookups: self.lookups.saturating_sub(before.lookups),
            dropped: self.dropped.saturating_sub(before.dropped),
            kernel_drops: self.kernel_drops.saturating_sub(before.kernel_drops),
            refused: self.refused.saturating_sub(before.refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    fn stats(pulses: u64) -> Stats {
        let mut stats = Stats { records: 3, online: 2, ..Stats::default() };
        stats.counters.pulses_on_time = pulses;
        stats.counters.registered = 2 * pulses;
        stats.refused.lookups = pulses + 1;
        stats
    }

    #[test]
    fn a_sample_is_due_five_seconds_after_the_one_before() {
        let mut history = History::new(at(100));
        assert!(!history.is_due(Instant::from_millis(104_999)) && history.is_due(at(105)));
        history.take(at(106), &stats(1));
        assert!(!history.is_due(Instant::from_millis(110_999)) && history.is_due(at(111)));
    }

    #[test]
    fn a_sample_holds_the_clients_of_its_moment_and_what_happened_since_the_one_before() {
        let mut history = History::new(at(100));
        history.take(at(105), &stats(10));
        history.take(at(112), &stats(25));
        let columns = history.columns(at(113));
        assert_eq!((columns.age_ms, columns.span_ms), (vec![8000, 1000], vec![5000, 7000]));
        assert_eq!((columns.online, columns.pending), (vec![2, 2], vec![1, 1]));
        assert_eq!((columns.on_time, columns.registrations), (vec![10, 15], vec![20, 30]));
        assert_eq!((columns.refused, columns.late), (vec![11, 15], vec![0, 0]));
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut history = History::new(at(0));
        let room = history.samples.capacity();
        for n in 1..=2000 {
            history.take(at(5 * n), &stats(n));
        }
        assert_eq!((history.samples.len(), history.samples.capacity()), (SAMPLES, room));
        let columns = history.columns(at(10_000));
        assert_eq!((columns.age_ms[0], columns.age_ms[SAMPLES - 1]), (3_595_000, 0));
        assert!(columns.on_time.iter().all(|&pulses| pulses == 1));
    }
}
