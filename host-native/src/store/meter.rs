//! A backend that counts what is done to the disk, and remembers when a sync failed.

use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redb::{BackendError, StorageBackend};

use crate::histogram::{Histogram, Reading};

/// What was done to the disk, by every file that this process wrote for its store.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    written_bytes: AtomicU64,
    syncs: AtomicU64,
    failures: AtomicU64,
    /// Microseconds from 64 to 16 s.
    commits: Histogram<6, 20>,
}

impl Meter {
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    /// How often a log turned out to be of no use any more.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn note_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A commit took so long, and is on the disk.
    pub(crate) fn note_commit(&self, time: Duration) {
        self.commits.note(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many microseconds commits took.
    pub(crate) fn commits(&self) -> Reading {
        self.commits.read()
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

/// One open file, watched.
#[derive(Debug)]
pub(crate) struct Metered {
    inner: Box<dyn StorageBackend>,
    meter: Arc<Meter>,
    sync_failed: Arc<AtomicBool>,
}

impl Metered {
    pub(crate) fn new(inner: Box<dyn StorageBackend>, meter: Arc<Meter>) -> Self {
        Self { inner, meter, sync_failed: Arc::default() }
    }

    /// Becomes true when a sync fails. From then on nobody knows what the disk holds: the system may have dropped what it could
    /// not write, and would not say so again.
    pub(crate) fn sync_failed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sync_failed)
    }
}

impl StorageBackend for Metered {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.meter.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync_data().inspect_err(|_| self.sync_failed.store(true, Ordering::Release))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.meter.written_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
