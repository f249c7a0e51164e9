//! The three durations of the specification, checked once.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Millis;

/// "Heartbeat Interval: 30 seconds" (specification, UDP Heartbeating).
pub const DEFAULT_PULSE_INTERVAL: Millis = Millis::from_secs(30);

/// What a pulse may be late by, because of jitter on its way, and still count as on time. The specification has
/// none, and a client that pulses every 30 s sharp would then be late on nearly every pulse.
pub const DEFAULT_PULSE_GRACE: Millis = Millis::from_secs(1);

/// "Error Time: 3 minutes" (specification, UDP Heartbeating).
pub const DEFAULT_ERROR_TIME: Millis = Millis::from_secs(180);

/// The longest that any of the three may be: a year, a leap day included. It keeps all sums of instants far from overflow.
pub const MAX_DURATION: Millis = Millis::from_secs(366 * 24 * 60 * 60);

/// Stalls up to this long are ordinary scheduling, whatever the timing.
const ORDINARY_STALL: Millis = Millis::from_secs(1);

/// How long a client may be silent: a valid triple of pulse interval, grace and error time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timing {
    pulse_interval: Millis,
    pulse_grace: Millis,
    error_time: Millis,
}

impl Timing {
    /// Checks the three durations against each other.
    ///
    /// # Errors
    /// [`TimingError`] if the interval is zero, the grace is not shorter than the error time (a client would then
    /// never be PENDING), or any of them is longer than [`MAX_DURATION`].
    pub const fn new(
        pulse_interval: Millis,
        pulse_grace: Millis,
        error_time: Millis,
    ) -> Result<Self, TimingError> {
        if pulse_interval.0 == 0 {
            return Err(TimingError::ZeroInterval);
        }
        if pulse_interval.0 > MAX_DURATION.0 {
            return Err(TimingError::TooLong("pulse interval"));
        }
        if error_time.0 > MAX_DURATION.0 {
            return Err(TimingError::TooLong("error time"));
        }
        if pulse_grace.0 >= error_time.0 {
            return Err(TimingError::GraceNotBelowErrorTime { pulse_grace, error_time });
        }
        Ok(Self { pulse_interval, pulse_grace, error_time })
    }

    /// How often a client is to pulse.
    pub const fn pulse_interval(&self) -> Millis {
        self.pulse_interval
    }

    /// What a pulse may be late by and still count as on time.
    pub const fn pulse_grace(&self) -> Millis {
        self.pulse_grace
    }

    /// How long after a missed interval the server waits before it forgets the client.
    pub const fn error_time(&self) -> Millis {
        self.error_time
    }

    /// Silence from which on a client is PENDING and its pulse is late: interval + grace.
    pub const fn late_after(&self) -> Millis {
        Millis(self.pulse_interval.0 + self.pulse_grace.0)
    }

    /// Silence from which on a client is gone: interval + error time ("(Error Time) + (1 x Pulse Interval)",
    /// specification, Re-Verify a Client).
    pub const fn gone_after(&self) -> Millis {
        Millis(self.pulse_interval.0 + self.error_time.0)
    }

    /// The longest that a process may not run without that being an absence: the grace, or a second if that is more.
    /// After a longer one the host must call [`crate::Server::resume`] before it handles anything.
    pub fn longest_stall(&self) -> Millis {
        self.pulse_grace.max(ORDINARY_STALL)
    }
}

/// 30 s, 1 s and 3 min.
impl Default for Timing {
    fn default() -> Self {
        Self {
            pulse_interval: DEFAULT_PULSE_INTERVAL,
            pulse_grace: DEFAULT_PULSE_GRACE,
            error_time: DEFAULT_ERROR_TIME,
        }
    }
}

/// Checked like [`Timing::new`].
impl<'de> Deserialize<'de> for Timing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Unchecked {
            pulse_interval: Millis,
            pulse_grace: Millis,
            error_time: Millis,
        }
        let Unchecked { pulse_interval, pulse_grace, error_time } = Unchecked::deserialize(deserializer)?;
        Self::new(pulse_interval, pulse_grace, error_time).map_err(serde::de::Error::custom)
    }
}

/// Three durations that make no sense together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingError {
    /// The pulse interval is zero.
    ZeroInterval,
    /// The grace is as long as the error time, or longer.
    GraceNotBelowErrorTime {
        /// The grace that was asked for.
        pulse_grace: Millis,
        /// The error time that was asked for.
        error_time: Millis,
    },
    /// The named duration exceeds [`MAX_DURATION`].
    TooLong(&'static str),
}

impl fmt::Display for TimingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroInterval => f.write_str("the pulse interval must be longer than zero"),
            Self::GraceNotBelowErrorTime { pulse_grace, error_time } => write!(
                f,
                "the pulse grace ({} ms) must be shorter than the error time ({} ms)",
                pulse_grace.0, error_time.0
            ),
            Self::TooLong(which) => write!(f, "the {which} must not be longer than a year"),
        }
    }
}

impl core::error::Error for TimingError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_defaults_are_the_specifications() {
        let timing = Timing::default();
        assert_eq!(timing.late_after(), Millis(31_000));
        assert_eq!(timing.gone_after(), Millis(210_000));
        assert_eq!(
            Timing::new(DEFAULT_PULSE_INTERVAL, DEFAULT_PULSE_GRACE, DEFAULT_ERROR_TIME),
            Ok(timing),
            "the defaults pass their own check"
        );
    }

    #[test]
    fn a_stall_is_an_absence_when_it_is_longer_than_the_grace_and_than_a_second() {
        let longest_stall =
            |grace| Timing::new(Millis(9), Millis(grace), Millis(9_999)).unwrap().longest_stall();
        assert_eq!([0, 1_000, 1_001].map(longest_stall), [Millis(1_000), Millis(1_000), Millis(1_001)]);
        assert_eq!(MAX_DURATION, Millis(31_622_400_000), "366 days");
    }

    #[test]
    fn impossible_durations_are_refused_by_name() {
        let year = MAX_DURATION;
        for (triple, says) in [
            ((Millis(0), Millis(0), Millis(1)), "the pulse interval must be longer than zero"),
            (
                (Millis(9), Millis(5), Millis(5)),
                "the pulse grace (5 ms) must be shorter than the error time (5 ms)",
            ),
            (
                (Millis(9), Millis(6), Millis(5)),
                "the pulse grace (6 ms) must be shorter than the error time (5 ms)",
            ),
            ((year + Millis(1), Millis(0), Millis(1)), "the pulse interval must not be longer than a year"),
            ((Millis(1), Millis(0), year + Millis(1)), "the error time must not be longer than a year"),
        ] {
            let (interval, grace, error) = triple;
            assert_eq!(Timing::new(interval, grace, error).unwrap_err().to_string(), says);
        }
        assert!(Timing::new(Millis(1), Millis(0), Millis(1)).is_ok(), "the shortest");
        assert!(Timing::new(year, Millis(year.0 - 1), year).is_ok(), "the longest");
    }

    #[test]
    fn a_deserialised_timing_is_checked_too() {
        let json = r#"{"pulse_interval":0,"pulse_grace":0,"error_time":1}"#;
        assert!(serde_json::from_str::<Timing>(json).is_err());
        let json = serde_json::to_string(&Timing::default()).unwrap();
        assert_eq!(serde_json::from_str::<Timing>(&json).unwrap(), Timing::default());
    }
}
