//! The work itself: read the records of a batch, let the protocol decide about each, write back what changed if nobody else did in the
//! meantime, and decide again where somebody did.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Value;
use rendezvous_protocol::lifecycle::{Context, Effect};
use rendezvous_protocol::{ClientId, Counters, Instant, Record, StoredRecord, Timing, UnixTime};

use super::keys::{self, Keys};
use super::link::{Call, Link, Unavailable};
use super::markers::Markers;
use super::meter::count;
use super::scripts;

/// How often a decision is made anew because somebody else was faster. Two conflicts in a row of one client are rare already.
const ATTEMPTS: usize = 16;

/// For how much longer than its deadline a record is kept, should the store or all nodes be away for so long. Whether a client is gone
/// depends on it only after a longer outage. It is no longer since clients that are gone take their memory until then.
pub(super) const OUTAGE_ALLOWANCE: Duration = Duration::from_secs(3600);

/// Something to be decided about one client.
pub(super) trait Job {
    /// The client.
    fn id(&self) -> ClientId;
    /// Decides. It may be asked several times: the last decision counts.
    fn decide(&mut self, record: Option<&Record>, cx: &Context) -> Effect;
    /// It is done, at this time of the store's clock, or it is not known to be.
    fn ends(&mut self, at: Result<Instant, Unavailable>);
}

/// What is the same for all of a node's work.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) keys: Keys,
    pub(super) timing: Timing,
    pub(super) markers: Markers,
    pub(super) counters: Mutex<Counters>,
}

impl Rules {
    /// What happened to clients at this node.
    pub(super) fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of it. Jobs of the same client are done in their order.
    pub(super) fn perform<J: Job>(&self, link: &mut Link, jobs: &mut [J]) {
        let mut pending: Vec<usize> = (0..jobs.len()).collect();
        for _ in 0..ATTEMPTS {
            if pending.is_empty() {
                return;
            }
            pending = self.attempt(link, jobs, pending);
        }
        for index in pending {
            jobs[index].ends(Err(Unavailable));
        }
    }

    /// Returns those that were overtaken.
    fn attempt<J: Job>(&self, link: &mut Link, jobs: &mut [J], pending: Vec<usize>) -> Vec<usize> {
        let reads: Vec<Call> = pending.iter().map(|&index| self.read(jobs[index].id())).collect();
        let (mut writes, mut written) = (vec![], vec![]);
        for (index, reply) in pending.into_iter().zip(link.call(&reads, false)) {
            let job = &mut jobs[index];
            let (id, partition) = (job.id(), keys::partition(job.id()));
            let Some((reply, resumed_at)) = reply.ok().and_then(|reply| {
                let resumed_at = self.markers.resumed_at(partition, Instant::from_millis(reply.now))?;
                Some((reply, resumed_at))
            }) else {
                job.ends(Err(Unavailable));
                continue;
            };
            let Some((bytes, record)) = record_of(id, reply.value) else {
                count(&link.servers().meter.damaged);
                job.ends(Err(Unavailable));
                continue;
            };
            let now = Instant::from_millis(reply.now);
            let cx = Context { timing: self.timing, resumed_at, now };
            let command = match job.decide(record.as_ref(), &cx) {
                // "Not there" is an answer that counts only once the replicas agree.
                Effect::Keep if link.waits_for_replicas() => self.barrier(partition),
                Effect::Keep => {
                    job.ends(Ok(now));
                    continue;
                }
                Effect::Put(record, _) => self.write(id, &bytes, stored(&record).encode(id).as_bytes()),
                Effect::Remove => self.write(id, &bytes, &[]),
            };
            writes.push(Call { partition, command });
            written.push((index, now));
        }
        let mut overtaken = vec![];
        for ((index, now), reply) in written.into_iter().zip(link.call(&writes, true)) {
            match reply.map(|reply| reply.value) {
                Ok(Value::Int(0)) => {
                    count(&link.servers().meter.conflicts);
                    overtaken.push(index);
                }
                Ok(_) => jobs[index].ends(Ok(now)),
                Err(error) => jobs[index].ends(Err(error)),
            }
        }
        overtaken
    }

    fn read(&self, id: ClientId) -> Call {
        let mut command = redis::cmd("GET");
        command.arg(self.keys.client(id));
        Call { partition: keys::partition(id), command }
    }

    fn write(&self, id: ClientId, expected: &[u8], new: &[u8]) -> redis::Cmd {
        let lasts = Duration::from(self.timing.gone_after()) + OUTAGE_ALLOWANCE;
        let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        scripts::compare_and_set(&self.keys.client(id), expected, new, lasts)
    }

    /// A write that changes nothing: when the replicas have it, they have all before it.
    fn barrier(&self, partition: u8) -> redis::Cmd {
        let mut command = redis::cmd("HINCRBY");
        command.arg(self.keys.marker(partition)).arg("barriers").arg(1);
        command
    }
}

/// The bytes of a client's record, and what they say; empty bytes are none. `None` if they are no record of this client.
fn record_of(id: ClientId, value: Value) -> Option<(Vec<u8>, Option<Record>)> {
    if value == Value::Nil {
        return Some((vec![], None));
    }
    let Value::BulkString(bytes) = value else { return None };
    let stored = StoredRecord::decode(id, &bytes).ok()?;
    Some((bytes, Some(loaded(&stored))))
}

/// All nodes have one clock, the store's: its milliseconds since the Unix epoch are the [`Instant`]s.
fn loaded(stored: &StoredRecord) -> Record {
    let instant = |time: UnixTime| Instant::from_millis(time.as_millis());
    Record {
        address: stored.address,
        last_seen: stored.last_seen.map(instant),
        last_pulse: stored.last_pulse.map(instant),
    }
}

fn stored(record: &Record) -> StoredRecord {
    let unix = |instant: Instant| UnixTime::from_millis(instant.as_millis());
    StoredRecord {
        address: record.address,
        last_seen: record.last_seen.map(unix),
        last_pulse: record.last_pulse.map(unix),
    }
}
