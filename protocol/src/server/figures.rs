//! How much there is in a server, and what it did: for whoever watches it.

use super::{Counters, Server};
use crate::{Clock, Instant, Millis};

impl Server {
    /// What happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many records there are: live clients, and those gone that no tick has removed yet.
    pub fn records(&self) -> usize {
        self.table.len()
    }

    /// How many of the records are ONLINE: were heard less than interval + grace ago. It looks at none of them, and is right
    /// but for clients that were heard within [`Server::online_resolution`] of that limit. All others are PENDING.
    pub fn online(&self, at: Clock) -> usize {
        self.recency.online(&self.timing, self.now.max(at.now.min(Instant::MAX)))
    }

    /// What [`Server::online`] is exact to: at most 512 ms, unless clients may be silent for more than half an hour; then less
    /// than a thousandth of that.
    pub const fn online_resolution(&self) -> Millis {
        Millis(self.recency.slice())
    }

    /// How many records the expiry index covers: all of them.
    pub fn deadlines(&self) -> usize {
        self.table.deadlines_len()
    }

    /// How many records there is memory for: as many as there are, and a few for every few dozen of them.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Roughly how many bytes the records take, without what the allocator adds to each piece.
    pub fn memory(&self) -> usize {
        self.table.memory()
    }
}
