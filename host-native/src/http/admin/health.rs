//! What a supervisor, a load balancer and a script ask: does it run, should it be sent clients, which program is it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::as_json;
use super::guard::problem;
use crate::Node;
use crate::node::Readiness;

/// How the program was built.
pub(super) const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// The version of the program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `/livez`. It fails only if nothing short of a new process will help.
pub(super) async fn live(State(node): State<Arc<Node>>) -> Response {
    if node.is_alive() {
        return text("alive");
    }
    let detail = "For five seconds the process has not looked whether clients are gone.";
    problem(StatusCode::SERVICE_UNAVAILABLE, "stuck", detail)
}

/// `/readyz`. Pulses and lookups are answered in any case, but for a shared store that is away.
pub(super) async fn ready(State(node): State<Arc<Node>>) -> Response {
    let (code, detail) = match node.readiness() {
        Readiness::Ready => return text("ready"),
        Readiness::Draining => ("draining", "The server is about to stop. Send clients elsewhere."),
        Readiness::StoreFailing => (
            "store_failing",
            "The store cannot be written, so that registrations and logouts are refused. The log says why.",
        ),
        Readiness::StoreAway => (
            "store_away",
            "The store that the nodes share does not answer, so pulses are not answered and requests are refused. The log says why.",
        ),
    };
    problem(StatusCode::SERVICE_UNAVAILABLE, code, detail)
}

/// `/version`
pub(super) async fn version() -> Response {
    #[derive(Serialize)]
    struct Version {
        version: &'static str,
        /// The version of the protocol crate, which the rules and the wire formats are in.
        protocol: &'static str,
        profile: &'static str,
    }
    as_json(&Version { version: VERSION, protocol: rendezvous_protocol::VERSION, profile: PROFILE })
}

fn text(line: &'static str) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{line}\n")).into_response()
}
