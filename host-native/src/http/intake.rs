//! What is asked of every request before anybody looks at what it wants: that it can be read in one way only, that it is not
//! too large, and that all of it arrives in time.

use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use rendezvous_protocol::Rejection;
use tokio::time::timeout;

use super::watched::Progress;
use crate::settings::ConnectionLimits;

/// A request that has arrived.
pub(super) struct Taken {
    /// The request; no route reads a body.
    pub(super) request: Request<()>,
    /// Whether the connection must be closed after the answer: what follows on it could be taken for something else.
    pub(super) closes: bool,
}

/// Takes in a request.
///
/// # Errors
/// What is wrong with it. The connection must be closed then.
pub(super) async fn take(
    request: Request<Incoming>,
    limits: &ConnectionLimits,
    progress: &Progress,
) -> Result<Taken, Rejection> {
    let is_ambiguous = progress.head_is_complete();
    let (parts, body) = request.into_parts();
    let closes = check(&parts, limits)?;
    if is_ambiguous {
        return Err(Rejection::MalformedRequest);
    }
    if !body.is_end_stream() {
        let reading = Limited::new(body, limits.body_bytes).collect();
        match timeout(limits.body_timeout, reading).await {
            Ok(Ok(_unread)) => progress.body_is_complete(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Rejection::TooLarge),
            Ok(Err(_)) => return Err(Rejection::MalformedRequest),
            Err(_) => return Err(Rejection::Timeout),
        }
    }
    Ok(Taken { request: Request::from_parts(parts, ()), closes })
}

/// The checks of the head, the size first. Says whether the connection must be closed.
fn check(parts: &Parts, limits: &ConnectionLimits) -> Result<bool, Rejection> {
    let Parts { uri, headers, version, .. } = parts;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    // Whoever names the host in the target, too, does so behind a scheme: `http://` or longer.
    let host = uri.authority().map_or(0, |host| "http://".len() + host.as_str().len());
    if path + host > limits.uri_bytes.get() {
        return Err(Rejection::UriTooLong);
    }
    let length = headers.get(CONTENT_LENGTH);
    if length.is_some_and(|length| is_more_than(length.as_bytes(), limits.body_bytes)) {
        return Err(Rejection::TooLarge);
    }
    // RFC 9112, section 6.1: with both, somebody on the way may have counted differently. The HTTP library drops a length that
    // comes after the coding, so the connection is closed after any coding.
    let coded = headers.contains_key(TRANSFER_ENCODING);
    if (coded && length.is_some()) || !has_right_host(headers, *version) {
        return Err(Rejection::MalformedRequest);
    }
    Ok(coded)
}

/// RFC 9112, section 3.2: exactly one `Host`, and one that names a host.
fn has_right_host(headers: &HeaderMap, version: Version) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host
            .as_bytes()
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte)),
        (None, _) => version != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Whether these digits are a greater number. (What is no number, the HTTP library has refused.)
fn is_more_than(digits: &[u8], limit: usize) -> bool {
    let number = digits.iter().try_fold(0_usize, |number, digit| {
        number.checked_mul(10)?.checked_add(usize::from(digit.wrapping_sub(b'0')))
    });
    number.is_none_or(|number| number > limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with_hosts(hosts: &[&'static str], version: Version) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        has_right_host(&headers, version)
    }

    #[test]
    fn there_is_one_host_and_it_could_be_one() {
        for host in ["localhost", "localhost:5025", "[::1]:5025", "", "192.0.2.1"] {
            assert!(with_hosts(&[host], Version::HTTP_11), "{host}");
        }
        for hosts in [&[][..], &["a", "a"], &["a b"], &["a/b"], &["a@b"], &["a,b"], &["a\"b"]] {
            assert!(!with_hosts(hosts, Version::HTTP_11), "{hosts:?}");
        }
        assert!(with_hosts(&[], Version::HTTP_10));
    }

    #[test]
    fn a_length_is_compared_however_long_it_is() {
        assert!(!is_more_than(b"4096", 4096));
        assert!(is_more_than(b"4097", 4096));
        assert!(is_more_than(b"99999999999999999999999999", 4096));
        assert!(!is_more_than(b"00000000000000000000000001", 4096));
    }
}
