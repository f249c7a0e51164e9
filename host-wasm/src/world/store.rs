//! What the server saves, as bytes, as in a real store: who is registered at once, and the rest a little later.
//!
//! A registration or a logout is answered only once it is on disk. An address that changed, and the removal of a client
//! that was silent for too long, are written behind: they wait for up to [`WRITE_BEHIND`], and a crash loses those that are
//! still waiting. That a client verified is never written: it changes nothing that a restart brings back.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rendezvous_protocol::{Change, ClientId, Clock, EncodedRecord, Removal, StoredRecord};

/// The longest that a change waits to be written, if it is not one of those that are answered only once they are on disk: an
/// address, or that a client is gone. In milliseconds of time that really passed.
///
/// Users are promised this bound: a crash undoes no more than a second. The native host's store starts to write after half of
/// that, which leaves the other half to the disk.
pub const WRITE_BEHIND: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Store {
    /// What is on disk.
    written: BTreeMap<ClientId, Written>,
    /// What is not yet, in the order in which it happened.
    waiting: VecDeque<Waiting>,
    registrations: u64,
}

/// A client on disk.
#[derive(Clone, Copy, Debug)]
struct Written {
    bytes: EncodedRecord,
    /// The number of its registration.
    registration: u64,
}

/// A change that is to be written.
#[derive(Debug)]
struct Waiting {
    /// When it was made, in milliseconds since the beginning.
    since: u64,
    id: ClientId,
    /// Which registration of the client it is about: once that is over, so is this.
    registration: u64,
    /// The new record; `None` if the client is gone.
    becomes: Option<EncodedRecord>,
}

impl Store {
    /// Keeps what a change left behind. The clocks show `at`, and so many milliseconds have really passed.
    pub(super) fn keep(&mut self, change: &Change, at: Clock, elapsed: u64) {
        self.write(elapsed, WRITE_BEHIND);
        match *change {
            Change::Registered { id, record } => {
                self.registrations += 1;
                let bytes = StoredRecord::of(&record, at).encode(id);
                self.written.insert(id, Written { bytes, registration: self.registrations });
            }
            Change::Moved { id, record } => {
                self.write_behind(id, Some(StoredRecord::of(&record, at).encode(id)), elapsed);
            }
            Change::Verified { .. } => {}
            Change::Removed { id, cause: Removal::Expired } => self.write_behind(id, None, elapsed),
            Change::Removed { id, cause: Removal::LoggedOut } => {
                self.written.remove(&id);
            }
        }
    }

    /// All is written, as before an end in good order.
    pub(super) fn flush(&mut self) {
        self.write(u64::MAX, 0);
    }

    /// The process ends at once, and what changed in the last `unwritten` milliseconds had not been written.
    pub(super) fn crash(&mut self, elapsed: u64, unwritten: u64) {
        self.write(elapsed, unwritten.min(WRITE_BEHIND));
        self.waiting.clear();
    }

    /// Another store with the same on disk.
    pub(super) fn copy(&self) -> Self {
        let mut copy = Self { registrations: self.registrations, ..Self::default() };
        // A clone of the map would be code of its own for browsers to load.
        for (&id, &written) in &self.written {
            copy.written.insert(id, written);
        }
        copy
    }

    /// How many changes are not yet on disk.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// All clients on disk and where they were last, in the order of their ids.
    pub(super) fn load(&self) -> impl Iterator<Item = (ClientId, Option<SocketAddr>)> {
        self.written.iter().map(|(&id, Written { bytes, .. })| {
            let record = StoredRecord::decode(id, bytes.as_bytes()).expect("what was encoded can be decoded");
            (id, record.address)
        })
    }

    fn write_behind(&mut self, id: ClientId, becomes: Option<EncodedRecord>, since: u64) {
        if let Some(&Written { registration, .. }) = self.written.get(&id) {
            self.waiting.push_back(Waiting { since, id, registration, becomes });
        }
    }

    /// Writes what has been waiting for so many milliseconds when so many have really passed.
    fn write(&mut self, elapsed: u64, age: u64) {
        while let Some(&Waiting { id, registration, becomes, .. }) =
            self.waiting.front().filter(|waiting| elapsed - waiting.since >= age)
        {
            self.waiting.pop_front();
            let written = self.written.get_mut(&id);
            let Some(written) = written.filter(|written| written.registration == registration) else {
                continue;
            };
            match becomes {
                Some(bytes) => written.bytes = bytes,
                None => {
                    self.written.remove(&id);
                }
            }
        }
    }
}
