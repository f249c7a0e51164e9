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
use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::{self, PROBLEM_CONTENT_TYPE, Problem, to_json};

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
