//! What a node counts, beside what its servers count themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rendezvous_protocol::{Counters, DropReason};

use super::Node;
use crate::http::ConnectionCounters;
use crate::store::StoreStats;

/// What a node counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What its servers count, and the datagrams that never got that far.
    pub counters: Counters,
    /// Records, those of clients included that are gone and not yet removed.
    pub records: usize,
    /// Records that the expiry indexes cover: all of them.
    pub deadlines: usize,
    /// Answers that the system refused to send.
    pub send_errors: u64,
    /// Datagrams that the kernel dropped before the server saw them, as far as it was asked: once a second.
    pub kernel_drops: u64,
    /// Roughly the bytes that the records take.
    pub memory: usize,
    /// What the store did.
    pub store: StoreStats,
    /// What was refused, or not answered, because of a limit.
    pub refused: Refused,
    /// Connections of clients.
    pub open_connections: usize,
    /// Whether the store cannot be written, so that registrations and logouts are refused.
    pub store_is_failing: bool,
}

/// What was refused, or not answered, because of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Registrations that came too fast.
    pub registrations: u64,
    /// Registrations for which there was no room.
    pub at_capacity: u64,
    /// Pulses with unknown keys that were not answered.
    pub unknown_pulses: u64,
    /// Lookups that came too fast.
    pub lookups: u64,
    /// Connections beyond the most there may be, in total or from one network.
    pub connections: u64,
}

#[derive(Debug, Default)]
pub(super) struct RefusedCounters {
    registrations: AtomicU64,
    at_capacity: AtomicU64,
    unknown_pulses: AtomicU64,
    lookups: AtomicU64,
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
        let udp = &self.udp;
        let mut stats = Stats {
            send_errors: udp.send_errors.load(Ordering::Relaxed),
            kernel_drops: udp.kernel_drops.load(Ordering::Relaxed),
            store: self.store.stats(),
            store_is_failing: self.store.is_failing(),
            refused: Refused { connections: self.connections.refused(), ..self.refused.read() },
            open_connections: self.connections.open(),
            ..Stats::default()
        };
        stats.counters.dropped_wrong_length = udp.wrong_length.load(Ordering::Relaxed);
        stats.counters.dropped_port_zero = udp.port_zero.load(Ordering::Relaxed);
        for server in self.shards.each() {
            stats.counters += *server.counters();
            stats.records += server.records();
            stats.deadlines += server.deadlines();
            stats.memory += server.memory();
        }
        stats
    }

    /// Where connections of clients are counted.
    pub(crate) fn connections(&self) -> &Arc<ConnectionCounters> {
        &self.connections
    }

    /// A registration that came too fast.
    pub(crate) fn note_registration_refused(&self) {
        self.refused.registrations.fetch_add(1, Ordering::Relaxed);
    }

    /// A registration for which there was no room.
    pub(super) fn note_at_capacity(&self) {
        self.refused.at_capacity.fetch_add(1, Ordering::Relaxed);
    }

    /// A pulse with an unknown key that is not answered.
    pub(crate) fn note_unknown_pulse_refused(&self) {
        self.refused.unknown_pulses.fetch_add(1, Ordering::Relaxed);
    }

    /// A lookup that came too fast.
    pub(crate) fn note_lookup_refused(&self) {
        self.refused.lookups.fetch_add(1, Ordering::Relaxed);
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

impl RefusedCounters {
    fn read(&self) -> Refused {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Refused {
            registrations: read(&self.registrations),
            at_capacity: read(&self.at_capacity),
            unknown_pulses: read(&self.unknown_pulses),
            lookups: read(&self.lookups),
            connections: 0,
        }
    }
}
