//! `/status.json`: what the status page shows. It holds no key, no id and no address.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::as_json;
use super::health::VERSION;
use crate::Node;
use crate::history::Columns;
use crate::node::{Readiness, StoreKind};

/// The figures of this moment, and the history.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    /// `ready`, `draining`, `store_failing` or `store_away`.
    state: &'static str,
    uptime_ms: u64,
    timing: TimingMillis,
    clients: Clients,
    store: StoreState,
    open_connections: u64,
    history: Columns,
}

#[derive(Serialize)]
struct TimingMillis {
    pulse_interval_ms: u64,
    pulse_grace_ms: u64,
    error_time_ms: u64,
}

#[derive(Serialize)]
struct Clients {
    /// Of all nodes, roughly, if they share a store.
    total: usize,
    /// `null` if nodes share a store: then nobody knows.
    online: Option<usize>,
    pending: Option<usize>,
}

#[derive(Serialize)]
struct StoreState {
    /// `file`, `memory` if a restart forgets the clients, or `shared` if other nodes have them, too.
    kind: &'static str,
    failing: bool,
    waiting_changes: usize,
}

/// `/status.json`
pub(super) async fn status(State(node): State<Arc<Node>>) -> Response {
    let stats = node.stats();
    let (history, uptime) = node.columns();
    let timing = node.timing();
    as_json(&Status {
        version: VERSION,
        state: match node.readiness() {
            Readiness::Ready => "ready",
            Readiness::Draining => "draining",
            Readiness::StoreFailing => "store_failing",
            Readiness::StoreAway => "store_away",
        },
        uptime_ms: uptime.0,
        timing: TimingMillis {
            pulse_interval_ms: timing.pulse_interval().0,
            pulse_grace_ms: timing.pulse_grace().0,
            error_time_ms: timing.error_time().0,
        },
        clients: Clients {
            total: stats.records,
            online: stats.shared.is_none().then_some(stats.online),
            pending: stats.shared.is_none().then(|| stats.pending()),
        },
        store: StoreState {
            kind: match node.store_kind() {
                StoreKind::Memory => "memory",
                StoreKind::File => "file",
                StoreKind::Shared => "shared",
            },
            failing: stats.store_is_failing,
            waiting_changes: stats.store.waiting_changes,
        },
        open_connections: stats.open_connections,
        history,
    })
}
