//! What a node counts, beside what its servers count themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rendezvous_protocol::{Counters, DropReason};

use super::Node;
use crate::http::ConnectionCounters;
use crate::shared::SharedStats;
use crate::store::StoreStats;

/// What a node counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What its servers count, and the datagrams that never got that far.
    pub counters: Counters,
    /// Records, those of clients included that are gone and not yet removed.
    pub records: usize,
    /// Of these, the clients that are ONLINE; exact to half a second, see [`Server::online`].
    ///
    /// [`Server::online`]: rendezvous_protocol::Server::online
    pub online: usize,
    /// Records that the expiry indexes cover: all of them.
    pub deadlines: usize,
    /// Answers that the system refused to send.
    pub send_errors: u64,
    /// Datagrams that the kernel dropped before the server saw them, as far as it was asked: once a second.
    pub kernel_drops: u64,
    /// What was refused because there was too much of it.
    pub refused: Refused,
    /// HTTP connections that are open.
    pub open_connections: u64,
    /// Roughly the bytes that the records take.
    pub memory: usize,
    /// What the store did.
    pub store: StoreStats,
    /// Whether the store cannot be written, so that registrations and logouts are refused; of a shared store, whether it is away, so
    /// that nothing is answered.
    pub store_is_failing: bool,
    /// What a store did that nodes share; then the records are roughly those of all nodes, and nobody knows how many are ONLINE.
    pub shared: Option<SharedStats>,
}

/// What was refused, or silenced, by a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Registrations of a network that registers too often.
    pub registrations: u64,
    /// Pulses of unknown keys that were not answered.
    pub unknown_pulses: u64,
    /// Lookups of a client that looks up too often.
    pub lookups: u64,
    /// HTTP connections that were too many.
    pub connections: u64,
    /// Registrations beyond the most clients that there may be.
    pub at_capacity: u64,
}

/// What can be refused by a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// See [`Refused::registrations`].
    Registration,
    /// See [`Refused::unknown_pulses`].
    UnknownPulse,
    /// See [`Refused::lookups`].
    Lookup,
    /// See [`Refused::at_capacity`].
    AtCapacity,
}

impl Refused {
    /// All together.
    pub const fn total(&self) -> u64 {
        let Self { registrations, unknown_pulses, lookups, connections, at_capacity } = *self;
        registrations + unknown_pulses + lookups + connections + at_capacity
    }
}

#[derive(Debug, Default)]
pub(super) struct RefusedCounters {
    registrations: AtomicU64,
    unknown_pulses: AtomicU64,
    lookups: AtomicU64,
    at_capacity: AtomicU64,
}

impl RefusedCounters {
    fn read(&self) -> Refused {
        Refused {
            registrations: self.registrations.load(Ordering::Relaxed),
            unknown_pulses: self.unknown_pulses.load(Ordering::Relaxed),
            lookups: self.lookups.load(Ordering::Relaxed),
            connections: 0,
            at_capacity: self.at_capacity.load(Ordering::Relaxed),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct UdpCounters {
    wrong_length: AtomicU64,
    port_zero: AtomicU64,
    send_errors: AtomicU64,
    kernel_drops: AtomicU64,
}

impl Node {
    /// What happened so far, summed over all shards.
    pub fn stats(&self) -> Stats {
        // Not as calls read it: looking at the figures is no sign that the process runs.
        let (udp, at) = (&self.udp, (self.read_clock)());
        let mut stats = Stats {
            send_errors: udp.send_errors.load(Ordering::Relaxed),
            kernel_drops: udp.kernel_drops.load(Ordering::Relaxed),
            store: self.store.stats(),
            store_is_failing: self.store.is_failing(),
            refused: Refused { connections: self.connections.refused(), ..self.refused.read() },
            open_connections: self.connections.open() as u64,
            ..Stats::default()
        };
        if let Some(shared) = &self.shared {
            stats.counters = shared.counters();
            stats.records = shared.clients();
            stats.shared = Some(shared.stats());
            stats.store_is_failing = !shared.is_ready();
        }
        stats.counters.dropped_wrong_length = udp.wrong_length.load(Ordering::Relaxed);
        stats.counters.dropped_port_zero = udp.port_zero.load(Ordering::Relaxed);
        for server in self.shards.each() {
            stats.counters += *server.counters();
            stats.records += server.records();
            stats.online += server.online(at);
            stats.deadlines += server.deadlines();
            stats.memory += server.memory();
        }
        stats
    }

    /// Where connections of clients are counted.
    pub(crate) fn connections(&self) -> &Arc<ConnectionCounters> {
        &self.connections
    }

    /// So many things were refused by a limit.
    pub fn note_refused(&self, what: Refusal, count: u64) {
        let counter = match what {
            Refusal::Registration => &self.refused.registrations,
            Refusal::UnknownPulse => &self.refused.unknown_pulses,
            Refusal::Lookup => &self.refused.lookups,
            Refusal::AtCapacity => &self.refused.at_capacity,
        };
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// A datagram that is not answered.
    pub(crate) fn note_dropped(&self, reason: DropReason) {
        let counter = match reason {
            DropReason::WrongLength => &self.udp.wrong_length,
            DropReason::SourcePortZero => &self.udp.port_zero,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer that could not be sent.
    pub(crate) fn note_send_error(&self) {
        self.udp.send_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Datagrams that the kernel dropped.
    pub(crate) fn note_kernel_drops(&self, count: u64) {
        self.udp.kernel_drops.fetch_add(count, Ordering::Relaxed);
    }
}
