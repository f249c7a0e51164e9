//! The one thread that writes: it takes all that waits, writes it in one commit, and says so to whoever waits for it.
//!
//! When the disk fails, what needs it is refused, and everything else goes on. The thread then tries again and again, with a new
//! handle each time: the old one cannot be trusted. After a failed sync the file cannot be trusted either, since the system may
//! have dropped what it could not write, and not say so again. But all clients are in memory: they are written to a new file,
//! which takes the place of the old one.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rendezvous_protocol::{ClientId, Clock, StoredRecord};

use super::entry::Entry;
use super::error::Failure;
use super::log::{CLIENTS_AT_ONCE, Log};
use super::medium::Medium;
use super::meter::{Meter, Metered};
use super::queue::{Answer, Queue, Work};
use crate::logging::Sampled;
use crate::shards::Shards;

/// How many changes that nobody waits for go into one commit, so that those who wait do not wait for a million of them.
const CHANGES_AT_ONCE: usize = 4096;

/// How long to wait before the first new attempt at a disk that fails. Then it is twice as long each time: an attempt reads or
/// writes all clients.
pub(crate) const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(8);

/// How many pages of clients are read at once, with a shard locked, to be written to a new file.
const PAGES_AT_ONCE: usize = 16;

/// Everything that writing needs.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) medium: Arc<dyn Medium>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) read_clock: fn() -> Clock,
    /// How many more entries there may be than twice the clients before some are cleared away.
    pub(crate) slack: u64,
    pub(crate) state: State,
    /// Clients whose changes are still to be written.
    pub(crate) backlog: Vec<ClientId>,
    pub(crate) failures: Sampled,
    pub(crate) retries: Sampled,
    /// How long to wait before the next attempt at a disk that fails.
    pub(crate) retry_after: Duration,
}

/// How the disk does.
#[derive(Debug)]
pub(crate) enum State {
    Good(OpenLog),
    Failing {
        /// When to try again.
        retry_at: Instant,
        /// Whether the file may hold something else than what was written.
        rewrite: bool,
    },
}

/// A log, and whether a sync of its file ever failed.
#[derive(Debug)]
pub(crate) struct OpenLog {
    pub(crate) log: Log,
    pub(crate) sync_failed: Arc<AtomicBool>,
}

impl Writer {
    /// Writes until the queue is closed and empty. Returns how many changes could not be written.
    pub(crate) fn run(mut self) -> usize {
        // The log may have grown too long before this process began.
        let mut idle = Some(Duration::ZERO);
        loop {
            let work = self.queue.next(idle);
            let closed = work.closed;
            let begun = Instant::now();
            self.turn(work);
            idle = match &self.state {
                State::Failing { .. } if closed => return self.backlog.len(),
                State::Failing { retry_at, .. } => Some(retry_at.saturating_duration_since(begun)),
                State::Good(_) if !self.backlog.is_empty() => Some(Duration::ZERO),
                State::Good(_) if closed => break,
                // As long as the last turn took: whoever shares the disk and the processor gets half of them.
                State::Good(open) if self.needs_clearing(&open.log) => Some(begun.elapsed()),
                State::Good(_) => None,
            };
        }
        if let State::Good(OpenLog { log, .. }) = self.state
            && let Err(failure) = log.close()
        {
            // Nothing is lost: all was committed.
            tracing::warn!(store = self.medium.name(), "the store was not closed in good order: {failure}");
        }
        0
    }

    fn turn(&mut self, work: Work) {
        let Work { registered, left, changed, any_moved, closed } = work;
        if any_moved {
            self.all_changed();
        }
        if any_moved || !changed.is_empty() {
            self.backlog.extend(changed.into_iter().flatten());
            self.backlog.sort_unstable();
            self.backlog.dedup();
        }
        if let State::Failing { retry_at, rewrite } = self.state
            && (closed || retry_at <= Instant::now())
        {
            self.state = self.recover(rewrite);
        }
        let State::Good(mut open) = self.state.take() else {
            return self.refuse(registered, left);
        };
        if !self.medium.is_in_place() {
            // What is written to a file that has no name any more is lost, and the one that has it is not ours.
            self.fail(open, &Failure::NotInPlace);
            self.state = self.recover(true);
            let State::Good(anew) = self.state.take() else {
                return self.refuse(registered, left);
            };
            open = anew;
        }
        let changes = self.backlog.split_off(self.backlog.len().saturating_sub(CHANGES_AT_ONCE));
        if self.backlog.is_empty() {
            // A million clients may have moved at once: their ids need not be kept room for.
            self.backlog = vec![];
        }
        let clears = self.needs_clearing(&open.log);
        if registered.is_empty() && left.is_empty() && changes.is_empty() && !clears {
            self.state = State::Good(open);
            return;
        }
        // What changed is written as it is now, so it comes after what is queued: that is older.
        let changed: Vec<_> = changes
            .iter()
            .map(|&id| self.current(id).map_or(Entry::Removed(id), |now| Entry::Put(id, now)))
            .collect();
        let entries = (registered.iter().map(|&(id, record, _)| Entry::Put(id, record)))
            .chain(left.iter().map(|&(id, _)| Entry::Removed(id)))
            .chain(changed.iter().copied());
        let mut current = |id| self.current(id);
        let begun = Instant::now();
        match open.log.append(entries, clears.then_some(&mut current)) {
            Ok(()) => {
                self.meter.note_commit(begun.elapsed());
                self.state = State::Good(open);
                self.retry_after = FIRST_RETRY;
                let removed = changed.iter().filter(|entry| matches!(entry, Entry::Removed(_)));
                self.queue.removed(left.iter().map(|&(id, _)| id).chain(removed.map(Entry::id)));
                let answers = registered.into_iter().map(|(.., answer)| answer);
                for answer in answers.chain(left.into_iter().map(|(_, answer)| answer)) {
                    let _ = answer.send(true);
                }
            }
            Err(failure) => {
                self.backlog.extend(changes);
                self.fail(open, &failure);
                self.refuse(registered, left);
            }
        }
    }

    /// Nothing of this comes to the disk now. Registrations never were; logouts are still to be written.
    fn refuse(&mut self, registered: Vec<(ClientId, StoredRecord, Answer)>, left: Vec<(ClientId, Answer)>) {
        for (id, _, answer) in registered {
            self.shards.of(id).withdraw(id);
            // The commit that failed may be on the disk for all we know.
            self.backlog.push(id);
            let _ = answer.send(false);
        }
        for (id, answer) in left {
            self.backlog.push(id);
            let _ = answer.send(false);
        }
    }

    /// The log is of no use any more.
    fn fail(&mut self, open: OpenLog, failure: &Failure) {
        self.queue.set_failing(true);
        self.meter.note_failure();
        let rewrite = open.sync_failed.load(Ordering::Acquire)
            || matches!(failure, Failure::Damaged(_) | Failure::NotInPlace);
        drop(open);
        self.state = self.failing(rewrite);
        self.failures.log(|| {
            tracing::error!(
                store = self.medium.name(),
                "the store cannot be written: {failure}. Registrations and logouts are refused until it can; pulses and lookups go on"
            );
        });
    }

    /// The next attempt comes later than the one before.
    fn failing(&mut self, rewrite: bool) -> State {
        let retry_at = Instant::now() + self.retry_after;
        self.retry_after = LAST_RETRY.min(2 * self.retry_after);
        State::Failing { retry_at, rewrite }
    }

    /// Tries to have a log again that takes writes.
    fn recover(&mut self, rewrite: bool) -> State {
        let recovered = if rewrite { self.rewrite() } else { self.reopen() };
        match recovered {
            Ok(open) => {
                self.queue.set_failing(false);
                tracing::info!(
                    store = self.medium.name(),
                    new_file = rewrite,
                    "the store can be written again"
                );
                State::Good(open)
            }
            Err(failure) => {
                self.retries.log(|| {
                    let how = if rewrite {
                        "all clients cannot be written to a new file"
                    } else {
                        "it still cannot be written"
                    };
                    tracing::error!(store = self.medium.name(), "the store: {how}: {failure}");
                });
                // If it is only full, the file is good. Whatever else is wrong with it: all clients are in memory.
                self.failing(rewrite || !failure.is_full())
            }
        }
    }

    fn reopen(&self) -> Result<OpenLog, Failure> {
        if !self.medium.is_in_place() {
            return Err(Failure::NotInPlace);
        }
        let Some(backend) = self.medium.open()? else {
            return Err(Failure::NotInPlace);
        };
        self.watched(backend, |backend| {
            let mut log = Log::open(backend)?;
            log.prove()?;
            Ok(log)
        })
    }

    /// Writes all clients to a new file. What changes meanwhile is in the queue, and comes after.
    fn rewrite(&self) -> Result<OpenLog, Failure> {
        // If it comes to nothing, the room that it took may be what somebody else lacks.
        self.write_anew().inspect_err(|_| self.medium.discard())
    }

    fn write_anew(&self) -> Result<OpenLog, Failure> {
        let mut open = self.watched(self.medium.fresh()?, Log::create)?;
        let mut entries = Vec::with_capacity(2 * CLIENTS_AT_ONCE);
        for shard in 0..Shards::COUNT {
            let mut next = Some(0);
            while let Some(page) = next {
                next = self.some_of(shard, page, &mut entries);
                if entries.len() >= CLIENTS_AT_ONCE {
                    open.log.append(entries.drain(..), None)?;
                }
            }
        }
        open.log.append(entries.into_iter(), None)?;
        self.medium.replace()?;
        Ok(open)
    }

    /// Any client may have moved.
    fn all_changed(&mut self) {
        for shard in 0..Shards::COUNT {
            let mut next = Some(0);
            while let Some(page) = next {
                next = self.shards.lock(shard).visit(page, &mut |id, _| self.backlog.push(id));
            }
        }
    }

    /// Adds the clients of some pages of a shard to `entries`. Returns the page that is next.
    fn some_of(&self, shard: usize, page: u32, entries: &mut Vec<Entry>) -> Option<u32> {
        let at = (self.read_clock)();
        let server = self.shards.lock(shard);
        let mut next = Some(page);
        for _ in 0..PAGES_AT_ONCE {
            next = server.visit(next?, &mut |id, record| {
                entries.push(Entry::Put(id, StoredRecord::of(&record, at)));
            });
        }
        next
    }

    fn watched(
        &self,
        backend: Box<dyn redb::StorageBackend>,
        open: impl FnOnce(Metered) -> Result<Log, Failure>,
    ) -> Result<OpenLog, Failure> {
        let backend = Metered::new(backend, Arc::clone(&self.meter));
        let sync_failed = backend.sync_failed();
        match open(backend) {
            Ok(log) => Ok(OpenLog { log, sync_failed }),
            // Opening writes, too, if the file is to be put in order.
            Err(Failure::Io(error)) if sync_failed.load(Ordering::Acquire) => {
                Err(Failure::Damaged(format!("a sync failed: {error}")))
            }
            Err(failure) => Err(failure),
        }
    }

    /// What is known of a client now.
    fn current(&self, id: ClientId) -> Option<StoredRecord> {
        let record = self.shards.of(id).record(id)?;
        Some(StoredRecord::of(&record, (self.read_clock)()))
    }

    fn needs_clearing(&self, log: &Log) -> bool {
        // Twice: then clearing costs a client no more than one more entry.
        log.len() > 2 * self.shards.records() as u64 + self.slack
    }
}

impl State {
    /// Takes the log out, if there is one. Whoever takes it puts a state back.
    fn take(&mut self) -> Self {
        match self {
            Self::Failing { retry_at, rewrite } => Self::Failing { retry_at: *retry_at, rewrite: *rewrite },
            Self::Good(_) => mem::replace(self, Self::Failing { retry_at: Instant::now(), rewrite: false }),
        }
    }
}
