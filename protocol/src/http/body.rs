//! The JSON bodies, member for member as the specification prints them, and the extensions beside them.

use alloc::string::String;
use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lifecycle::Status;
use crate::{ClientId, Millis, PrivateKey, Response, Timing, UnixTime};

/// A body as JSON.
pub fn to_json(body: &impl Body) -> String {
    serde_json::to_string(body).expect("every member of a body can be written as JSON")
}

impl Response {
    /// The body that tells of this, as JSON.
    pub fn to_json(self) -> String {
        match self {
            Self::Verified { client_id, timestamp } => to_json(&VerifyBody::new(client_id, timestamp)),
            Self::LoggedOut { client_id } => to_json(&LogoutBody::new(client_id)),
            Self::PeerAddress { client_id, address, last_online, timestamp } => {
                to_json(&PeerAddressBody::new(client_id, address, last_online, timestamp))
            }
            Self::PeerStatus { client_id, status, last_online, timestamp } => {
                to_json(&PeerStatusBody::new(client_id, status, last_online, timestamp))
            }
        }
    }
}

/// One of the bodies of this module, or a [`super::Problem`].
pub trait Body: Serialize {}

impl Body for RegisterBody {}
impl Body for VerifyBody {}
impl Body for LogoutBody {}
impl Body for PeerAddressBody {}
impl Body for PeerStatusBody {}

/// The answer to `POST /register`: the only place where a key leaves the server.
#[derive(Debug, Serialize, Deserialize)]
pub struct RegisterBody {
    /// The new client's public id.
    pub client_id: ClientId,
    /// The new client's key.
    #[serde(with = "hex_key")]
    pub private_id: PrivateKey,
    /// When, in whole Unix seconds.
    pub timestamp: u64,
    /// Always `true`.
    pub ok: bool,
    /// Extension: where to send pulses.
    pub udp_port: u16,
    /// Extension: how often to pulse.
    #[serde(with = "seconds")]
    pub pulse_interval: Millis,
    /// Extension: what a pulse may be late by and still count as on time.
    #[serde(with = "seconds")]
    pub pulse_grace: Millis,
    /// Extension: how long after a missed interval the server waits before it forgets the client.
    #[serde(with = "seconds")]
    pub error_time: Millis,
}

/// The answer to `POST /verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyBody {
    /// Who asked.
    pub client_id: ClientId,
    /// When, in whole Unix seconds.
    pub timestamp: u64,
    /// Always `true`.
    pub ok: bool,
}

/// The answer to `POST /logout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutBody {
    /// Who asked.
    pub client_id: ClientId,
    /// Always `true`.
    pub ok: bool,
}

/// The answer to `GET /peer/{client_id}/udp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddressBody {
    /// The peer.
    pub client_id: ClientId,
    /// Its public address: a dotted quad, or IPv6 text (RFC 5952).
    pub host: IpAddr,
    /// Its public port.
    pub port: u16,
    /// When this was so, in whole Unix seconds.
    pub timestamp: u64,
    /// Always `true`.
    pub ok: bool,
    /// Extension: whole seconds since its latest accepted pulse; `null` after a restart until the next.
    pub last_online: Option<u64>,
}

/// The answer to `GET /peer/{client_id}/udp/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatusBody {
    /// The peer.
    pub client_id: ClientId,
    /// `"ONLINE"` or `"PENDING"`.
    pub status: Status,
    /// Whole seconds since its latest accepted pulse, rounded down; `null` before the first, and after a restart
    /// until the next.
    pub last_online: Option<u64>,
    /// When this was so, in whole Unix seconds.
    pub timestamp: u64,
    /// Always `true`.
    pub ok: bool,
}

impl RegisterBody {
    /// A new client's id and key, and how it is to pulse.
    pub fn new(private_id: PrivateKey, timestamp: UnixTime, udp_port: u16, timing: &Timing) -> Self {
        Self {
            client_id: ClientId::of(&private_id),
            private_id,
            timestamp: timestamp.as_secs(),
            ok: true,
            udp_port,
            pulse_interval: timing.pulse_interval(),
            pulse_grace: timing.pulse_grace(),
            error_time: timing.error_time(),
        }
    }
}

impl VerifyBody {
    /// `client_id` verified.
    pub fn new(client_id: ClientId, timestamp: UnixTime) -> Self {
        Self { client_id, timestamp: timestamp.as_secs(), ok: true }
    }
}

impl LogoutBody {
    /// `client_id` logged out.
    pub fn new(client_id: ClientId) -> Self {
        Self { client_id, ok: true }
    }
}

impl PeerAddressBody {
    /// The peer `client_id` is at `address`.
    pub fn new(
        client_id: ClientId,
        address: SocketAddr,
        last_online: Option<Millis>,
        timestamp: UnixTime,
    ) -> Self {
        Self {
            client_id,
            host: address.ip(),
            port: address.port(),
            timestamp: timestamp.as_secs(),
            ok: true,
            last_online: last_online.map(Millis::as_secs),
        }
    }
}

impl PeerStatusBody {
    /// The peer `client_id` stands like this.
    pub fn new(
        client_id: ClientId,
        status: Status,
        last_online: Option<Millis>,
        timestamp: UnixTime,
    ) -> Self {
        Self {
            client_id,
            status,
            last_online: last_online.map(Millis::as_secs),
            timestamp: timestamp.as_secs(),
            ok: true,
        }
    }
}

/// A key as 64 lower-case hex digits.
mod hex_key {
    use zeroize::Zeroizing;

    use super::{Deserialize, Deserializer, PrivateKey, Serializer, String};

    pub(super) fn serialize<S: Serializer>(key: &PrivateKey, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = Zeroizing::new([0; 2 * PrivateKey::LEN]);
        hex::encode_to_slice(key.reveal(), digits.as_mut()).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(core::str::from_utf8(digits.as_ref()).map_err(serde::ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PrivateKey, D::Error> {
        let digits = Zeroizing::new(String::deserialize(deserializer)?);
        PrivateKey::from_hex(digits.as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// Milliseconds as seconds: whole ones as an integer (`30`), others as a decimal (`0.2`).
mod seconds {
    use super::{Deserialize, Deserializer, Millis, Serializer};

    pub(super) fn serialize<S: Serializer>(millis: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        if millis.0.is_multiple_of(1000) {
            serializer.serialize_u64(millis.as_secs())
        } else {
            // Exact enough: a valid duration is far below 2^53 ms.
            serializer.serialize_f64(millis.0 as f64 / 1000.0)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let millis = seconds * 1000.0 + 0.5;
        if !(0.0..=crate::Instant::MAX.as_millis() as f64).contains(&millis) {
            return Err(serde::de::Error::custom("a duration is a number of seconds, zero or more"));
        }
        Ok(Millis(millis as u64))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const KEY: [u8; 32] = [0xAB; 32];

    fn id() -> ClientId {
        ClientId::from_bytes([0xCD; 16])
    }

    fn at() -> UnixTime {
        UnixTime::from_millis(1_800_000_000_999)
    }

    #[test]
    fn a_registration_shows_the_id_the_key_and_the_timing() {
        let body = RegisterBody::new(PrivateKey::from_bytes(KEY), at(), 5024, &Timing::default());
        let id = ClientId::of(&PrivateKey::from_bytes(KEY));
        let key = "ab".repeat(32);
        assert_eq!(
            to_json(&body),
            format!(
                r#"{{"client_id":"{id}","private_id":"{key}","timestamp":1800000000,"ok":true,"udp_port":5024,"pulse_interval":30,"pulse_grace":1,"error_time":180}}"#
            )
        );
        let read: RegisterBody = serde_json::from_str(&to_json(&body)).unwrap();
        assert_eq!((read.private_id.reveal(), read.error_time), (&KEY, Millis(180_000)));
    }

    #[test]
    fn durations_that_are_not_whole_seconds_print_as_decimals() {
        let timing = Timing::new(Millis(1500), Millis(200), Millis(2001)).unwrap();
        let json = to_json(&RegisterBody::new(PrivateKey::from_bytes(KEY), at(), 1, &timing));
        assert!(json.ends_with(r#""pulse_interval":1.5,"pulse_grace":0.2,"error_time":2.001}"#), "{json}");
        let read: RegisterBody = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (read.pulse_interval, read.pulse_grace, read.error_time),
            (Millis(1500), Millis(200), Millis(2001))
        );
        assert!(serde_json::from_str::<RegisterBody>(&json.replace("1.5", "-1.5")).is_err());
    }

    #[test]
    fn a_registration_does_not_show_its_key_in_debug_output() {
        let body = RegisterBody::new(PrivateKey::from_bytes(KEY), at(), 5024, &Timing::default());
        assert!(!format!("{body:?}").to_lowercase().contains("abab"));
    }

    #[test]
    fn the_other_bodies_print_as_specified() {
        let id_hex = "cd".repeat(16);
        assert_eq!(
            to_json(&VerifyBody::new(id(), at())),
            format!(r#"{{"client_id":"{id_hex}","timestamp":1800000000,"ok":true}}"#)
        );
        assert_eq!(to_json(&LogoutBody::new(id())), format!(r#"{{"client_id":"{id_hex}","ok":true}}"#));
        assert_eq!(
            to_json(&PeerStatusBody::new(id(), Status::Pending, None, at())),
            format!(
                r#"{{"client_id":"{id_hex}","status":"PENDING","last_online":null,"timestamp":1800000000,"ok":true}}"#
            )
        );
        assert_eq!(
            to_json(&PeerAddressBody::new(id(), "192.0.2.7:4000".parse().unwrap(), Some(Millis(2999)), at())),
            format!(
                r#"{{"client_id":"{id_hex}","host":"192.0.2.7","port":4000,"timestamp":1800000000,"ok":true,"last_online":2}}"#
            )
        );
    }

    #[test]
    fn an_ipv6_host_prints_as_rfc_5952_wants_it() {
        for (address, host) in [
            ("[2001:DB8:0:0:0:0:0:1]:1", "2001:db8::1"),
            ("[2001:db8:0:1:1:1:1:1]:1", "2001:db8:0:1:1:1:1:1"),
            ("[2001:0:0:1:0:0:0:1]:1", "2001:0:0:1::1"),
            ("[2001:db8:0:0:1:0:0:1]:1", "2001:db8::1:0:0:1"),
        ] {
            let json = to_json(&PeerAddressBody::new(id(), address.parse().unwrap(), None, at()));
            assert!(json.contains(&format!(r#""host":"{host}""#)), "{json}");
        }
    }
}
