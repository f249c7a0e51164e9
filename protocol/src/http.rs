//! The HTTP wire as values: credentials in, JSON bodies and problems out. No sockets and no framework.

mod bearer;
mod body;
mod problem;

pub use bearer::parse_bearer;
pub use body::{Body, LogoutBody, PeerAddressBody, PeerStatusBody, RegisterBody, VerifyBody, to_json};
pub use problem::{PROBLEM_CONTENT_TYPE, Problem};

/// The content type of the successful bodies.
pub const CONTENT_TYPE: &str = "application/json";
