//! What a client is known by, and keeps if it wants to be the same one tomorrow.

use std::fmt;

use rendezvous_protocol::{ClientId, Millis, PrivateKey, Timing};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A client's key, and what the server said of itself when it gave it. `Debug` shows nothing of the key.
#[derive(Debug)]
pub struct Credentials {
    key: PrivateKey,
    udp_port: u16,
    timing: Timing,
}

impl Credentials {
    pub(super) fn new(key: PrivateKey, udp_port: u16, timing: Timing) -> Self {
        Self { key, udp_port, timing }
    }

    /// The public id.
    pub fn id(&self) -> ClientId {
        ClientId::of(&self.key)
    }

    /// The secret.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Where the server takes pulses.
    pub fn udp_port(&self) -> u16 {
        self.udp_port
    }

    /// How the server wants pulses.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// All of it, the secret too, as JSON for a file that nobody else can read. Wiped when dropped.
    pub fn to_json(&self) -> Zeroizing<String> {
        let mut digits = Zeroizing::new(String::with_capacity(2 * PrivateKey::LEN));
        for byte in self.key.reveal() {
            for digit in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(digit.into(), 16).unwrap_or_default());
            }
        }
        let kept = Kept {
            client_id: self.id(),
            private_id: digits,
            udp_port: self.udp_port,
            pulse_interval_ms: self.timing.pulse_interval().0,
            pulse_grace_ms: self.timing.pulse_grace().0,
            error_time_ms: self.timing.error_time().0,
        };
        Zeroizing::new(serde_json::to_string_pretty(&kept).expect("all of it can be written as JSON"))
    }

    /// Reads what [`Credentials::to_json`] wrote.
    ///
    /// # Errors
    /// [`MalformedCredentials`], which shows nothing of the text.
    pub fn from_json(text: &str) -> Result<Self, MalformedCredentials> {
        // The parser's own message may quote what it did not expect.
        let kept: Kept = serde_json::from_str(text).map_err(|error| {
            MalformedCredentials(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let key = PrivateKey::from_hex(kept.private_id.as_bytes())
            .map_err(|error| MalformedCredentials(format!("private_id: {error}")))?;
        let timing = Timing::new(
            Millis(kept.pulse_interval_ms),
            Millis(kept.pulse_grace_ms),
            Millis(kept.error_time_ms),
        )
        .map_err(|error| MalformedCredentials(error.to_string()))?;
        if ClientId::of(&key) != kept.client_id {
            return Err(MalformedCredentials("client_id is not the id of private_id".to_owned()));
        }
        Ok(Self { key, udp_port: kept.udp_port, timing })
    }
}

/// A text that holds no credentials. Printed it is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedCredentials(String);

impl fmt::Display for MalformedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "these are no credentials of a client: {}", self.0)
    }
}

impl std::error::Error for MalformedCredentials {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    client_id: ClientId,
    private_id: Zeroizing<String>,
    udp_port: u16,
    pulse_interval_ms: u64,
    pulse_grace_ms: u64,
    error_time_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new(PrivateKey::from_bytes([0xAB; 32]), 5024, Timing::default())
    }

    #[test]
    fn what_was_kept_is_the_same_client() {
        let read = Credentials::from_json(&credentials().to_json()).unwrap();
        assert_eq!(read.key().reveal(), credentials().key().reveal());
        assert_eq!(
            (read.id(), read.udp_port(), read.timing()),
            (credentials().id(), 5024, Timing::default())
        );
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        let shown = format!("{:?}", credentials());
        assert!(!shown.to_lowercase().contains("abab"), "{shown}");
        let text = credentials().to_json().replace("\"private_id\": \"ab", "\"private_id\": \"zzab");
        let error = Credentials::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("private_id") && !error.contains("abab"), "{error}");
        let text = credentials().to_json().replace("\"udp_port\": 5024", "\"udp_port\": \"abab\"");
        let error = Credentials::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("line 4") && !error.contains("abab"), "{error}");
    }

    #[test]
    fn a_key_and_an_id_that_do_not_belong_together_are_refused() {
        let text = credentials().to_json().replace(&credentials().id().to_string(), &"0".repeat(32));
        assert!(Credentials::from_json(&text).unwrap_err().to_string().contains("client_id"));
    }
}
