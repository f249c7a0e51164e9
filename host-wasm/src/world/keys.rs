//! The keys of simulated clients: worth nothing outside a simulation, and the same in every run of a scenario.

use rendezvous_protocol::PrivateKey;

const PREFIX: &[u8; 22] = b"simulated private key ";

/// Knows the key of every client of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Scenarios with different seeds have different clients.
    pub seed: u64,
}

impl Keys {
    /// The key of a client.
    pub fn key(&self, client: u16) -> PrivateKey {
        let mut bytes = [0; PrivateKey::LEN];
        let (prefix, rest) = bytes.split_at_mut(PREFIX.len());
        let (seed, number) = rest.split_at_mut(size_of::<u64>());
        prefix.copy_from_slice(PREFIX);
        seed.copy_from_slice(&self.seed.to_be_bytes());
        number.copy_from_slice(&client.to_be_bytes());
        PrivateKey::from_bytes(bytes)
    }

    /// The client whose key `bytes` are.
    pub fn client(&self, bytes: &[u8]) -> Option<u16> {
        let client = u16::from_be_bytes(*bytes.last_chunk()?);
        (bytes == self.key(client).reveal()).then_some(client)
    }
}
