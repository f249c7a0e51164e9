//! The work itself: read the records of a batch, let the protocol decide about each, write back what changed if nobody else did in the
//! meantime, and decide again where somebody did.

use std::collections::HashMap;
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
    /// Whether what it had decided is all that is to be said, and nothing is to be written any more: somebody else, who changed the
    /// record in the meantime, came after it.
    fn is_outdated(&self, _record: Option<&Record>) -> bool {
        false
    }
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
        let (mut writes, mut decided, mut written) = (vec![], vec![], HashMap::new());
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
            let Some(read) = Seen::of(id, reply.value) else {
                count(&link.servers().meter.damaged);
                job.ends(Err(Unavailable));
                continue;
            };
            let now = Instant::from_millis(reply.now);
            let cx = Context { timing: self.timing, resumed_at, now };
            // Those of the same client build on each other: they are written in this order, or overtaken together.
            let before: &Seen = written.get(&id).unwrap_or(&read);
            let after = before.write;
            if after.is_none() && job.is_outdated(before.record.as_ref()) {
                job.ends(Ok(now));
                continue;
            }
            let (command, new) = match job.decide(before.record.as_ref(), &cx) {
                // "Not there" is an answer that counts only once the replicas agree.
                Effect::Keep if link.waits_for_replicas() => (Some(self.barrier(partition)), None),
                Effect::Keep => (None, None),
                Effect::Put(record, _) => {
                    let bytes = stored(&record).encode(id).as_bytes().to_vec();
                    (Some(self.write(id, &before.bytes, &bytes)), Some((bytes, Some(record))))
                }
                Effect::Remove => (Some(self.write(id, &before.bytes, &[])), Some((vec![], None))),
            };
            let writes_record = new.is_some();
            if let Some((bytes, record)) = new {
                written.insert(id, Seen { bytes, record, write: Some(writes.len()) });
            }
            let own = command.map(|command| {
                writes.push(Call { partition, command });
                writes.len() - 1
            });
            // A write compares for itself. What writes nothing is true only if the write before it is.
            decided.push(Decided { index, now, own, after: if writes_record { None } else { after } });
        }
        let outcomes: Vec<Result<bool, Unavailable>> = link
            .call(&writes, true)
            .into_iter()
            .map(|reply| reply.map(|reply| reply.value != Value::Int(0)))
            .collect();
        let mut overtaken = vec![];
        for Decided { index, now, own, after } in decided {
            let outcome = |write: Option<usize>| write.map_or(Ok(true), |write| outcomes[write]);
            match outcome(after).and_then(|done| Ok(done & outcome(own)?)) {
                Ok(true) => jobs[index].ends(Ok(now)),
                Ok(false) => {
                    count(&link.servers().meter.conflicts);
                    overtaken.push(index);
                }
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

/// A client's record, as it was read, or as it is to be written.
struct Seen {
    /// As bytes; none if there is no record.
    bytes: Vec<u8>,
    record: Option<Record>,
    /// Which of the writes makes it so.
    write: Option<usize>,
}

/// A job with its decision: which write it asked for, and which one of the same client has to have happened for it to be true.
struct Decided {
    index: usize,
    now: Instant,
    own: Option<usize>,
    after: Option<usize>,
}

impl Seen {
    /// `None` if the value is no record of this client.
    fn of(id: ClientId, value: Value) -> Option<Self> {
        if value == Value::Nil {
            return Some(Self { bytes: vec![], record: None, write: None });
        }
        let Value::BulkString(bytes) = value else { return None };
        let stored = StoredRecord::decode(id, &bytes).ok()?;
        Some(Self { bytes, record: Some(loaded(&stored)), write: None })
    }
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
