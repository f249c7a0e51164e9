//! What a node counts, beside what its servers count themselves.

use std::sync::atomic::{AtomicU64, Ordering};

use rendezvous_protocol::{Counters, DropReason};

use super::Node;
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
    /// Whether the store cannot be written, so that registrations and logouts are refused.
    pub store_is_failing: bool,
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

    /// The server has begun to stop: from now on it is not ready.
    pub fn note_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server has begun to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
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
