//! What a shared store's keys are called.
//!
//! ```text
//! PREFIX{ab}<16 bytes of the client's id>   the client's record, as StoredRecord::encode writes it
//! PREFIX{ab}alive                           the marker of that partition
//! ```
//!
//! `ab` is the first byte of the id, in hex: a *partition*. What stands in braces alone decides on which server of a cluster a key
//! is (the cluster specification's hash tags), so a partition's clients and its marker are always on the same server, and share
//! its clock and its outages.

use crc::{CRC_16_XMODEM, Crc, Table};
use rendezvous_protocol::ClientId;

/// How many partitions there are.
pub(super) const PARTITIONS: usize = 256;

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

static CRC_16: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_XMODEM);

/// Names of keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// Keys that all begin with `prefix`.
    ///
    /// # Errors
    /// If it has braces, which would tell a cluster another place for the keys.
    pub(super) fn new(prefix: &str) -> Result<Self, String> {
        check_prefix(prefix)?;
        Ok(Self { prefix: prefix.into() })
    }

    /// The key of a client's record.
    pub(super) fn client(&self, id: ClientId) -> Vec<u8> {
        let mut key = self.tagged(partition(id));
        key.extend_from_slice(id.as_bytes());
        key
    }

    /// The client that this is the key of.
    pub(super) fn client_of(&self, key: &[u8]) -> Option<ClientId> {
        let id = key.get(self.prefix.len() + 4..)?.try_into().ok().map(ClientId::from_bytes)?;
        (self.client(id) == key).then_some(id)
    }

    /// What matches all of these keys, for a scan.
    pub(super) fn pattern(&self) -> String {
        let special = ['*', '?', '[', ']', '^', '-', '\\'];
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if special.contains(&character) {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "{*"
    }

    /// The key of a partition's marker.
    pub(super) fn marker(&self, partition: u8) -> Vec<u8> {
        let mut key = self.tagged(partition);
        key.extend_from_slice(b"alive");
        key
    }

    fn tagged(&self, partition: u8) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 4 + ClientId::LEN);
        key.extend_from_slice(self.prefix.as_bytes());
        key.extend_from_slice(format!("{{{partition:02x}}}").as_bytes());
        key
    }
}

/// Whether keys may begin so.
///
/// # Errors
/// If it has braces, which would tell a cluster another place for the keys.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix.contains(['{', '}']) {
        return Err(format!("{prefix:?} has braces, which decide where a cluster keeps a key"));
    }
    Ok(())
}

/// The partition of a client.
pub(super) fn partition(id: ClientId) -> u8 {
    id.as_bytes()[0]
}

/// The slot of a partition's keys.
pub(super) fn slot(partition: u8) -> u16 {
    CRC_16.checksum(format!("{partition:02x}").as_bytes()) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_frozen() {
        let keys = Keys::new("rendezvous:").unwrap();
        let id = ClientId::from_bytes(*b"0123456789abcdef");
        assert_eq!(keys.client(id), b"rendezvous:{30}0123456789abcdef");
        assert_eq!(keys.marker(0x30), b"rendezvous:{30}alive");
        assert_eq!(keys.client_of(&keys.client(id)), Some(id));
        for other in [&b"rendezvous:{31}0123456789abcdef"[..], b"rendezvous:{30}alive", b"elsewhere", b""] {
            assert_eq!(keys.client_of(other), None);
        }
        assert_eq!(Keys::new("a*[b").unwrap().pattern(), "a\\*\\[b{*");
        assert!(Keys::new("a{b").is_err());
    }

    /// The examples of the cluster specification (`CLUSTER KEYSLOT` says the same), and a fair share for each of three servers.
    #[test]
    fn slots_are_those_of_a_cluster() {
        assert_eq!(CRC_16.checksum(b"123456789"), 0x31c3);
        let mut of_server = [0; 3];
        for partition in 0..=u8::MAX {
            of_server[usize::from(slot(partition)) * 3 / usize::from(SLOTS)] += 1;
        }
        assert!(of_server.iter().all(|count| *count > 60), "{of_server:?}");
    }
}
