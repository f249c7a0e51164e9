//! How much the large tests do: `RENDEZVOUS_TESTS=quick|standard|long`, set by `tests/run`; and what is left out.

use std::io::{Write, stderr};
use std::net::UdpSocket;

/// The size of a test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// `cargo test` alone, and `tests/run --quick`.
    Quick,
    /// `tests/run`.
    Standard,
    /// `tests/run --long`.
    Long,
}

impl Size {
    /// The size that was asked for.
    ///
    /// # Panics
    /// If the variable holds anything else: a typing error must not make a test smaller.
    pub fn get() -> Self {
        match std::env::var("RENDEZVOUS_TESTS").as_deref() {
            Err(_) | Ok("quick") => Self::Quick,
            Ok("standard") => Self::Standard,
            Ok("long") => Self::Long,
            Ok(other) => panic!("RENDEZVOUS_TESTS={other}: expected quick, standard or long"),
        }
    }

    /// One of three values, announced together with the full one if it is reduced.
    pub fn pick<T: Copy + std::fmt::Debug + PartialEq>(
        self,
        what: &str,
        quick: T,
        standard: T,
        long: T,
    ) -> T {
        let picked = match self {
            Self::Quick => quick,
            Self::Standard => standard,
            Self::Long => long,
        };
        if picked != long {
            tell(&format!("reduced: {what}: {picked:?} instead of {long:?} (tests/run --long)"));
        }
        picked
    }
}

/// Says that something cannot be tested here, and why.
pub fn left_out(what: &str) {
    tell(&format!("left out: {what}"));
}

/// Whether this machine has IPv6 at all. Says so if not.
pub fn has_ipv6() -> bool {
    match UdpSocket::bind("[::1]:0") {
        Ok(_) => true,
        Err(error) => {
            left_out(&format!("IPv6, which this machine does not have ({error})"));
            false
        }
    }
}

/// Past the capture of the test harness: what was not tested must be seen even if the test passes.
pub fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
