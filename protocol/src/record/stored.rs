//! A record as bytes, for stores: version 1, the same in every store, and frozen.
//!
//! ```text
//! byte 0     version: 1
//! byte 1     what follows: bits 0 and 1 the address (0 none, 1 IPv4, 2 IPv6), bit 2 `last_seen`, bit 3 `last_pulse`
//! then       the address, 4 or 16 bytes, and its port, 2 bytes
//!            `last_seen`, 8 bytes: milliseconds since the Unix epoch
//!            `last_pulse`, likewise
//! at the end CRC-32 (IEEE 802.3) of the client's id and of all bytes before, 4 bytes
//! ```
//!
//! Integers are big-endian. An IPv4 client takes 28 bytes, an IPv6 one 40. The checksum covers the id, so a value that
//! was damaged, or that belongs to another client, is an error and never a client.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use crate::{ClientId, Clock, Instant, Record, UnixTime, datagram};

const VERSION: u8 = 1;

const ADDRESS: u8 = 0b0011;
const IPV4: u8 = 0b0001;
const IPV6: u8 = 0b0010;
const LAST_SEEN: u8 = 0b0100;
const LAST_PULSE: u8 = 0b1000;
/// All of these bits.
const FLAGS: u8 = 0b1111;

const HEADER_LEN: usize = 2;
const PORT_LEN: usize = 2;
const TIME_LEN: usize = 8;
const CHECKSUM_LEN: usize = 4;

/// With a table of 1 KB: larger ones are faster only for more bytes than a record has, and a browser would have to load them.
static CHECKSUM: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// What a store keeps of a client. Unlike those of a [`Record`], its times are of the wall clock: they mean the same to
/// another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// As [`Record::address`].
    pub address: Option<SocketAddr>,
    /// As [`Record::last_seen`].
    pub last_seen: Option<UnixTime>,
    /// As [`Record::last_pulse`].
    pub last_pulse: Option<UnixTime>,
}

impl StoredRecord {
    /// What to keep of `record`. `at` is one reading of both clocks, which tells how they stand to each other.
    pub fn of(record: &Record, at: Clock) -> Self {
        let unix = |then: Instant| {
            let age = at.now.since(then);
            UnixTime::from_millis(at.unix.as_millis().saturating_sub(age.0))
        };
        Self {
            address: record.address,
            last_seen: record.last_seen.map(unix),
            last_pulse: record.last_pulse.map(unix),
        }
    }

    /// The bytes to store for the client `id`.
    pub fn encode(&self, id: ClientId) -> EncodedRecord {
        let mut flags = 0;
        let mut bytes = EncodedRecord { bytes: [0; EncodedRecord::MAX_LEN], len: HEADER_LEN };
        if let Some(address) = self.address.map(datagram::canonical) {
            match address.ip() {
                IpAddr::V4(ip) => {
                    flags |= IPV4;
                    bytes.push(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    flags |= IPV6;
                    bytes.push(&ip.octets());
                }
            }
            bytes.push(&address.port().to_be_bytes());
        }
        for (time, flag) in [(self.last_seen, LAST_SEEN), (self.last_pulse, LAST_PULSE)] {
            if let Some(time) = time {
                flags |= flag;
                bytes.push(&time.as_millis().to_be_bytes());
            }
        }
        bytes.bytes[..HEADER_LEN].copy_from_slice(&[VERSION, flags]);
        let checksum = checksum(id, bytes.as_bytes());
        bytes.push(&checksum);
        bytes
    }

    /// Reads what [`StoredRecord::encode`] wrote for the client `id`, and nothing else.
    ///
    /// # Errors
    /// [`StoredRecordError`]: the bytes are damaged, belong to another client, or were written by a later version.
    pub fn decode(id: ClientId, bytes: &[u8]) -> Result<Self, StoredRecordError> {
        let wrong_length = StoredRecordError::WrongLength(bytes.len());
        let Some((&[version, flags], _)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(wrong_length);
        };
        if version != VERSION {
            return Err(StoredRecordError::UnknownVersion(version));
        }
        if flags & !FLAGS != 0 || flags & ADDRESS == ADDRESS {
            return Err(StoredRecordError::UnknownFlags(flags));
        }
        let (body, end) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(wrong_length)?;
        let mut rest = Reader(body.get(HEADER_LEN..).ok_or(wrong_length)?);
        let address = rest.address(flags).ok_or(wrong_length)?;
        let last_seen = rest.time(flags & LAST_SEEN).ok_or(wrong_length)?;
        let last_pulse = rest.time(flags & LAST_PULSE).ok_or(wrong_length)?;
        if !rest.0.is_empty() {
            return Err(wrong_length);
        }
        if *end != checksum(id, body) {
            return Err(StoredRecordError::WrongChecksum);
        }
        if address != address.map(datagram::canonical) {
            return Err(StoredRecordError::MappedAddress);
        }
        Ok(Self { address, last_seen, last_pulse })
    }
}

/// The bytes of a [`StoredRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedRecord {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl EncodedRecord {
    /// The longest that they can be.
    pub const MAX_LEN: usize = HEADER_LEN + 16 + PORT_LEN + 2 * TIME_LEN + CHECKSUM_LEN;

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }
}

/// Why bytes are no stored record of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredRecordError {
    /// This many bytes are not as many as their second byte says.
    WrongLength(usize),
    /// A later version of this program wrote them.
    UnknownVersion(u8),
    /// The second byte announces what this version does not have.
    UnknownFlags(u8),
    /// The bytes are damaged, or another client's.
    WrongChecksum,
    /// The address is IPv4-mapped IPv6, which this program does not write.
    MappedAddress,
}

impl fmt::Display for StoredRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength(len) => write!(f, "a stored record of {len} bytes is cut off or too long"),
            Self::UnknownVersion(version) => {
                write!(f, "a stored record of version {version}: this program reads version {VERSION}")
            }
            Self::UnknownFlags(flags) => {
                write!(f, "a stored record with unknown contents ({flags:#010b})")
            }
            Self::WrongChecksum => f.write_str("a stored record that is damaged, or another client's"),
            Self::MappedAddress => f.write_str("a stored record with an IPv4 address written as IPv6"),
        }
    }
}

impl core::error::Error for StoredRecordError {}

/// Takes fields off the front. `None` means that the bytes end too early.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn address(&mut self, flags: u8) -> Option<Option<SocketAddr>> {
        let ip: IpAddr = match flags & ADDRESS {
            IPV4 => self.take::<4>()?.into(),
            IPV6 => self.take::<16>()?.into(),
            _ => return Some(None),
        };
        Some(Some(SocketAddr::new(ip, u16::from_be_bytes(self.take()?))))
    }

    fn time(&mut self, present: u8) -> Option<Option<UnixTime>> {
        if present == 0 {
            return Some(None);
        }
        Some(Some(UnixTime::from_millis(u64::from_be_bytes(self.take()?))))
    }
}

fn checksum(id: ClientId, body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut digest = CHECKSUM.digest();
    digest.update(id.as_bytes());
    digest.update(body);
    digest.finalize().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    fn id() -> ClientId {
        ClientId::from_bytes(*b"0123456789abcdef")
    }

    fn unix(millis: u64) -> Option<UnixTime> {
        Some(UnixTime::from_millis(millis))
    }

    /// Golden vectors: what stores out there hold. These never change; a new version gets new ones beside them. The
    /// checksums were computed with Python's `zlib.crc32`.
    #[test]
    fn version_1_is_frozen() {
        for (record, hex) in [
            (StoredRecord { address: None, last_seen: None, last_pulse: None }, "01001114dc56"),
            (
                StoredRecord {
                    address: Some("192.0.2.7:4000".parse().unwrap()),
                    last_seen: unix(1_800_000_000_999),
                    last_pulse: unix(1_800_000_000_123),
                },
                "010dc00002070fa0000001a3185c53e7000001a3185c507ba36bf11a",
            ),
            (
                StoredRecord {
                    address: Some("[2001:db8::1]:65535".parse().unwrap()),
                    last_seen: unix(u64::MAX),
                    last_pulse: None,
                },
                "010620010db8000000000000000000000001ffffffffffffffffffff6203c38c",
            ),
        ] {
            assert_eq!(hex::encode(record.encode(id()).as_bytes()), hex);
            assert_eq!(StoredRecord::decode(id(), &hex::decode(hex).unwrap()), Ok(record));
        }
    }

    #[test]
    fn the_longest_record_fits_exactly() {
        let longest = StoredRecord {
            address: Some("[2001:db8::1]:4000".parse().unwrap()),
            last_seen: unix(1),
            last_pulse: unix(2),
        };
        assert_eq!(longest.encode(id()).as_bytes().len(), 40);
        assert_eq!(EncodedRecord::MAX_LEN, 40);
    }

    #[test]
    fn a_record_is_stored_with_times_of_the_wall_clock() {
        let at = Clock { now: Instant::from_millis(50_000), unix: UnixTime::from_millis(1_000_000) };
        let record = Record {
            address: None,
            last_seen: Some(Instant::from_millis(49_000)),
            last_pulse: Some(Instant::from_millis(20_000)),
        };
        let stored = StoredRecord::of(&record, at);
        assert_eq!((stored.last_seen, stored.last_pulse), (unix(999_000), unix(970_000)));

        let later_than_now = Record::registered(Instant::from_millis(60_000));
        assert_eq!(StoredRecord::of(&later_than_now, at).last_seen, unix(1_000_000));
        let before_1970 = Clock { unix: UnixTime::from_millis(10), ..at };
        assert_eq!(StoredRecord::of(&record, before_1970).last_pulse, unix(0));
    }

    #[test]
    fn what_is_no_record_of_this_client_is_an_error_that_says_why() {
        let record = StoredRecord {
            address: Some("192.0.2.7:4000".parse().unwrap()),
            last_seen: unix(5),
            last_pulse: None,
        };
        let good: Vec<u8> = record.encode(id()).as_bytes().into();
        let changed = |index: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[index] = value;
            StoredRecord::decode(id(), &bytes).unwrap_err()
        };
        assert_eq!(changed(0, 2), StoredRecordError::UnknownVersion(2));
        assert_eq!(changed(1, 0x15), StoredRecordError::UnknownFlags(0x15));
        assert_eq!(changed(1, 0x07), StoredRecordError::UnknownFlags(0x07));
        assert_eq!(changed(1, 0x01), StoredRecordError::WrongLength(good.len()));
        assert_eq!(changed(5, 8), StoredRecordError::WrongChecksum, "another address");
        assert_eq!(StoredRecord::decode(id(), &[]), Err(StoredRecordError::WrongLength(0)));
        assert_eq!(StoredRecord::decode(id(), &[1, 0, 0, 0, 0]), Err(StoredRecordError::WrongLength(5)));
        let other = ClientId::from_bytes([9; 16]);
        assert_eq!(StoredRecord::decode(other, &good), Err(StoredRecordError::WrongChecksum));
        assert_eq!(
            StoredRecordError::UnknownVersion(2).to_string(),
            "a stored record of version 2: this program reads version 1"
        );
    }

    #[test]
    fn addresses_are_written_in_canonical_form_and_read_in_no_other() {
        let stored = |address: &str| StoredRecord {
            address: Some(address.parse().unwrap()),
            last_seen: None,
            last_pulse: None,
        };
        assert_eq!(
            stored("[::ffff:192.0.2.7]:4000").encode(id()).as_bytes(),
            stored("192.0.2.7:4000").encode(id()).as_bytes()
        );
        let mut bytes = EncodedRecord { bytes: [0; EncodedRecord::MAX_LEN], len: 0 };
        bytes.push(&[VERSION, IPV6]);
        bytes.push(&core::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets());
        bytes.push(&4000_u16.to_be_bytes());
        let checksum = checksum(id(), bytes.as_bytes());
        bytes.push(&checksum);
        assert_eq!(StoredRecord::decode(id(), bytes.as_bytes()), Err(StoredRecordError::MappedAddress));
    }
}
