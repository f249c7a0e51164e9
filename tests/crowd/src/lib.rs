//! A great many clients, each known by its number, and the deterministic generator that draws them and all else that tests draw.

mod test_rng;

use std::net::SocketAddr;

use rendezvous_protocol::{ClientId, Clock, Instant, Pulse, Server, Timing, UnixTime};

pub use crate::test_rng::{TestRng, scatter};

/// A server with these clients, which registered and pulsed at time 0.
pub fn server_of(clients: u64) -> Server {
    let mut server = Server::new(Timing::default());
    for n in 0..clients {
        let _ = server.register(at(0), id(n));
        let _ = server.pulse(at(0), id(n), source(n));
    }
    server
}

/// The id of client `n`. It looks random, as ids do.
pub fn id(n: u64) -> ClientId {
    ClientId::from_bytes((u128::from(scatter(n)) | u128::from(scatter(!n)) << 64).to_le_bytes())
}

/// Where client `n` pulses from.
pub fn source(n: u64) -> SocketAddr {
    let [.., a, b, c, d] = n.to_be_bytes();
    SocketAddr::from(([10, b, c, d], 1024 | u16::from(a)))
}

/// Both clocks at `now` milliseconds.
pub fn at(now: u64) -> Clock {
    Clock { now: Instant::from_millis(now), unix: UnixTime::from_millis(now) }
}

/// Draws clients at random, the same ones each time: in a big table hardly any of them is in a cache.
#[derive(Debug)]
pub struct Crowd {
    first: u64,
    clients: u64,
    rng: TestRng,
}

impl Crowd {
    /// The `clients` clients from number `first` on.
    pub fn new(first: u64, clients: u64) -> Self {
        Self { first, clients, rng: TestRng::new(1) }
    }

    /// Pulses of the next ones, each from where it always pulses.
    pub fn batch<const N: usize>(&mut self) -> [Pulse; N] {
        std::array::from_fn(|_| {
            let n = self.first + self.rng.below(self.clients as usize) as u64;
            Pulse { id: id(n), source: source(n) }
        })
    }
}
