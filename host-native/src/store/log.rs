//! The log: what became of the clients, one entry after the other, in a file that holds either all of a commit or nothing of it.
//!
//! Its key is a number that only grows, since appending to a B-tree is several times as fast as inserting ids, which are random.
//! Of several entries about a client the last one counts. So entries pile up that no longer mean anything, and are cleared away
//! from the front: of the first thousand or more, those about clients that are still there are written once more at the end, and all
//! of them go. A removal at the front has nothing before it to remove, and just goes.

use std::ops::Range;

use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition};
use rendezvous_protocol::{ClientId, StoredRecord};

use super::entry::Entry;
use super::error::Failure;
use super::meter::Metered;

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

/// The key in `ABOUT` of the version of what is in the tables.
const FORMAT_KEY: &str = "format";
/// The version of what is in the tables.
pub(super) const FORMAT: u64 = 1;
/// The key in `ABOUT` that counts the proofs that the disk takes writes again ([`Log::prove`]).
const PROOFS_KEY: &str = "proofs";

/// Memory for pages of the file. Appending needs few of them, reading goes from one end to the other, and a client is not to
/// cost any more for it: with 16 MiB, registering was as fast within the noise, and a client cost 13 bytes more.
const CACHE_BYTES: usize = 4 << 20;

/// How many entries are cleared away from the front in one go, at least: some milliseconds' work.
const RECLAIMED_AT_ONCE: u64 = 1024;

/// How many clients to write in one commit when all of them are written to a new log.
pub(super) const CLIENTS_AT_ONCE: usize = 20_000;

/// An open log. After an error of a call that writes, it is of no use any more: drop it.
#[derive(Debug)]
pub(crate) struct Log {
    database: Database,
    /// The numbers of its entries. Those that are cleared away are below.
    numbers: Range<u64>,
}

/// What is known of a client now, to be asked when its old entry is cleared away; `None` if it is no longer there.
pub(crate) type Current<'a> = &'a mut dyn FnMut(ClientId) -> Option<StoredRecord>;

impl Log {
    /// Makes an empty log in an empty place.
    pub(crate) fn create(backend: Metered) -> Result<Self, Failure> {
        let database = builder().create_with_backend(backend)?;
        let transaction = database.begin_write()?;
        transaction.open_table(LOG)?;
        transaction.open_table(ABOUT)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.commit()?;
        Ok(Self { database, numbers: 0..0 })
    }

    /// Opens what [`Log::create`] made. All of the file is checked, which takes a tenth of a second for a million entries.
    pub(crate) fn open(backend: Metered) -> Result<Self, Failure> {
        if redb::StorageBackend::len(&backend)? == 0 {
            // The library would make an empty store of it, and nobody would notice that all clients are lost.
            return Err(Failure::Damaged("the file is empty".into()));
        }
        let database = builder().create_with_backend(backend)?;
        let transaction = database.begin_read()?;
        let format = transaction.open_table(ABOUT)?.get(FORMAT_KEY)?.map(|format| format.value());
        match format {
            Some(FORMAT) => {}
            Some(format) => return Err(Failure::Newer(format)),
            None => return Err(Failure::Damaged("it does not say which format it has".into())),
        }
        let log = transaction.open_table(LOG)?;
        let first = log.first()?.map_or(0, |(number, _)| number.value());
        let end = log.last()?.map_or(0, |(number, _)| number.value() + 1);
        drop(transaction);
        Ok(Self { database, numbers: first..end })
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.numbers.end - self.numbers.start
    }

    /// Shows all entries to `look`, the latest first: of a client, the first that is shown is the one that counts. `progress` is told
    /// now and then how many were shown.
    pub(crate) fn read(
        &self,
        mut look: impl FnMut(Entry),
        mut progress: impl FnMut(u64),
    ) -> Result<(), Failure> {
        const REPORTED: u64 = 8192;
        let transaction = self.database.begin_read()?;
        for (count, entry) in (0_u64..).zip(transaction.open_table(LOG)?.iter()?.rev()) {
            let (number, bytes) = entry?;
            let entry = Entry::decode(bytes.value())
                .map_err(|error| Failure::Damaged(format!("entry {}: {error}", number.value())))?;
            look(entry);
            if count.is_multiple_of(REPORTED) {
                progress(count);
            }
        }
        Ok(())
    }

    /// Appends entries, and returns when they are on the disk. With `current`, the front is cleared in the same commit.
    pub(crate) fn append(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        current: Option<Current<'_>>,
    ) -> Result<(), Failure> {
        let transaction = self.database.begin_write()?;
        let mut numbers = self.numbers.clone();
        {
            let mut log = Appender { table: transaction.open_table(LOG)?, bytes: vec![], end: numbers.end };
            for entry in entries {
                log.push(&entry)?;
            }
            if let Some(current) = current {
                // More than is appended: however fast it grows, it does not grow for long.
                let appended = log.end - numbers.end;
                numbers.start = log.reclaim(&numbers, RECLAIMED_AT_ONCE.max(2 * appended), current)?;
            }
            numbers.end = log.end;
        }
        transaction.commit()?;
        self.numbers = numbers;
        Ok(())
    }

    /// Writes something that means nothing, and returns when it is on the disk: then the disk takes writes.
    pub(crate) fn prove(&mut self) -> Result<(), Failure> {
        let transaction = self.database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            let proofs = about.get(PROOFS_KEY)?.map_or(0, |proofs| proofs.value());
            about.insert(PROOFS_KEY, proofs.wrapping_add(1))?;
        }
        Ok(transaction.commit()?)
    }

    /// Closes it in good order: it will open faster.
    pub(crate) fn close(self) -> Result<(), Failure> {
        Ok(self.database.close()?)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Every page has a checksum, but it is only looked at if asked for. It costs little: all pages are read anyway.
    builder.set_check_integrity_on_open(true);
    builder
}

struct Appender<'a> {
    table: Table<'a, u64, &'static [u8]>,
    bytes: Vec<u8>,
    end: u64,
}

impl Appender<'_> {
    fn push(&mut self, entry: &Entry) -> Result<(), Failure> {
        entry.encode(&mut self.bytes);
        self.table.insert(self.end, self.bytes.as_slice())?;
        self.end += 1;
        Ok(())
    }

    /// Clears `count` entries from the front of `numbers` away. Returns the new front.
    fn reclaim(&mut self, numbers: &Range<u64>, count: u64, current: Current<'_>) -> Result<u64, Failure> {
        let end = numbers.end.min(numbers.start + count);
        let mut clients = vec![];
        let mut damage = None;
        self.table.retain_in(numbers.start..end, |number, bytes| {
            match Entry::decode(bytes) {
                Ok(Entry::Put(id, _)) => clients.push(id),
                Ok(Entry::Removed(_)) => {}
                Err(error) => damage = Some(format!("entry {number}: {error}")),
            }
            false
        })?;
        if let Some(what) = damage {
            return Err(Failure::Damaged(what));
        }
        clients.sort_unstable();
        clients.dedup();
        for id in clients {
            if let Some(record) = current(id) {
                self.push(&Entry::Put(id, record))?;
            }
        }
        Ok(end)
    }
}
