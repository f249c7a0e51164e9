//! The description of the routes as a page to read, from the same document that programs read.
//!
//! It is a page of our own: what renders any document is a megabyte of somebody else's script at least, and sets styles inline, which
//! the policy here forbids.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

use crate::http::openapi;

/// Everything comes from this server, and nothing that stands in the page itself runs or styles it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Each file of the page: where it is, what it is, and what is in it.
const FILES: [(&str, &str, &str); 4] = [
    ("/docs/", "text/html; charset=utf-8", include_str!("docs/index.html")),
    ("/docs/style.css", "text/css; charset=utf-8", include_str!("docs/style.css")),
    ("/docs/docs.js", "text/javascript; charset=utf-8", include_str!("docs/docs.js")),
    ("/docs/elements.js", "text/javascript; charset=utf-8", include_str!("docs/elements.js")),
];

/// The page at `/docs/`, and the document that it shows.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Its links are relative, so it must be a folder.
    let routes = openapi::routes().route("/docs", get(async || Redirect::permanent("/docs/")));
    FILES.into_iter().fold(routes, |routes, (path, content_type, text)| {
        routes.route(path, get(async move || file(content_type, text)))
    })
}

/// A browser asks each time: after an update of the server there must be no old script with a new document.
fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")], text)
}
