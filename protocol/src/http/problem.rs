//! Errors as `application/problem+json` (RFC 9457).

use alloc::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Rejection;

/// The content type of a [`Problem`].
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: [`Problem::code`] says what went wrong, and there is no page about it (RFC 9457, section
    /// 4.2.1).
    pub r#type: Cow<'static, str>,
    /// The phrase of the status, as `about:blank` asks for.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong and what to do, for a person.
    pub detail: Cow<'static, str>,
    /// What went wrong, for a program. It stays the same over versions.
    pub code: Cow<'static, str>,
    /// Always `false`.
    pub ok: bool,
}

impl Problem {
    /// The problem that tells of `rejection`.
    pub fn of(rejection: Rejection) -> Self {
        Self {
            r#type: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(rejection.title()),
            status: rejection.status(),
            detail: Cow::Borrowed(rejection.detail()),
            code: Cow::Borrowed(rejection.code()),
            ok: false,
        }
    }
}

impl super::Body for Problem {}

impl Rejection {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::MissingCredentials,
        Self::MalformedCredentials,
        Self::UnknownClient,
        Self::MalformedClientId,
        Self::UnknownPeer,
        Self::AddressUnknown,
        Self::Unavailable,
        Self::AtCapacity,
        Self::RateLimited,
        Self::MalformedRequest,
        Self::Timeout,
        Self::TooLarge,
        Self::UriTooLong,
        Self::HeadersTooLarge,
    ];

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedClientId | Self::MalformedRequest => 400,
            Self::MissingCredentials | Self::MalformedCredentials | Self::UnknownClient => 401,
            Self::NoSuchRoute | Self::UnknownPeer | Self::AddressUnknown => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::TooLarge => 413,
            Self::UriTooLong => 414,
            Self::RateLimited => 429,
            Self::HeadersTooLarge => 431,
            Self::Unavailable | Self::AtCapacity => 503,
        }
    }

    /// The stable name of the error.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSuchRoute => "no_such_route",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::MissingCredentials => "missing_credentials",
            Self::MalformedCredentials => "malformed_credentials",
            Self::UnknownClient => "unknown_client",
            Self::MalformedClientId => "malformed_client_id",
            Self::UnknownPeer => "unknown_peer",
            Self::AddressUnknown => "address_unknown",
            Self::Unavailable => "unavailable",
            Self::AtCapacity => "at_capacity",
            Self::RateLimited => "rate_limited",
            Self::MalformedRequest => "malformed_request",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::UriTooLong => "uri_too_long",
            Self::HeadersTooLarge => "headers_too_large",
        }
    }

    /// What the `WWW-Authenticate` header says, which a 401 must have (RFC 9110, section 15.5.2).
    pub const fn www_authenticate(self) -> Option<&'static str> {
        match self.status() {
            401 => Some("Bearer"),
            _ => None,
        }
    }

    /// What the `Retry-After` header says, in seconds, where trying again makes sense. A client that registered
    /// pulses at once, so its address is soon known. A host that knows better when a rate allows the next says that instead.
    pub const fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::AddressUnknown | Self::Unavailable | Self::RateLimited => Some("1"),
            // A client that is gone makes room for the next.
            Self::AtCapacity => Some("10"),
            Self::NoSuchRoute
            | Self::MethodNotAllowed
            | Self::MissingCredentials
            | Self::MalformedCredentials
            | Self::UnknownClient
            | Self::MalformedClientId
            | Self::UnknownPeer
            | Self::MalformedRequest
            | Self::Timeout
            | Self::TooLarge
            | Self::UriTooLong
            | Self::HeadersTooLarge => None,
        }
    }

    const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::NoSuchRoute => "No route has this path.",
            Self::MethodNotAllowed => {
                "This route does not take this method; the Allow header lists those it takes."
            }
            Self::MissingCredentials => "Send the private key: Authorization: Bearer <64 hex digits>.",
            Self::MalformedCredentials => {
                "Send exactly one Authorization header with the scheme Bearer and the private key as 64 hex digits."
            }
            Self::UnknownClient => {
                "This key belongs to no client: it never registered, logged out, or was silent for too long. \
                 Register again."
            }
            Self::MalformedClientId => "A client id is 32 hex digits.",
            Self::UnknownPeer => {
                "There is no such peer: it never registered, logged out, or was silent for too long."
            }
            Self::AddressUnknown => {
                "The peer is registered, but the server has not accepted a pulse from it yet."
            }
            Self::Unavailable => "The server cannot do this now. Try again.",
            Self::AtCapacity => "The server has as many clients as it takes. Try again later.",
            Self::RateLimited => {
                "Too many requests of this kind. Try again after the seconds that Retry-After says."
            }
            Self::MalformedRequest => {
                "This is not one well-formed HTTP/1.1 request: see its lines, its Host, Content-Length and Transfer-Encoding."
            }
            Self::Timeout => "The request did not arrive in time.",
            Self::TooLarge => "The body is too long; no route needs one.",
            Self::UriTooLong => "The request target is too long.",
            Self::HeadersTooLarge => "The head is too long, or has too many fields.",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::http::to_json;

    #[test]
    fn a_problem_prints_all_its_members() {
        assert_eq!(
            to_json(&Problem::of(Rejection::MalformedClientId)),
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"A client id is 32 hex digits.","code":"malformed_client_id","ok":false}"#
        );
    }

    #[test]
    fn every_rejection_has_a_code_and_a_detail_of_its_own_and_reads_back() {
        let mut codes = BTreeSet::new();
        let mut details = BTreeSet::new();
        for rejection in Rejection::ALL {
            let problem = Problem::of(rejection);
            assert!(codes.insert(problem.code.clone()), "{} twice", problem.code);
            assert!(details.insert(problem.detail.clone()), "{} twice", problem.detail);
            assert_eq!(serde_json::from_str::<Problem>(&to_json(&problem)).unwrap(), problem);
            assert_eq!(serde_json::to_string(&rejection).unwrap(), alloc::format!("{:?}", problem.code));
        }
    }

    #[test]
    fn a_title_is_the_phrase_of_its_status() {
        for rejection in Rejection::ALL {
            let phrase = match rejection.status() {
                400 => "Bad Request",
                401 => "Unauthorized",
                404 => "Not Found",
                405 => "Method Not Allowed",
                408 => "Request Timeout",
                413 => "Content Too Large",
                414 => "URI Too Long",
                429 => "Too Many Requests",
                431 => "Request Header Fields Too Large",
                503 => "Service Unavailable",
                other => panic!("{other} has no phrase here"),
            };
            assert_eq!(Problem::of(rejection).title, phrase);
        }
    }

    #[test]
    fn a_401_challenges_and_a_wait_that_helps_is_announced() {
        for rejection in Rejection::ALL {
            assert_eq!(rejection.www_authenticate().is_some(), rejection.status() == 401, "{rejection:?}");
        }
        assert_eq!(Rejection::AddressUnknown.retry_after(), Some("1"));
        assert_eq!(Rejection::Unavailable.retry_after(), Some("1"));
        assert_eq!(Rejection::UnknownPeer.retry_after(), None);
    }
}
