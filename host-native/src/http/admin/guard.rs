//! Which requests the operator's listener takes at all.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::{PROBLEM_CONTENT_TYPE, Problem, to_json};

use super::super::answer::{json, refuse};

/// Nothing here can be changed, so nothing but reading is allowed.
pub(super) async fn only_reads(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let mut response = refuse::<Body>(Rejection::MethodNotAllowed);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    response
}

/// Refuses whoever comes by a name. There is no login: that only this machine can reach the listener is all that protects it.
/// But a browser on this machine can, and runs the pages of others. Such a page may not read what another host answers; so its
/// owner lets the name of its own host point here ("DNS rebinding"). A name in `Host` gives that away.
pub(super) async fn only_by_address(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(HOST).into_iter();
    let named =
        hosts.map(HeaderValue::as_bytes).chain(request.uri().authority().map(|it| it.as_str().as_bytes()));
    if named.into_iter().all(is_no_name) {
        return next.run(request).await;
    }
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected_request",
        "These pages are not served by name, since a foreign page could use a name to read them. Use the address that the \
         server listens on, such as 127.0.0.1, or localhost.",
    )
}

/// An answer that says what is wrong, of which clients never hear.
pub(super) fn problem(status: StatusCode, code: &'static str, detail: &'static str) -> Response {
    let problem = Problem {
        r#type: Cow::Borrowed("about:blank"),
        title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
        status: status.as_u16(),
        detail: Cow::Borrowed(detail),
        code: Cow::Borrowed(code),
        ok: false,
    };
    json(status, PROBLEM_CONTENT_TYPE, to_json(&problem))
}

/// Whether this is an address or `localhost`, with a port or without, or nothing at all.
fn is_no_name(host: &[u8]) -> bool {
    if host.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(host) else { return false };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    !authority.as_str().contains('@')
        && (host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_localhost_are_no_names() {
        for host in ["", "127.0.0.1", "127.0.0.1:5026", "[::1]", "[::1]:5026", "localhost", "LocalHost:80"] {
            assert!(is_no_name(host.as_bytes()), "{host}");
        }
        for host in [
            "rebound.example",
            "rebound.example:5026",
            "localhost.rebound.example",
            "127.0.0.1.rebound.example",
            "a@127.0.0.1",
            "127.0.0.1:5026@rebound.example",
            "[rebound.example]",
            "127.1",
            "\u{ff}",
            "a b",
        ] {
            assert!(!is_no_name(host.as_bytes()), "{host}");
        }
    }
}
