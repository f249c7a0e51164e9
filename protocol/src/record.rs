//! What is known of one client, and nothing that could be worked out from it.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{Instant, Millis};

mod stored;

pub use stored::{EncodedRecord, StoredRecord, StoredRecordError};

/// A client's record. Whether the client is ONLINE, PENDING or gone is not in it: that is a function of the record
/// and of the time ([`crate::lifecycle::phase`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where the latest accepted pulse came from, in canonical form; `None` before the first.
    pub address: Option<SocketAddr>,
    /// The latest of registration, accepted pulse and verify; `None` if there was none since the record was
    /// restored from a store.
    pub last_seen: Option<Instant>,
    /// The latest accepted pulse; `None` before the first, and after a restart until the next.
    pub last_pulse: Option<Instant>,
}

impl Record {
    /// A client that registered at `now`.
    pub const fn registered(now: Instant) -> Self {
        Self { address: None, last_seen: Some(now), last_pulse: None }
    }

    /// A client that an earlier run of the server knew, last at `address`.
    ///
    /// That run's times are not kept: whatever they were, nobody has heard from the client since this run began.
    pub const fn restored(address: Option<SocketAddr>) -> Self {
        Self { address, last_seen: None, last_pulse: None }
    }

    /// How long ago the latest accepted pulse was.
    pub fn last_online(&self, now: Instant) -> Option<Millis> {
        self.last_pulse.map(|then| now.since(then))
    }
}
