//! What is for the operator only: its own listener, on the loopback interface unless told otherwise.
//!
//! | path | |
//! |---|---|
//! | `/` | the status page |
//! | `/status.json` | the figures that it shows |
//! | `/livez`, `/readyz` | whether the process runs, and whether it should be sent clients |
//! | `/metrics` | for Prometheus |
//! | `/version` | which program this is |
//! | `/docs/`, `/openapi.json` | the routes for clients, described |
//! | `/simulator/` | the simulator page, if there is one |

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::handler::HandlerWithoutStateExt;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn;
use axum::response::{Redirect, Response};
use axum::routing::get;
use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::CONTENT_TYPE;
use serde::Serialize;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::answer::{json, refuse};
use crate::Node;

mod docs;
mod guard;
mod health;
mod metrics;
mod page;
mod status;

/// The status page is all that there is: everything comes from this server, and nothing that is in the page itself runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Beside the simulator page's own policy, which says where its parts may come from: no other site may frame it.
const SIMULATOR_POLICY: &str = "frame-ancestors 'none'";

/// The operator's routes. `simulator` is the folder of the built page.
pub(crate) fn router(node: Arc<Node>, simulator: Option<&Path>) -> Router {
    let own = page::routes()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version))
        .route("/status.json", get(status::status))
        .with_state(Arc::clone(&node))
        .merge(metrics::route(node))
        .merge(docs::routes());
    let own = match simulator {
        Some(folder) => own.merge(simulator_routes(folder)),
        None => own,
    };
    own.fallback(async || refuse::<Body>(Rejection::NoSuchRoute))
        .layer(from_fn(guard::only_reads))
        .layer(from_fn(guard::only_by_address))
        .layer(set(CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(CACHE_CONTROL, "no-store"))
        .layer(set(X_FRAME_OPTIONS, "DENY"))
        .layer(set(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(REFERRER_POLICY, "no-referrer"))
}

fn simulator_routes(folder: &Path) -> Router {
    let nothing = (async || refuse::<Body>(Rejection::NoSuchRoute)).into_service();
    // The page's own links are relative, so it must be a folder. A browser asks each time whether a file has changed.
    Router::new()
        .route("/simulator", get(async || Redirect::permanent("/simulator/")))
        .nest_service("/simulator/", ServeDir::new(folder).fallback(nothing))
        .layer(set(CONTENT_SECURITY_POLICY, SIMULATOR_POLICY))
        .layer(set(CACHE_CONTROL, "no-cache"))
}

/// An answer with this.
fn as_json(value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("figures and names can be written as JSON");
    json(StatusCode::OK, CONTENT_TYPE, body)
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
