//! The specification as checks that any server can be put to: a base URL and a UDP address are all they need.
//!
//! Each check is a sentence about the server. It registers clients of its own, so checks can share a server, and it
//! takes the durations from the registration, so they can judge a server with any timing (those that wait for a
//! deadline then take as long as the deadline does).

pub mod credentials;
pub mod lifecycle;
pub mod pulses;
pub mod routes;

use crate::target::Target;
use crate::timing::attempt;

/// A check and its name.
pub type Check = (&'static str, fn(&Target));

/// All checks.
pub fn all() -> impl Iterator<Item = Check> {
    [pulses::CHECKS, routes::CHECKS, credentials::CHECKS, lifecycle::CHECKS].into_iter().flatten().copied()
}

/// Runs a check against a server.
///
/// # Panics
/// If the server does not pass.
pub fn run((name, check): Check, target: &Target) {
    attempt(name, || check(target));
}

/// Defines checks and the list of them.
macro_rules! checks {
    ($($(#[$doc:meta])* fn $name:ident($target:ident) $body:block)*) => {
        $($(#[$doc])* pub fn $name($target: &Target) $body)*

        /// The checks of this module.
        pub const CHECKS: &[super::Check] = &[$((stringify!($name), $name)),*];
    };
}
use checks;
