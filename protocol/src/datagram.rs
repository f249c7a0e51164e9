//! The UDP wire: a 32-byte private key in, a response code out.
//!
//! The decoder takes any bytes and never panics; keys become ids here and go no further. A reply is at most
//! [`Reply::MAX_LEN`] bytes, an eighth of the smallest datagram that gets one.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{ClientId, PrivateKey};

/// Length in bytes of a pulse; a datagram of any other length is dropped.
pub const PULSE_LEN: usize = PrivateKey::LEN;

/// Reads a pulse: the id of the client whose key `payload` holds, or why the datagram is to be dropped without an
/// answer.
///
/// # Errors
/// [`DropReason`]: nothing can be sent to port 0, and nothing is sent for a wrong length.
pub fn decode_pulse(source: SocketAddr, payload: &[u8]) -> Result<ClientId, DropReason> {
    if source.port() == 0 {
        return Err(DropReason::SourcePortZero);
    }
    match payload.try_into() {
        Ok(key) => Ok(ClientId::of_key_bytes(key)),
        Err(_) => Err(DropReason::WrongLength),
    }
}

/// Why a datagram was dropped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It was not exactly [`PULSE_LEN`] bytes long.
    WrongLength,
    /// It came from port 0, to which nothing can be sent.
    SourcePortZero,
}

/// The one form in which records keep an address: an IPv4-mapped IPv6 address is IPv4; IPv6 has neither scope id
/// nor flow label.
#[inline]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::to_canonical(&address.ip()), address.port())
}

/// The answer to a pulse (specification, Response Codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PulseCode {
    /// 1020, "Pulse was successful and on time".
    OnTime,
    /// 1050, "Must re-verify": the client is known, but its pulse was late, and nothing changed.
    Reverify,
    /// 1060, "Client address was not found": never registered, logged out, or gone.
    NotFound,
}

impl PulseCode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OnTime, Self::Reverify, Self::NotFound];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Self::OnTime => 1020,
            Self::Reverify => 1050,
            Self::NotFound => 1060,
        }
    }

    /// The code with this number, if there is one.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The bytes to send.
    pub const fn encode(self, width: ReplyWidth) -> Reply {
        let [high, low] = self.number().to_be_bytes();
        match width {
            ReplyWidth::One => Reply { bytes: [low, 0, 0, 0], len: 1 },
            ReplyWidth::Two => Reply { bytes: [high, low, 0, 0], len: 2 },
            ReplyWidth::Four => Reply { bytes: [0, 0, high, low], len: 4 },
        }
    }

    /// Reads a reply of any of the three widths; `None` if it is not one.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        match *payload {
            [low] => Self::ALL.into_iter().find(|code| code.number().to_be_bytes()[1] == low),
            [high, low] | [0, 0, high, low] => Self::from_number(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

/// As its number: `1020`.
impl fmt::Display for PulseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl Serialize for PulseCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> Deserialize<'de> for PulseCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::from_number(number).ok_or_else(|| serde::de::Error::custom("expected 1020, 1050 or 1060"))
    }
}

/// How many bytes carry a response code, always big-endian.
///
/// The specification asks for one byte, in which none of its codes fits; two hold each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyWidth {
    /// The low byte alone: 0xFC, 0x1A, 0x24. For clients written to the letter of the specification.
    One,
    /// 16 bits.
    #[default]
    Two,
    /// 32 bits. For clients written to the source of the original program.
    Four,
}

impl ReplyWidth {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Four];

    /// The width of `bytes` bytes, if there is one.
    pub const fn from_bytes(bytes: u8) -> Option<Self> {
        match bytes {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            _ => None,
        }
    }

    /// How many bytes that is.
    pub const fn bytes(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// The bytes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Reply {
    /// The longest that a reply can be, in bytes.
    pub const MAX_LEN: usize = 4;

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    const SOURCE: &str = "192.0.2.7:4000";

    #[test]
    fn the_three_codes_in_the_three_widths_are_frozen() {
        for (code, one, two, four) in [
            (PulseCode::OnTime, [0xFC], [0x03, 0xFC], [0, 0, 0x03, 0xFC]),
            (PulseCode::Reverify, [0x1A], [0x04, 0x1A], [0, 0, 0x04, 0x1A]),
            (PulseCode::NotFound, [0x24], [0x04, 0x24], [0, 0, 0x04, 0x24]),
        ] {
            assert_eq!(code.encode(ReplyWidth::One).as_bytes(), one);
            assert_eq!(code.encode(ReplyWidth::Two).as_bytes(), two);
            assert_eq!(code.encode(ReplyWidth::Four).as_bytes(), four);
            for reply in [one.as_slice(), two.as_slice(), four.as_slice()] {
                assert_eq!(PulseCode::decode(reply), Some(code));
            }
        }
    }

    #[test]
    fn a_width_is_a_number_of_bytes() {
        for (width, bytes) in ReplyWidth::ALL.into_iter().zip([1, 2, 4]) {
            assert_eq!((width.bytes(), ReplyWidth::from_bytes(bytes)), (bytes, Some(width)));
        }
        assert_eq!([0, 3, 5].map(ReplyWidth::from_bytes), [None; 3]);
        assert_eq!(PulseCode::ALL.map(|code| code.to_string()), ["1020", "1050", "1060"]);
    }

    #[test]
    fn two_bytes_are_the_default() {
        assert_eq!(PulseCode::OnTime.encode(ReplyWidth::default()).as_bytes(), [0x03, 0xFC]);
    }

    #[test]
    fn bytes_that_are_no_reply_decode_to_nothing() {
        for bytes in
            [&[][..], &[0], &[0, 0xFC], &[3, 0xFD], &[0, 3, 0xFC], &[1, 0, 3, 0xFC], &[0, 0, 0, 3, 0xFC]]
        {
            assert_eq!(PulseCode::decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_pulse_is_exactly_32_bytes() {
        let source = SOURCE.parse().unwrap();
        for len in (0..=1500).filter(|&len| len != 32) {
            assert_eq!(decode_pulse(source, &vec![7; len]), Err(DropReason::WrongLength), "{len} bytes");
        }
        assert_eq!(
            decode_pulse(source, &[7; 32]),
            Ok(ClientId::of(&PrivateKey::from_bytes([7; 32]))),
            "a key becomes its id"
        );
    }

    #[test]
    fn a_datagram_from_port_zero_is_dropped_whatever_it_holds() {
        let nowhere = "192.0.2.7:0".parse().unwrap();
        assert_eq!(decode_pulse(nowhere, &[7; 32]), Err(DropReason::SourcePortZero));
        assert_eq!(decode_pulse(nowhere, &[]), Err(DropReason::SourcePortZero));
    }

    #[test]
    fn the_original_programs_fatal_datagram_is_just_an_unknown_key() {
        // Bytes that are not UTF-8 ended the original's UDP thread.
        assert!(decode_pulse(SOURCE.parse().unwrap(), &[0xFF; 32]).is_ok());
    }

    #[test]
    fn addresses_have_one_form() {
        for (seen, kept) in [
            ("192.0.2.7:4000", "192.0.2.7:4000"),
            ("[::ffff:192.0.2.7]:4000", "192.0.2.7:4000"),
            ("[2001:db8::1]:4000", "[2001:db8::1]:4000"),
            ("[fe80::1%3]:4000", "[fe80::1]:4000"),
            ("[::1]:4000", "[::1]:4000"),
        ] {
            let seen: SocketAddr = seen.parse().unwrap();
            assert_eq!(canonical(seen), kept.parse().unwrap());
        }
        let flow = core::net::SocketAddrV6::new("2001:db8::1".parse().unwrap(), 4000, 77, 0);
        assert_eq!(canonical(flow.into()), "[2001:db8::1]:4000".parse().unwrap(), "without the flow label");
    }
}
