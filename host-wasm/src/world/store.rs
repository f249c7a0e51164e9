//! What the server saves: every record that it says has changed, as bytes, as in a real store.

use std::collections::BTreeMap;

use rendezvous_protocol::{Change, ClientId, Clock, EncodedRecord, StoredRecord};

#[derive(Debug, Default)]
pub(super) struct Store {
    records: BTreeMap<ClientId, EncodedRecord>,
}

impl Store {
    /// Keeps what a change at `at` left behind.
    pub(super) fn keep(&mut self, change: &Change, at: Clock) {
        match *change {
            Change::Registered { id, record }
            | Change::Moved { id, record }
            | Change::Verified { id, record } => {
                self.records.insert(id, StoredRecord::of(&record, at).encode(id));
            }
            Change::Removed { id, .. } => {
                self.records.remove(&id);
            }
        }
    }

    /// All records, in the order of their ids.
    pub(super) fn load(&self) -> impl Iterator<Item = (ClientId, StoredRecord)> {
        self.records.iter().map(|(&id, bytes)| {
            let record = StoredRecord::decode(id, bytes.as_bytes()).expect("what was encoded can be decoded");
            (id, record)
        })
    }
}
