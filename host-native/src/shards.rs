//! The protocol's servers of one node: its clients, sharded by id.

use std::array;
use std::sync::{Mutex, MutexGuard};

use rendezvous_protocol::{ClientId, Server, Timing};

/// Several servers, each with a lock of its own. Whoever needs more than one takes the lowest first: so nobody waits for
/// somebody who waits for them.
#[derive(Debug)]
pub(crate) struct Shards(Box<[Mutex<Server>]>);

impl Shards {
    /// How many servers the clients are spread over, so that threads seldom wait for each other. A power of two.
    ///
    /// A batch of pulses takes nearly all of their locks, and a tick or a registration only one.
    pub(crate) const COUNT: usize = 8;

    /// Servers without clients.
    pub(crate) fn new(timing: Timing) -> Self {
        Self((0..Self::COUNT).map(|_| Mutex::new(Server::new(timing))).collect())
    }

    /// The shard of a client: by the last byte of its id, since the table in the shard goes by the first ones.
    #[inline]
    pub(crate) fn number_of(id: ClientId) -> usize {
        let [.., last] = *id.as_bytes();
        usize::from(last) % Self::COUNT
    }

    /// Locks the server of this client.
    #[inline]
    pub(crate) fn of(&self, id: ClientId) -> MutexGuard<'_, Server> {
        self.lock(Self::number_of(id))
    }

    /// Locks the server of this number.
    #[inline]
    pub(crate) fn lock(&self, number: usize) -> MutexGuard<'_, Server> {
        // A panic in a call aborts the process (see the release profile); a test that survives one has failed anyway.
        self.0[number].lock().expect("no call to a server panics")
    }

    /// Locks one server after the other.
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, Server>> {
        (0..Self::COUNT).map(|number| self.lock(number))
    }

    /// Locks all of them.
    pub(crate) fn all(&self) -> [MutexGuard<'_, Server>; Self::COUNT] {
        array::from_fn(|number| self.lock(number))
    }

    /// How many records there are, those included of clients that are gone and not yet removed.
    pub(crate) fn records(&self) -> usize {
        self.each().map(|server| server.records()).sum()
    }
}
