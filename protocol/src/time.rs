//! Time as integers: whole milliseconds that somebody else measured.
//!
//! One rule holds everywhere: **a deadline is due when `now >= deadline`**.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// `secs` seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }
}

/// Saturates.
impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.0)
    }
}

/// A point of the host's decision clock: milliseconds since an epoch of the host's choice (boot, say).
///
/// Every decision is taken on this clock. The protocol never reads it, and clamps it to never run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The clock's epoch.
    pub const ZERO: Self = Self(0);

    /// The latest reading a clock may give, 2^53 − 1 ms (some 285 000 years): exact as a JavaScript number,
    /// and far enough from `u64::MAX` that a reading plus any valid duration cannot overflow.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The instant `millis` milliseconds after the epoch, at most [`Instant::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether a deadline at this instant is due: `now >= self`.
    pub const fn is_due(self, now: Self) -> bool {
        now.0 >= self.0
    }
}

/// A deadline may lie beyond [`Instant::MAX`]; it is then never due, since no clock reads that late.
impl Add<Millis> for Instant {
    type Output = Self;

    fn add(self, millis: Millis) -> Self {
        Self(self.0.saturating_add(millis.0))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_millis)
    }
}

/// Seconds with three decimals, `12.345s`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

/// A point of the wall clock: milliseconds since 1970-01-01T00:00:00Z. It is printed, never compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The time `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: what the `timestamp` of an answer shows.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

/// One reading of the host's two clocks, handed in with every call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The decision clock.
    pub now: Instant,
    /// The wall clock at that moment.
    pub unix: UnixTime,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_deadline_is_due_from_its_very_millisecond_on() {
        let deadline = Instant::from_millis(1000);
        assert!(!deadline.is_due(Instant::from_millis(999)));
        assert!(deadline.is_due(Instant::from_millis(1000)));
        assert!(deadline.is_due(Instant::from_millis(1001)));
    }

    #[test]
    fn a_reading_is_clamped_and_a_deadline_after_the_last_one_is_never_due() {
        assert_eq!(Instant::from_millis(u64::MAX), Instant::MAX);
        assert_eq!(serde_json::from_str::<Instant>("18446744073709551615").unwrap(), Instant::MAX);
        assert!(!(Instant::MAX + Millis(1)).is_due(Instant::MAX));
        assert!(!(Instant::MAX + Millis(u64::MAX)).is_due(Instant::MAX));
    }

    #[test]
    fn the_last_reading_is_the_largest_exact_javascript_number() {
        assert_eq!(Instant::MAX.as_millis(), 9_007_199_254_740_991);
        assert_eq!(Instant::from_millis(9_007_199_254_740_990).as_millis(), 9_007_199_254_740_990);
        assert_eq!(Duration::from(Millis(1_500)), Duration::from_millis(1_500));
    }

    #[test]
    fn differences_saturate_at_zero() {
        assert_eq!(Instant::from_millis(5).since(Instant::from_millis(9)), Millis(0));
        assert_eq!(Instant::from_millis(9).since(Instant::from_millis(5)), Millis(4));
    }

    #[test]
    fn seconds_are_rounded_down() {
        assert_eq!(UnixTime::from_millis(1_999).as_secs(), 1);
        assert_eq!(Millis(2_999).as_secs(), 2);
        assert_eq!(Instant::from_millis(12_034).to_string(), "12.034s");
    }
}
