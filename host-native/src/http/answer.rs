//! Answers: from what the node says to what goes out.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use rendezvous_protocol::http::{self, PROBLEM_CONTENT_TYPE, Problem, to_json};
use rendezvous_protocol::{Millis, Rejection};

/// The body of an answer.
pub(crate) enum Answer {
    /// All of it, without a box around it.
    Whole(Full<Bytes>),
    /// Whatever the router made.
    Routed(Body),
}

impl From<String> for Answer {
    fn from(body: String) -> Self {
        Self::Whole(Full::from(body))
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never: Infallible| match never {}),
            Self::Routed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Routed(body) => body.size_hint(),
        }
    }
}

/// An answer with this JSON, or with what is wrong.
pub(super) fn answer<B: From<String>>(result: Result<String, Rejection>) -> Response<B> {
    match result {
        Ok(body) => json(StatusCode::OK, http::CONTENT_TYPE, body),
        Err(rejection) => refuse(rejection),
    }
}

/// An answer that says what is wrong (RFC 9457).
pub(super) fn refuse<B: From<String>>(rejection: Rejection) -> Response<B> {
    let status = StatusCode::from_u16(rejection.status()).expect("a rejection has a valid status");
    let mut response = json(status, PROBLEM_CONTENT_TYPE, to_json(&Problem::of(rejection)));
    let mut set = |name: HeaderName, value: Option<&'static str>| {
        if let Some(value) = value {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    };
    set(WWW_AUTHENTICATE, rejection.www_authenticate());
    set(RETRY_AFTER, rejection.retry_after());
    response
}

/// The same for one who asked too often, and may ask again after `wait`.
pub(super) fn refuse_for<B: From<String>>(wait: Millis) -> Response<B> {
    let mut response = refuse(Rejection::RateLimited);
    // Never too early, so rounded up.
    let seconds = HeaderValue::from(wait.0.div_ceil(1000).max(1));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// The same as bytes, after which the connection is closed: for where there is no request that could be answered.
pub(super) fn last_words(rejection: Rejection) -> Vec<u8> {
    let problem = Problem::of(rejection);
    let body = to_json(&problem);
    let retry = rejection.retry_after().map(|secs| format!("retry-after: {secs}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {PROBLEM_CONTENT_TYPE}\r\ncache-control: no-store\r\n{retry}content-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        problem.status,
        problem.title,
        body.len(),
    )
    .into_bytes()
}

/// Every answer is true only now, and some hold a key: none may be kept.
pub(super) fn json<B: From<String>>(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
