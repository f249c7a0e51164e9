//! How much is allowed: rates, numbers, sizes and times.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use rendezvous_protocol::Rate;
use serde::{Deserialize, Serialize, Serializer};

/// How often things may happen. What is beyond it is refused, or not answered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Registrations from one IPv4 address or IPv6 /64.
    pub registrations: RateLimit,
    /// Registrations from one IPv6 /48.
    pub registrations_per_site: RateLimit,
    /// Registrations from everywhere together.
    pub registrations_in_total: RateLimit,
    /// Answers to pulses with unknown keys, to one IPv4 address or IPv6 /64.
    pub unknown_pulses: RateLimit,
    /// Lookups of one client.
    pub lookups: RateLimit,
}

/// What a connection may take, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once.
    pub total: NonZeroUsize,
    /// Connections at once from one IPv4 address or IPv6 /64.
    pub per_address: NonZeroUsize,
    /// Bytes of the head of a request, request line included.
    pub header_bytes: usize,
    /// Header fields of a request.
    pub headers: NonZeroUsize,
    /// Bytes of a request's target.
    pub uri_bytes: NonZeroUsize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// For the head of a request, from its first byte on.
    pub header_timeout: Duration,
    /// For the body of a request.
    pub body_timeout: Duration,
    /// For the wait for the first or the next request.
    pub idle_timeout: Duration,
    /// For a TLS handshake, and the header of a proxy before it.
    pub handshake_timeout: Duration,
}

/// A rate, or none: then there is no limit.
///
/// As text `10/s burst 100`, `60/m` or `none`; without a burst it is the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RateLimit(pub Option<Rate>);

impl RateLimit {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// This many each second, and this many at once after a quiet time.
    pub(super) fn per_second(count: u32, burst: u32) -> Self {
        Self(Rate::new(count, rendezvous_protocol::Millis(1000), burst))
    }
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        read(text)
            .map(|rate| Self(Some(rate)))
            .ok_or_else(|| format!("{text:?} is no rate such as \"10/s burst 100\", \"60/m\" or \"none\""))
    }
}

impl TryFrom<String> for RateLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rate) = self.0 else { return f.write_str("none") };
        let unit = UNITS.iter().find(|(_, millis)| *millis == rate.per().0).map_or("?", |(unit, _)| unit);
        write!(f, "{}/{unit} burst {}", rate.count(), rate.burst())
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const UNITS: [(&str, u64); 3] = [("s", 1000), ("m", 60_000), ("h", 3_600_000)];

fn read(text: &str) -> Option<Rate> {
    let (rate, burst) = match text.split_once(" burst ") {
        Some((rate, burst)) => (rate, Some(burst.trim().parse().ok()?)),
        None => (text, None),
    };
    let (count, unit) = rate.trim().split_once('/')?;
    let count = count.parse().ok()?;
    let (_, per) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Rate::new(count, rendezvous_protocol::Millis(*per), burst.unwrap_or(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_printed() {
        for (text, printed) in [
            ("10/s burst 100", "10/s burst 100"),
            ("60/m", "60/m burst 60"),
            ("1/h burst 5", "1/h burst 5"),
            ("none", "none"),
        ] {
            let rate: RateLimit = text.parse().unwrap();
            assert_eq!(rate.to_string(), printed);
            assert_eq!(printed.parse(), Ok(rate));
        }
        for text in [
            "",
            "10",
            "0/s",
            "10/s burst 0",
            "10/d",
            "-1/s",
            "1.5/s",
            "10/s burst",
            "10/s 100",
            "4294967296/s",
        ] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
