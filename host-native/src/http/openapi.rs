//! Route of the OpenAPI 3.1 document that describes the routes.
//!
//! The document is the file `openapi.json`. `generator` makes it, of the code that it describes, and compares it in a test.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::get;

#[cfg(test)]
mod generator;

/// Path of the document.
pub(crate) const PATH: &str = "/openapi.json";

const DOCUMENT: &str = include_str!("../../openapi.json");

/// `Cache-Control` of the document: it changes only with a new version of the server.
const CACHED: &str = "public, max-age=300";

/// The route of the document.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route(PATH, get(async || response()))
}

/// An answer with the document. Unlike what it describes, it may be kept for a while.
fn response() -> Response {
    let mut response = Response::new(Body::from(Bytes::from_static(DOCUMENT.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(CACHED));
    response
}
