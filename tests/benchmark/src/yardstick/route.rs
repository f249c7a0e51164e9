//! A bare axum route: `axum::serve`, one route, one constant answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime;

use super::announce;
use crate::outcome::Outcome;

/// What the server says of its answers beside what every HTTP server does.
const ANSWER_HEADERS: [(HeaderName, &str); 2] =
    [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];

/// Serves `body` until the process ends.
///
/// # Errors
/// What the system says.
pub(super) fn run(body: String) -> Outcome<()> {
    // One worker, as the server has on one core.
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        let route = get(async |State(body): State<Arc<str>>| (ANSWER_HEADERS, body.to_string()));
        let router = Router::new().route("/peer/{client_id}/udp", route).with_state(Arc::from(body));
        Ok(axum::serve(listener, router).await?)
    })
}
