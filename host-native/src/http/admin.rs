//! What is for the operator only: its own listener, on the loopback interface unless told otherwise. So far it serves the
//! description of the routes, and the simulator page, if there is one.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Redirect;
use axum::routing::get;
use rendezvous_protocol::Rejection;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::answer::refuse;

mod docs;

/// Beside the page's own policy, which says where its parts may come from: no other site may frame it.
const POLICY: &str = "frame-ancestors 'none'";

/// The operator's routes. `simulator` is the folder of the built page.
pub(crate) fn router(simulator: Option<&Path>) -> Router {
    let routes = match simulator {
        // The page's own links are relative, so it must be a folder.
        Some(folder) => Router::new()
            .route("/simulator", get(async || Redirect::permanent("/simulator/")))
            .nest_service("/simulator/", ServeDir::new(folder)),
        None => Router::new(),
    };
    let set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    routes
        .merge(docs::routes())
        .fallback(async || refuse::<Body>(Rejection::NoSuchRoute))
        .method_not_allowed_fallback(async || refuse::<Body>(Rejection::MethodNotAllowed))
        .layer(set(CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(X_FRAME_OPTIONS, "DENY"))
        .layer(set(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(REFERRER_POLICY, "no-referrer"))
}
