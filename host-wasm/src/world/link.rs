//! What a network between a client and the rest of the world is like.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest that a link may delay, in milliseconds: a day.
const MAX_DELAY: u64 = 24 * 60 * 60 * 1000;

/// A link, the same in both directions. All zero, which is the default, is a perfect one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// How long a datagram takes at least, in milliseconds.
    #[serde(deserialize_with = "delay")]
    pub delay: u64,
    /// Up to how much longer it may take, at random.
    #[serde(deserialize_with = "delay")]
    pub jitter: u64,
    /// How many are lost, one at a time.
    pub loss: Share,
    /// How many are lost, several in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// How many arrive twice.
    pub duplicate: Share,
    /// How many are held back, so that later ones overtake them.
    pub reorder: Share,
    /// For how long those are held back.
    #[serde(deserialize_with = "delay")]
    pub held: u64,
}

/// Losses that come together: a link that changes between good and bad with each datagram (Gilbert's model), and loses
/// all while it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// How often a good link turns bad.
    pub enter: Share,
    /// How often a bad one turns good: the shorter the bursts, the larger.
    pub leave: Share,
}

/// A share between none and all, in parts per million. JSON has it as a number between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// None.
    pub const NONE: Self = Self(0);

    const MILLION: u32 = 1_000_000;

    /// So many parts per million, or all.
    pub fn per_million(parts: u32) -> Self {
        Self(parts.min(Self::MILLION))
    }

    /// In parts per million.
    pub fn as_per_million(self) -> u32 {
        self.0
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_u8(0),
            Self::MILLION => serializer.serialize_u8(1),
            parts => serializer.serialize_f64(f64::from(parts) / f64::from(Self::MILLION)),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(serde::de::Error::custom(format!("{share} is no share: it lies between 0 and 1")));
        }
        // In range, so the cast is exact.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000000")]
        Ok(Self((share * f64::from(Self::MILLION)).round() as u32))
    }
}

fn delay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let millis = u64::deserialize(deserializer)?;
    if millis > MAX_DELAY {
        return Err(serde::de::Error::custom(format!("{millis} ms: a link takes {MAX_DELAY} ms at most")));
    }
    Ok(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_and_written_as_a_number_between_0_and_1() {
        for (json, parts) in [("0", 0), ("1", 1_000_000), ("0.3", 300_000), ("0.000001", 1)] {
            let share: Share = serde_json::from_str(json).unwrap();
            assert_eq!(share.as_per_million(), parts);
            let back = serde_json::to_string(&share).unwrap();
            assert_eq!(serde_json::from_str::<Share>(&back).unwrap(), share, "{back}");
        }
        for json in ["-0.1", "1.1", "1e300"] {
            let error = serde_json::from_str::<Share>(json).unwrap_err().to_string();
            assert!(error.contains("it lies between 0 and 1"), "{error}");
        }
    }

    #[test]
    fn what_is_not_said_of_a_link_is_nothing() {
        assert_eq!(serde_json::from_str::<Link>("{}").unwrap(), Link::default());
        let error = serde_json::from_str::<Link>(r#"{"delay":86400001}"#).unwrap_err().to_string();
        assert!(error.contains("86400000 ms at most"), "{error}");
    }
}
