//! Who is who: the private key that a client holds, and the public id that others know it by.
//!
//! An id is the hash of its key, so one table keyed by id serves both: a key proves itself by hashing to a live
//! record. No key is kept anywhere, and how long a lookup takes says nothing about a key.

use core::fmt;
use core::str::FromStr;

use rand_core::{CryptoRng, TryCryptoRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

/// Appended to the key before hashing, so that an id can never collide with another use of the same key. Key and
/// domain are 55 bytes together: the longest message that fits one SHA-256 block.
const CLIENT_ID_DOMAIN: &[u8; 23] = b"rendezvous-client-id-v1";

/// The one block that is hashed, without the key: domain, padding, and the length in bits (FIPS 180-4, section 5.1.1).
const BLOCK: [u8; 64] = {
    let mut block = [0; 64];
    let mut n = 0;
    while n < CLIENT_ID_DOMAIN.len() {
        block[PrivateKey::LEN + n] = CLIENT_ID_DOMAIN[n];
        n += 1;
    }
    let length = PrivateKey::LEN + CLIENT_ID_DOMAIN.len();
    block[length] = 0x80;
    [block[62], block[63]] = (8 * length as u16).to_be_bytes();
    block
};

/// The state of SHA-256 before the first block (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The public name of a client: the first 16 bytes of SHA-256(private key ‖ `"rendezvous-client-id-v1"`).
///
/// Shown as 32 lower-case hex digits, read in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId([u8; Self::LEN]);

impl ClientId {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// The id of the client that holds `key`.
    pub fn of(key: &PrivateKey) -> Self {
        Self::of_key_bytes(&key.0)
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The id's bytes. They are uniformly distributed: any of them serves as a hash of the id.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The id in hex, written to `digits`: without the formatting machinery, since every answer over HTTP holds an id.
    fn hex<'a>(&self, digits: &'a mut [u8; 2 * Self::LEN]) -> &'a str {
        hex::encode_to_slice(self.0, digits).expect("two digits for each byte");
        core::str::from_utf8(digits).expect("hex digits are ASCII")
    }

    /// For the datagram codec, which has the key's bytes in a receive buffer and need not copy them.
    pub(crate) fn of_key_bytes(key: &[u8; PrivateKey::LEN]) -> Self {
        // Every pulse and request is hashed, and its length is always the same: so the padding is made once, and the
        // block goes straight to the compression function.
        let mut block = BLOCK;
        block[..PrivateKey::LEN].copy_from_slice(key);
        let mut state = INITIAL_STATE;
        compress256(&mut state, &[block]);
        let mut id = [0; Self::LEN];
        for (bytes, word) in id.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Self(id)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex(&mut [0; 2 * Self::LEN]))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

impl FromStr for ClientId {
    type Err = MalformedHex;

    fn from_str(text: &str) -> Result<Self, MalformedHex> {
        decode_hex(text.as_bytes()).map(Self)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.hex(&mut [0; 2 * Self::LEN]))
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::string::String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A client's secret: 32 random bytes, sent raw over UDP and as 64 hex digits over HTTP.
///
/// It has no `Display`, no `Clone`, no serialisation, and a `Debug` that shows nothing; it is wiped when dropped.
/// [`PrivateKey::reveal`] is the only way to its bytes.
pub struct PrivateKey(Zeroizing<[u8; Self::LEN]>);

impl PrivateKey {
    /// Length in bytes ("32 byte private_key", specification, Payload Design).
    pub const LEN: usize = 32;

    /// A new key from a generator that cannot fail.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self::from_bytes([0; Self::LEN]);
        rng.fill_bytes(&mut *key.0);
        key
    }

    /// A new key from a generator that can fail, such as the operating system's.
    ///
    /// # Errors
    /// Whatever the generator reports; there is no key then.
    pub fn try_generate<R: TryCryptoRng>(rng: &mut R) -> Result<Self, R::Error> {
        let mut key = Self::from_bytes([0; Self::LEN]);
        rng.try_fill_bytes(&mut *key.0)?;
        Ok(key)
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hex digits of either case.
    ///
    /// # Errors
    /// [`MalformedHex`] for anything else. It carries nothing of the text.
    pub fn from_hex(text: &[u8]) -> Result<Self, MalformedHex> {
        decode_hex(text).map(Self::from_bytes)
    }

    /// Gives up the secret. Every place where a key leaves the program calls this, so that they can be found.
    pub fn reveal(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// A text that is not the expected number of hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHex {
    /// How many hex digits were expected.
    pub expected_digits: usize,
}

impl fmt::Display for MalformedHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} hex digits", self.expected_digits)
    }
}

impl core::error::Error for MalformedHex {}

fn decode_hex<const N: usize>(text: &[u8]) -> Result<[u8; N], MalformedHex> {
    let mut bytes = [0; N];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => {
            // What was decoded before the bad digit may be most of a key.
            bytes.zeroize();
            Err(MalformedHex { expected_digits: 2 * N })
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn an_id_is_the_first_half_of_the_domain_separated_hash_of_its_key() {
        // Golden vector, computed with `(head -c 32 /dev/zero; printf rendezvous-client-id-v1) | sha256sum`.
        let id = ClientId::of(&PrivateKey::from_bytes([0; 32]));
        assert_eq!(id.to_string(), "c57fd87f1b4321e35988ff28c740ceb3");
    }

    #[test]
    fn an_id_is_what_a_whole_sha_256_gives() {
        use sha2::{Digest, Sha256};
        for n in 0..=255_u8 {
            let key = core::array::from_fn(|at| n.wrapping_mul(at as u8 | 1));
            let digest = Sha256::new().chain_update(key).chain_update(CLIENT_ID_DOMAIN).finalize();
            assert_eq!(ClientId::of(&PrivateKey::from_bytes(key)).as_bytes(), &digest[..ClientId::LEN]);
        }
    }

    #[test]
    fn ids_are_read_in_either_case_and_printed_lower() {
        let id: ClientId = "00112233445566778899AABBccddeeFF".parse().unwrap();
        assert_eq!(format!("{id:?}"), "ClientId(00112233445566778899aabbccddeeff)");
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00112233445566778899aabbccddeeff\"");
        assert_eq!(serde_json::from_str::<ClientId>("\"00112233445566778899AABBCCDDEEFF\"").unwrap(), id);
    }

    #[test]
    fn anything_but_the_right_number_of_hex_digits_is_malformed() {
        for text in ["", "0", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeffa"] {
            assert_eq!(text.parse::<ClientId>(), Err(MalformedHex { expected_digits: 32 }), "{text:?}");
        }
        for bad in ["g", " ", "+", "é"] {
            let text = format!("{bad}0112233445566778899aabbccddeeff");
            assert!(text.parse::<ClientId>().is_err(), "{text:?}");
        }
        assert_eq!(PrivateKey::from_hex(&[b'a'; 63]).unwrap_err().to_string(), "expected 64 hex digits");
        assert_eq!(PrivateKey::from_hex(&[b'A'; 64]).unwrap().reveal(), &[0xaa; 32]);
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        let key = PrivateKey::from_bytes([0x5a; 32]);
        assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    }
}
