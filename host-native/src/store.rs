//! Where the node's clients are kept beyond this process.
//!
//! All rules are applied to the records in memory, by the protocol's servers; a store is told what became of them. With
//! `memory:` nobody is told. With `redb:PATH` a writer of its own keeps a file:
//!
//! ```text
//!            under the lock of the client's shard                 one thread
//! register ── into memory ── Queue ──┐
//! logout ──── out of memory ─ Queue ─┼──▶ Writer: all that waits, in one commit ──▶ Log ──▶ Medium
//! pulse from a new address ── Queue ─┤         │
//! gone ────── out of memory ─ Queue ─┘         └──▶ Receipt: register and logout are answered
//! ```
//!
//! A steady pulse, a verify and a lookup have nothing to do with it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rendezvous_protocol::{ClientId, Clock, Rejection, Server, StoredRecord};

mod entry;
mod error;
pub(crate) mod lines;
pub(crate) mod log;
mod medium;
mod meter;
pub mod operator;
mod queue;
mod writer;

pub use error::{StoreError, Unwritten};
pub use medium::{FileMedium, Medium};
pub use redb::StorageBackend;

use crate::histogram::Reading;
use crate::logging::Sampled;
use crate::shards::Shards;
use crate::sys::yield_to_others;
use entry::Entry;
use error::Failure;
use log::Log;
use meter::{Meter, Metered};
use queue::Queue;
pub(crate) use queue::Receipt;
use writer::{OpenLog, State, Writer};

/// How often to tell how far a load has got.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What may be chosen about a store that is kept in a file. The defaults are the server's.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a change of address, or that a client is gone, may wait to be written.
    pub write_behind: Duration,
    /// How many entries the file may hold that mean nothing any more, beside as many as there are clients.
    pub slack: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { write_behind: Duration::from_millis(500), slack: 50_000 }
    }
}

/// What was done to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes written.
    pub written_bytes: u64,
    /// Syncs asked for.
    pub syncs: u64,
    /// Addresses and expiries that wait to be written: of one client there may be several.
    pub waiting_changes: usize,
    /// How often the file could not be written, and another handle or another file was needed.
    pub failures: u64,
}

/// The store of a node.
#[derive(Debug)]
pub(crate) enum Store {
    /// None.
    Memory,
    /// A file.
    File(Keeper),
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(crate) struct Keeper {
    name: String,
    queue: Arc<Queue>,
    meter: Arc<Meter>,
    writer: Mutex<Option<JoinHandle<usize>>>,
}

impl Store {
    /// Opens the store in `medium`, or makes one; puts its clients back into `shards`; and starts its writer.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing is to be done with the shards.
    pub(crate) fn open(
        medium: Arc<dyn Medium>,
        pace: Pace,
        shards: &Arc<Shards>,
        read_clock: fn() -> Clock,
    ) -> Result<Self, StoreError> {
        let name = medium.name();
        let meter = Arc::new(Meter::default());
        let open = open_or_create(&*medium, &meter)
            .and_then(|open| load(&open.log, shards, &name).map(|()| open))
            .map_err(|failure| failure.opening(name.clone()))?;
        if medium.is_open_to_others() {
            tracing::warn!(store = name, "others may read the store, or change it: it should have mode 0600");
        }
        let queue = Arc::new(Queue::new(pace.write_behind));
        let writer = Writer {
            medium,
            meter: Arc::clone(&meter),
            queue: Arc::clone(&queue),
            shards: Arc::clone(shards),
            read_clock,
            slack: pace.slack,
            state: State::Good(open),
            backlog: vec![],
            failures: Sampled::default(),
            retries: Sampled::default(),
            retry_after: writer::FIRST_RETRY,
        };
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                // If it may not, pulses just get a little slower while it is busy.
                let _ = yield_to_others();
                writer.run()
            })
            .map_err(|error| StoreError::Io { name: name.clone(), error })?;
        Ok(Self::File(Keeper { name, queue, meter, writer: Mutex::new(Some(thread)) }))
    }

    /// Whether it wants to be told of changes.
    pub(crate) fn keeps(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Whether a registration has a chance to be stored now.
    pub(crate) fn accepts(&self) -> bool {
        match self {
            Self::Memory => true,
            Self::File(keeper) => keeper.queue.accepts(),
        }
    }

    /// See [`Queue::registered`].
    pub(crate) fn registered(&self, id: ClientId, record: StoredRecord) -> Result<Receipt, Rejection> {
        match self {
            Self::Memory => Ok(Receipt::Done),
            Self::File(keeper) => keeper.queue.registered(id, record),
        }
    }

    /// See [`Queue::logged_out`].
    pub(crate) fn logged_out(&self, id: ClientId) -> Result<Receipt, Rejection> {
        match self {
            Self::Memory => Ok(Receipt::Done),
            Self::File(keeper) => keeper.queue.logged_out(id),
        }
    }

    /// See [`Queue::is_leaving`].
    pub(crate) fn is_leaving(&self, id: ClientId) -> bool {
        match self {
            Self::Memory => false,
            Self::File(keeper) => keeper.queue.is_leaving(id),
        }
    }

    /// See [`Queue::moved`].
    pub(crate) fn moved(&self, ids: Vec<ClientId>) {
        match self {
            Self::Memory => {}
            Self::File(keeper) => keeper.queue.moved(ids),
        }
    }

    /// See [`Queue::changed`].
    pub(crate) fn changed(&self, ids: Vec<ClientId>) {
        match self {
            Self::Memory => {}
            Self::File(keeper) => keeper.queue.changed(ids),
        }
    }

    /// Whether the disk takes no writes.
    pub(crate) fn is_failing(&self) -> bool {
        match self {
            Self::Memory => false,
            Self::File(keeper) => keeper.queue.is_failing(),
        }
    }

    /// How many microseconds commits took.
    pub(crate) fn commits(&self) -> Reading {
        match self {
            // Without a file there is none.
            Self::Memory => Meter::default().commits(),
            Self::File(keeper) => keeper.meter.commits(),
        }
    }

    pub(crate) fn stats(&self) -> StoreStats {
        match self {
            Self::Memory => StoreStats::default(),
            Self::File(keeper) => {
                let meter = &keeper.meter;
                StoreStats {
                    written_bytes: meter.written_bytes(),
                    syncs: meter.syncs(),
                    waiting_changes: keeper.queue.waiting_changes(),
                    failures: meter.failures(),
                }
            }
        }
    }

    /// Waits until nothing is left to be written.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        let Self::File(keeper) = self else { return };
        keeper.queue.settle();
    }

    /// Writes what is still to be written, and lets go of the file.
    ///
    /// # Errors
    /// How many changes could not be written.
    pub(crate) fn close(&self) -> Result<(), Unwritten> {
        let Self::File(keeper) = self else { return Ok(()) };
        keeper.queue.close();
        let writer = keeper.writer.lock().expect("closing does not panic").take();
        match writer.map(JoinHandle::join) {
            None | Some(Ok(0)) => Ok(()),
            Some(Ok(changes)) => Err(Unwritten::changes(&keeper.name, changes)),
            Some(Err(_)) => Err(Unwritten::unknown(&keeper.name)),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!("{error}");
        }
    }
}

/// Opens the log that is in `medium`, or makes one there.
fn open_or_create(medium: &dyn Medium, meter: &Arc<Meter>) -> Result<OpenLog, Failure> {
    let (backend, is_new) = match medium.open()? {
        Some(backend) => (backend, false),
        None => (medium.fresh()?, true),
    };
    let backend = Metered::new(backend, Arc::clone(meter));
    let sync_failed = backend.sync_failed();
    let log = if is_new { Log::create(backend)? } else { Log::open(backend)? };
    if is_new {
        medium.replace()?;
    }
    Ok(OpenLog { log, sync_failed })
}

/// Puts the clients of the log back.
fn load(log: &Log, shards: &Shards, name: &str) -> Result<(), Failure> {
    let mut loader = Loader { servers: shards.all(), removed: HashSet::new(), batch: vec![] };
    let total = log.len();
    let mut reported = Instant::now();
    log.read(
        |entry| loader.take(entry),
        |done| {
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                tracing::info!(store = name, "loading clients: {done} of {total} entries");
            }
        },
    )?;
    loader.put_batch();
    Ok(())
}

/// Takes the entries of a log, the latest first.
struct Loader<'a> {
    servers: [MutexGuard<'a, Server>; Shards::COUNT],
    /// Who was there once, and is not any more.
    removed: HashSet<ClientId>,
    /// Entries that are dealt with together, so that the memory for all of them is fetched at once: measured, a start then takes a
    /// third less of the processor.
    batch: Vec<Entry>,
}

impl Loader<'_> {
    fn take(&mut self, entry: Entry) {
        self.batch.push(entry);
        if self.batch.len() == Server::BATCH {
            self.put_batch();
        }
    }

    fn put_batch(&mut self) {
        let servers = &self.servers;
        Server::prefetch(self.batch.iter().map(|entry| {
            let id = entry.id();
            (&*servers[Shards::number_of(id)], id)
        }));
        for entry in self.batch.drain(..) {
            let id = entry.id();
            let server = &mut self.servers[Shards::number_of(id)];
            // Whatever came before it is the later word on this client.
            if server.record(id).is_some() || self.removed.contains(&id) {
                continue;
            }
            match entry {
                Entry::Put(_, stored) => server.restore(id, stored.address),
                Entry::Removed(_) => {
                    self.removed.insert(id);
                }
            }
        }
    }
}

/// The medium that a path of the settings means.
///
/// # Errors
/// [`StoreError`] if the file is another process's, or its folder cannot be written to.
pub(crate) fn at(path: &Path) -> Result<Arc<dyn Medium>, StoreError> {
    Ok(Arc::new(FileMedium::lock(path)?))
}
