//! An entry of the log: what became of one client, as bytes.
//!
//! ```text
//! bytes 0 to 15   the client's id
//! then            its record as StoredRecord::encode writes it, whose first byte is a version, 1 or more
//! or              a 0: there is no such client any more; and CRC-32 (IEEE 802.3) of all bytes before, big-endian, 4 bytes
//! ```
//!
//! Both have a checksum over the id, so no damage makes another client of one, or makes one go.

use std::fmt;

use crc32fast::hash;
use rendezvous_protocol::{ClientId, StoredRecord, StoredRecordError};

const ID_LEN: usize = 16;
/// In place of a record's version.
const REMOVED: u8 = 0;
const REMOVED_LEN: usize = ID_LEN + 1 + 4;

/// What became of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It is there, and this is known of it.
    Put(ClientId, StoredRecord),
    /// It logged out, or is gone.
    Removed(ClientId),
}

/// Why bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryError {
    /// There are too few of them to name a client, or too many to be a removal.
    WrongLength(usize),
    /// A removal that is damaged.
    WrongChecksum,
    /// The record is no record.
    Record(StoredRecordError),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength(len) => write!(f, "an entry of {len} bytes is cut off or too long"),
            Self::WrongChecksum => f.write_str("an entry that is damaged"),
            Self::Record(error) => write!(f, "{error}"),
        }
    }
}

impl Entry {
    /// The client that it is about.
    pub(crate) const fn id(&self) -> ClientId {
        match *self {
            Self::Put(id, _) | Self::Removed(id) => id,
        }
    }

    /// Makes `bytes` the bytes of this entry.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.extend_from_slice(self.id().as_bytes());
        match self {
            Self::Put(id, record) => bytes.extend_from_slice(record.encode(*id).as_bytes()),
            Self::Removed(_) => {
                bytes.push(REMOVED);
                bytes.extend_from_slice(&hash(bytes).to_be_bytes());
            }
        }
    }

    /// Reads what [`Entry::encode`] wrote, and nothing else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let wrong_length = EntryError::WrongLength(bytes.len());
        let (id, rest) = bytes.split_first_chunk::<ID_LEN>().ok_or(wrong_length)?;
        let id = ClientId::from_bytes(*id);
        if rest.first() != Some(&REMOVED) {
            return match StoredRecord::decode(id, rest) {
                Ok(record) => Ok(Self::Put(id, record)),
                Err(error) => Err(EntryError::Record(error)),
            };
        }
        if bytes.len() != REMOVED_LEN {
            return Err(wrong_length);
        }
        let (body, end) = bytes.split_last_chunk::<4>().ok_or(wrong_length)?;
        if *end != hash(body).to_be_bytes() {
            return Err(EntryError::WrongChecksum);
        }
        Ok(Self::Removed(id))
    }
}

#[cfg(test)]
mod tests {
    use rendezvous_protocol::UnixTime;

    use super::*;

    fn id() -> ClientId {
        ClientId::from_bytes(*b"0123456789abcdef")
    }

    fn bytes(entry: &Entry) -> Vec<u8> {
        let mut bytes = vec![1, 2, 3];
        entry.encode(&mut bytes);
        bytes
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What files out there hold. The checksums were computed with Python's `zlib.crc32`.
    #[test]
    fn the_format_is_frozen() {
        let there = Entry::Put(
            id(),
            StoredRecord {
                address: Some("192.0.2.7:4000".parse().unwrap()),
                last_seen: Some(UnixTime::from_millis(1_800_000_000_999)),
                last_pulse: Some(UnixTime::from_millis(1_800_000_000_123)),
            },
        );
        for (entry, expected) in [
            (
                there,
                "30313233343536373839616263646566\
                 010dc00002070fa0000001a3185c53e7000001a3185c507ba36bf11a",
            ),
            (Entry::Removed(id()), "30313233343536373839616263646566006dba4a6b"),
        ] {
            assert_eq!(hex(&bytes(&entry)), expected);
            assert_eq!(Entry::decode(&bytes(&entry)), Ok(entry));
        }
    }

    #[test]
    fn no_damage_of_one_byte_goes_unnoticed() {
        let put = Entry::Put(id(), StoredRecord { address: None, last_seen: None, last_pulse: None });
        for entry in [put, Entry::Removed(id())] {
            let good = bytes(&entry);
            for index in 0..good.len() {
                for bit in 0..8 {
                    let mut bad = good.clone();
                    bad[index] ^= 1 << bit;
                    assert!(Entry::decode(&bad).is_err(), "byte {index}, bit {bit} of {entry:?}");
                }
            }
            for len in 0..good.len() {
                assert!(Entry::decode(&good[..len]).is_err(), "{len} bytes of {entry:?}");
            }
            assert!(Entry::decode(&[&good[..], &[0]].concat()).is_err());
        }
    }
}
