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

/// The longest that a refresh may be away from the next.
const LONGEST_PERIOD: Duration = Duration::from_secs(1);

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
    /// By the store's clock; [`Instant::ZERO`] if there never was an outage.
    resumed_at: AtomicU64,
    /// Milliseconds since `began` up to which it may be relied on.
    until: AtomicU64,
}

impl Markers {
    pub(super) fn new(timing: &Timing) -> Self {
        // An outage that nobody notices costs clients a part of the error time, so with short timings the nodes look more often.
        let period =
            (Duration::from(timing.error_time()) / 20).clamp(Duration::from_millis(20), LONGEST_PERIOD);
        let gap = (period * 5 / 2).max(Duration::from(timing.pulse_grace()));
        let partitions = (0..PARTITIONS).map(|_| Known::default()).collect();
        Self { began: Monotonic::now(), period, gap, partitions }
    }

    /// How often [`Markers::refresh`] is to be called.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// When the store of this partition was last back; `None` if nobody looked for so long that it may be away again.
    pub(super) fn resumed_at(&self, partition: u8) -> Option<Instant> {
        let known = &self.partitions[usize::from(partition)];
        (self.elapsed() < known.until.load(Ordering::Acquire))
            .then(|| Instant::from_millis(known.resumed_at.load(Ordering::Acquire)))
    }

    /// Whether all of them are known well enough to serve.
    pub(super) fn all_known(&self) -> bool {
        (0..=u8::MAX).all(|partition| self.resumed_at(partition).is_some())
    }

    /// Refreshes all of them.
    pub(super) fn refresh(&self, link: &mut Link, keys: &Keys) {
        let gap = u64::try_from(self.gap.as_millis()).unwrap_or(u64::MAX);
        let calls: Vec<Call> = (0..=u8::MAX)
            .map(|partition| Call { partition, command: scripts::beat(&keys.marker(partition), gap) })
            .collect();
        // Counted from before the store was asked.
        let until = self.elapsed().saturating_add(gap);
        for (partition, reply) in self.partitions.iter().zip(link.call(&calls, false)) {
            let Some((resumed_at, news)) = reply.ok().as_ref().and_then(read) else { continue };
            let before = partition.resumed_at.swap(resumed_at, Ordering::AcqRel);
            // Another node may have been back first, or a call of this one that nobody waited for any more.
            if news == 2 {
                count(&link.servers().meter.markers_missing);
            } else if news == 1 || before != 0 && before != resumed_at {
                count(&link.servers().meter.outages);
            }
            partition.until.store(until, Ordering::Release);
        }
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
