//! Whether the store was away. Each partition has a marker that the nodes keep refreshing: a gap in that tells of an outage, whoever
//! is back first says so in the marker, and no client is blamed for silence before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Monotonic};

use redis::Value;
use rendezvous_protocol::{Instant, Timing};

use super::keys::{Keys, PARTITIONS};
use super::link::{Call, Link, Reply};
use super::meter::count;
use super::scripts;

/// How often the markers are refreshed at least, and at most.
const LONGEST_PERIOD: Duration = Duration::from_secs(1);
const SHORTEST_PERIOD: Duration = Duration::from_millis(20);

/// How long a marker may go without a refresh before that is an outage, unless the timing calls for another: a machine that is busy
/// for a moment is none.
const GAP: Duration = Duration::from_millis(2500);

/// What this node knows of the markers.
#[derive(Debug)]
pub(super) struct Markers {
    began: Monotonic,
    period: Duration,
    gap: Duration,
    partitions: Vec<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the store's clock.
    resumed_at: AtomicU64,
    /// By the store's clock, when that was last so.
    seen_at: AtomicU64,
    /// By the clock of the process, in milliseconds since `began`, for how long the store counts as there.
    until: AtomicU64,
}

impl Markers {
    pub(super) fn new(timing: &Timing) -> Self {
        // An outage that nobody notices costs clients a part of the error time: never more than half of it.
        let gap = GAP.min(Duration::from(timing.error_time()) / 2).max(timing.pulse_grace().into());
        let period = (gap * 2 / 5).clamp(SHORTEST_PERIOD, LONGEST_PERIOD);
        let partitions = (0..PARTITIONS).map(|_| Known::default()).collect();
        Self { began: Monotonic::now(), period, gap, partitions }
    }

    /// How often [`Markers::refresh`] is to be called.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// When the store of this partition was last back, as of `now` by its clock; `None` if nobody looked for so long that it may
    /// have been away since.
    pub(super) fn resumed_at(&self, partition: u8, now: Instant) -> Option<Instant> {
        let known = &self.partitions[usize::from(partition)];
        let seen_at = known.seen_at.load(Ordering::Acquire);
        (now.as_millis() < seen_at.saturating_add(self.gap_millis()))
            .then(|| Instant::from_millis(known.resumed_at.load(Ordering::Acquire)))
    }

    /// Whether the store was there just now, all of it.
    pub(super) fn all_known(&self) -> bool {
        let now = self.elapsed();
        self.partitions.iter().all(|known| now < known.until.load(Ordering::Acquire))
    }

    /// Refreshes all of them.
    pub(super) fn refresh(&self, link: &mut Link, keys: &Keys) {
        let gap = self.gap_millis();
        let calls: Vec<Call> = (0..=u8::MAX)
            .map(|partition| Call { partition, command: scripts::beat(&keys.marker(partition), gap) })
            .collect();
        // Counted from before the store was asked.
        let until = self.elapsed().saturating_add(gap);
        let (mut missing, mut outages) = (0, 0);
        for (partition, reply) in self.partitions.iter().zip(link.call(&calls, false)) {
            let Ok(reply) = reply else { continue };
            let Some((resumed_at, news)) = read(&reply) else { continue };
            let meter = &link.servers().meter;
            // In this order: whoever sees the later time must not miss the outage before it.
            let before = partition.resumed_at.swap(resumed_at, Ordering::AcqRel);
            // Another node may have been back first, or a call of this one that nobody waited for any more.
            if news == 2 {
                missing += 1;
                count(&meter.markers_missing);
            } else if news == 1 || before != 0 && before != resumed_at {
                outages += 1;
                count(&meter.outages);
            }
            partition.seen_at.store(reply.now, Ordering::Release);
            partition.until.store(until, Ordering::Release);
        }
        if missing > 0 {
            tracing::warn!(
                partitions = missing,
                "the store has no markers here: it is new, or was emptied, and then clients that it had are gone"
            );
        }
        if outages > 0 {
            tracing::warn!(
                partitions = outages,
                "the store was away for a while: every client gets as long as if it had just been heard"
            );
        }
    }

    fn gap_millis(&self) -> u64 {
        u64::try_from(self.gap.as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn read(reply: &Reply) -> Option<(u64, i64)> {
    let Value::Array(parts) = &reply.value else { return None };
    let [Value::Int(resumed_at), Value::Int(news)] = parts.as_slice() else { return None };
    Some((u64::try_from(*resumed_at).ok()?, *news))
}
