//! The status page: plain files that are part of the program.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type, content.
const FILES: [(&str, &str, &str); 6] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page/style.css", CSS, include_str!("page/style.css")),
    ("/page/status.js", SCRIPT, include_str!("page/status.js")),
    ("/page/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/page/table.js", SCRIPT, include_str!("page/table.js")),
    ("/page/figures.js", SCRIPT, include_str!("page/figures.js")),
];

/// Its routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |routes, (path, content_type, content)| {
        routes.route(path, get(async move || ([(CONTENT_TYPE, content_type)], content)))
    })
}
