//! What the work with a shared store comes down to, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::histogram::{Histogram, Reading};

/// Counts since the start. They are read one after the other, so they may differ by what happens in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedStats {
    /// Pipelines that were sent.
    pub round_trips: u64,
    /// Commands in them.
    pub commands: u64,
    /// Pipelines that had no answer in time, or whose connection broke.
    pub failures: u64,
    /// Commands that another server had to be asked for.
    pub redirects: u64,
    /// Writes that came too late, since another had changed the record: each was decided again.
    pub conflicts: u64,
    /// Values that are no record of their client.
    pub damaged: u64,
    /// Markers that were not there: of a new store, or of one that was emptied.
    pub markers_missing: u64,
    /// Outages of the store that a marker told of; each partition counts.
    pub outages: u64,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Microseconds that each pipeline took, from 64 to two seconds.
    round_trips: Histogram<6, 17>,
    commands: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) redirects: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) markers_missing: AtomicU64,
    pub(super) outages: AtomicU64,
}

impl Meter {
    pub(super) fn sent(&self, commands: usize, waited: Duration) {
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.round_trips.note(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many microseconds pipelines took, those included that failed.
    pub(super) fn latency(&self) -> Reading {
        self.round_trips.read()
    }

    pub(super) fn read(&self) -> SharedStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SharedStats {
            round_trips: self.round_trips.read().count(),
            commands: of(&self.commands),
            failures: of(&self.failures),
            redirects: of(&self.redirects),
            conflicts: of(&self.conflicts),
            damaged: of(&self.damaged),
            markers_missing: of(&self.markers_missing),
            outages: of(&self.outages),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
