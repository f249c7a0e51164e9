//! The values of single options, read from text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use rendezvous_protocol::Millis;
use serde::{Deserialize, Serialize, Serializer};

use crate::shared::StoreAddress;

/// A duration as people write it: `30s`, `3m`, `1m 30s`, `200ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HumanDuration(pub(super) Millis);

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text)
            .map_err(|error| format!("{text:?} is no duration such as 30s, 3m or 200ms ({error})"))?;
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return Err(format!("{text:?} is not a whole number of milliseconds"));
        }
        let millis = u64::try_from(duration.as_millis()).map_err(|_| format!("{text:?} is too long"))?;
        Ok(Self(Millis(millis)))
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0.into()).fmt(f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Store {
    /// `memory:`: nowhere. A restart forgets all clients.
    Memory,
    /// `redb:PATH`: in this file.
    Redb(PathBuf),
    /// `redis://HOST:PORT` and others of its kind: in a Redis or Valkey that several nodes share.
    Shared(StoreAddress),
}

impl Default for Store {
    /// A file in the folder that the server is started in.
    fn default() -> Self {
        Self::Redb("rendezvous.redb".into())
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "memory:" => Ok(Self::Memory),
            "redb:" => Err("redb: lacks the path of a file, as in redb:rendezvous.redb".into()),
            _ if text.contains("://") => text.parse().map(Self::Shared),
            _ => match text.strip_prefix("redb:") {
                Some(path) => Ok(Self::Redb(path.into())),
                None => Err(format!(
                    "{text:?} is no store; there are redb:PATH, memory:, redis://HOST:PORT and redis+cluster://HOST:PORT,HOST:PORT"
                )),
            },
        }
    }
}

impl TryFrom<String> for Store {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
            Self::Shared(address) => address.fmt(f),
        }
    }
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Redb(path) if path.to_str().is_none() => {
                // What is displayed of it would be another path.
                Err(serde::ser::Error::custom("the path of the store is not UTF-8"))
            }
            Self::Memory | Self::Redb(_) | Self::Shared(_) => serializer.collect_str(self),
        }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The importance of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the server from doing its work.
    Error,
    /// What somebody should look at.
    Warn,
    /// Start and stop.
    Info,
    /// Registrations and logouts, with the first digits of the id.
    Debug,
    /// Everything.
    Trace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_milliseconds() {
        for (text, millis) in
            [("30s", 30_000), ("3m", 180_000), ("1m 30s", 90_000), ("200ms", 200), ("0s", 0)]
        {
            let duration = HumanDuration(Millis(millis));
            assert_eq!(text.parse(), Ok(duration), "{text}");
            assert_eq!(duration.to_string(), text);
        }
        for text in ["", "30", "-1s", "1.5us", "1us", "999ns", "99999999999999999999s", "600000000years"] {
            assert!(text.parse::<HumanDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_store_that_is_not_there_is_named() {
        assert_eq!("memory:".parse(), Ok(Store::Memory));
        assert_eq!("redb:/var/lib/r.redb".parse(), Ok(Store::Redb("/var/lib/r.redb".into())));
        for (text, error) in [
            (
                "floppy:A",
                "\"floppy:A\" is no store; there are redb:PATH, memory:, redis://HOST:PORT and redis+cluster://HOST:PORT,HOST:PORT",
            ),
            ("redb:", "redb: lacks the path of a file, as in redb:rendezvous.redb"),
        ] {
            assert_eq!(text.parse::<Store>().unwrap_err(), error);
        }
        let shared: Store = "redis://localhost:7000".parse().unwrap();
        assert!("http://localhost".parse::<Store>().is_err());
        for store in [Store::Memory, Store::default(), shared] {
            assert_eq!(store.to_string().parse(), Ok(store));
        }
    }
}
