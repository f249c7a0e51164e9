//! The datagram with which two clients find a way to each other.
//!
//! ```text
//!  0      4    5    6        8              24               40      48
//!  ├──────┼────┼────┼────────┼──────────────┼────────────────┼───────┤
//!  │ magic│ver.│kind│ zeroes │ sender's id  │ receiver's id  │ nonce │
//!  └──────┴────┴────┴────────┴──────────────┴────────────────┴───────┘
//! ```

use crate::ClientId;

/// How long a probe is, in bytes: never 32, so no server takes one for a pulse.
pub const PROBE_LEN: usize = 48;

/// The first byte is one that neither STUN, DTLS, TURN, RTP nor QUIC begins with (RFC 7983, RFC 9443), so a probe can
/// be told from whatever shares its socket; then "rzv".
const MAGIC: [u8; 4] = [0x0b, b'r', b'z', b'v'];

/// The only version there is.
const VERSION: u8 = 1;

/// A probe, or the answer to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// Which of the two.
    pub kind: Kind,
    /// Who sends it.
    pub sender: ClientId,
    /// Whom it is for.
    pub receiver: ClientId,
    /// A number that whoever sends a probe draws anew for each; the answer repeats it.
    pub nonce: u64,
}

/// What a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// "Do you hear me?" The receiver answers it.
    Probe = 1,
    /// "I heard you."
    Answer = 2,
}

impl Probe {
    /// The answer to this probe.
    #[must_use]
    pub const fn answer(&self) -> Self {
        Self { kind: Kind::Answer, sender: self.receiver, receiver: self.sender, nonce: self.nonce }
    }

    /// What is sent.
    pub fn encode(&self) -> [u8; PROBE_LEN] {
        let mut bytes = [0; PROBE_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = self.kind as u8;
        bytes[8..24].copy_from_slice(self.sender.as_bytes());
        bytes[24..40].copy_from_slice(self.receiver.as_bytes());
        bytes[40..].copy_from_slice(&self.nonce.to_be_bytes());
        bytes
    }

    /// What was received; `None` if it is not a probe of this version. All bytes count: what is not exactly as [`Probe::encode`]
    /// writes it is somebody else's.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; PROBE_LEN] = payload.try_into().ok()?;
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let (sender, rest) = rest.split_first_chunk()?;
        let (receiver, rest) = rest.split_first_chunk()?;
        let (nonce, _) = rest.split_first_chunk()?;
        let kind = match head[5] {
            1 => Kind::Probe,
            2 => Kind::Answer,
            _ => return None,
        };
        let is_ours = head[..4] == MAGIC && head[4] == VERSION && head[6..] == [0, 0];
        is_ours.then(|| Self {
            kind,
            sender: ClientId::from_bytes(*sender),
            receiver: ClientId::from_bytes(*receiver),
            nonce: u64::from_be_bytes(*nonce),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Probe {
        Probe {
            kind: Kind::Probe,
            sender: ClientId::from_bytes([0x11; 16]),
            receiver: ClientId::from_bytes([0x22; 16]),
            nonce: 0x0123_4567_89ab_cdef,
        }
    }

    #[test]
    fn a_probe_looks_like_this() {
        let golden = "0b727a7601010000\
                      11111111111111111111111111111111\
                      22222222222222222222222222222222\
                      0123456789abcdef";
        assert_eq!(hex::encode(probe().encode()), golden);
        let answer = "0b727a7601020000\
                      22222222222222222222222222222222\
                      11111111111111111111111111111111\
                      0123456789abcdef";
        assert_eq!(hex::encode(probe().answer().encode()), answer);
        assert_eq!(Probe::decode(&probe().encode()), Some(probe()));
        assert_eq!(Probe::decode(&probe().answer().encode()), Some(probe().answer()));
    }

    #[test]
    fn nothing_else_is_a_probe() {
        let good = probe().encode();
        for at in 0..8 {
            for flip in 1..=255 {
                let mut bytes = good;
                bytes[at] ^= flip;
                let still = Probe::decode(&bytes);
                assert!(still.is_none() || bytes == probe().answer_kind_only(), "byte {at}: {bytes:?}");
            }
        }
        for len in (0..PROBE_LEN).chain([PROBE_LEN + 1]) {
            let mut bytes = [0; PROBE_LEN + 1];
            bytes[..PROBE_LEN].copy_from_slice(&good);
            assert_eq!(Probe::decode(&bytes[..len]), None, "{len} bytes");
        }
        assert_ne!(PROBE_LEN, crate::PULSE_LEN);
    }

    impl Probe {
        /// The one change of the head that makes another probe.
        fn answer_kind_only(self) -> [u8; PROBE_LEN] {
            Self { kind: Kind::Answer, ..self }.encode()
        }
    }
}
