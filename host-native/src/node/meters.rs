//! What happens around a node's servers, measured for the operator: nothing here decides anything.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::http::StatusCode;
use rendezvous_protocol::{Clock, Millis, Timing};

use super::{Node, Stats};
use crate::histogram::{Histogram, Reading};
use crate::history::{Columns, History};
use crate::shared::SharedStore;

/// How long no tick may come before the process counts as stuck.
const STUCK_AFTER: Millis = Millis::from_secs(5);

/// The meters of one node.
#[derive(Debug)]
pub(super) struct Meters {
    /// When the node was made.
    started: Clock,
    /// When a shard was ticked last, in milliseconds of the decision clock.
    ticked: AtomicU64,
    draining: AtomicBool,
    requests: [[AtomicU64; StatusClass::ALL.len()]; Route::ALL.len()],
    /// Datagrams that were received together.
    batch_sizes: Histogram<0, 8>,
    /// Microseconds from 8 to a quarter of a second.
    handling: Histogram<3, 17>,
    history: Mutex<History>,
}

/// A route, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Register,
    Verify,
    Logout,
    PeerAddress,
    PeerStatus,
    /// No route.
    Other,
}

/// How a request was answered, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusClass {
    Success,
    Refused,
    Failed,
}

/// Whether the node should be sent clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// The server is about to stop.
    Draining,
    /// Registrations and logouts cannot be stored.
    StoreFailing,
    /// The store that nodes share does not answer, and so neither does the node.
    StoreAway,
}

/// Where a node's clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// In the process: a restart forgets them.
    Memory,
    File,
    /// In a store that other nodes have, too.
    Shared,
}

impl Meters {
    pub(super) fn new(started: Clock) -> Self {
        Self {
            started,
            ticked: AtomicU64::new(started.now.as_millis()),
            draining: AtomicBool::new(false),
            requests: Default::default(),
            batch_sizes: Histogram::default(),
            handling: Histogram::default(),
            history: Mutex::new(History::new(started.now)),
        }
    }

    /// A tick came.
    pub(super) fn ticked(&self, at: Clock) {
        self.ticked.store(at.now.as_millis(), Ordering::Relaxed);
    }
}

impl Route {
    pub(crate) const ALL: [Self; 6] =
        [Self::Register, Self::Verify, Self::Logout, Self::PeerAddress, Self::PeerStatus, Self::Other];

    /// The route that a path names.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/register" => Self::Register,
            "/verify" => Self::Verify,
            "/logout" => Self::Logout,
            _ => match path.strip_prefix("/peer/").and_then(|rest| rest.split_once('/')) {
                Some((_, "udp")) => Self::PeerAddress,
                Some((_, "udp/status")) => Self::PeerStatus,
                Some(_) | None => Self::Other,
            },
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Verify => "verify",
            Self::Logout => "logout",
            Self::PeerAddress => "peer_address",
            Self::PeerStatus => "peer_status",
            Self::Other => "other",
        }
    }
}

impl StatusClass {
    pub(crate) const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// The server answers with no status below 200, and with none between 300 and 399.
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            ..400 => Self::Success,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Refused => "4xx",
            Self::Failed => "5xx",
        }
    }
}

impl Node {
    /// The server is about to stop: from now on it says that it is not ready. It goes on answering.
    pub fn note_draining(&self) {
        self.meters.draining.store(true, Ordering::Relaxed);
    }

    /// A request to this path was answered so.
    pub(crate) fn note_request(&self, route: Route, status: StatusCode) {
        self.meters.requests[route as usize][StatusClass::of(status) as usize]
            .fetch_add(1, Ordering::Relaxed);
    }

    /// So many datagrams came together.
    pub(crate) fn note_batch(&self, size: usize) {
        self.meters.batch_sizes.note(size as u64);
    }

    /// One of some batches, from its receipt until its answers were sent.
    pub(crate) fn note_handling(&self, time: Duration) {
        self.meters.handling.note(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes a sample for the history, if it is time for one. To be called about once a second.
    pub(crate) fn note_history(&self) {
        let at = (self.read_clock)();
        if self.history().is_due(at.now) {
            let stats = self.stats();
            self.history().take(at.now, &stats);
        }
    }

    /// Whether the process handles events, as far as it can tell itself.
    pub(crate) fn is_alive(&self) -> bool {
        let now = (self.read_clock)().now.as_millis();
        now.saturating_sub(self.meters.ticked.load(Ordering::Relaxed)) < STUCK_AFTER.0
    }

    pub(crate) fn readiness(&self) -> Readiness {
        if self.meters.draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if self.store.is_failing() {
            Readiness::StoreFailing
        } else if self.shared.as_ref().is_some_and(|store| !store.is_ready()) {
            Readiness::StoreAway
        } else {
            Readiness::Ready
        }
    }

    /// The durations of the protocol.
    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Where clients are kept.
    pub(crate) fn store_kind(&self) -> StoreKind {
        match &self.shared {
            Some(_) => StoreKind::Shared,
            None if self.store.keeps() => StoreKind::File,
            None => StoreKind::Memory,
        }
    }

    /// How many microseconds round trips to a shared store took, if there is one.
    pub(crate) fn round_trips(&self) -> Option<Reading> {
        self.shared.as_ref().map(SharedStore::latency)
    }

    /// When the node was made.
    pub(crate) fn started(&self) -> Clock {
        self.meters.started
    }

    /// The history as it is now, and how long the node has been there.
    pub(crate) fn columns(&self) -> (Columns, Millis) {
        let now = (self.read_clock)().now;
        (self.history().columns(now), now.since(self.meters.started.now))
    }

    /// How many requests were answered so.
    pub(crate) fn requests(&self, route: Route, class: StatusClass) -> u64 {
        self.meters.requests[route as usize][class as usize].load(Ordering::Relaxed)
    }

    /// How many datagrams came together, and how many microseconds some of the batches took.
    pub(crate) fn batches(&self) -> (Reading, Reading) {
        (self.meters.batch_sizes.read(), self.meters.handling.read())
    }

    /// How many microseconds commits to the store took.
    pub(crate) fn commits(&self) -> Reading {
        self.store.commits()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.meters.history.lock().expect("nothing panics with the history")
    }
}

impl Stats {
    /// Records of clients that are not ONLINE; 0 with a shared store, of which nobody knows.
    pub const fn pending(&self) -> usize {
        if self.shared.is_some() { 0 } else { self.records.saturating_sub(self.online) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_counted_as_its_route_and_anything_else_as_other() {
        for (path, route) in [
            ("/register", Route::Register),
            ("/verify", Route::Verify),
            ("/logout", Route::Logout),
            ("/peer/00ff/udp", Route::PeerAddress),
            ("/peer/no id/udp/status", Route::PeerStatus),
            ("/peer/a/udp/", Route::Other),
            ("/peer/a/b/udp", Route::Other),
            ("/register/", Route::Other),
            ("/", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route as usize, index);
        }
    }

    #[test]
    fn every_status_is_of_a_class() {
        for (status, class) in
            [(200, StatusClass::Success), (404, StatusClass::Refused), (503, StatusClass::Failed)]
        {
            assert_eq!(StatusClass::of(StatusCode::from_u16(status).unwrap()), class);
        }
        for (index, class) in StatusClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index);
        }
    }
}
