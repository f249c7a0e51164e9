//! A great many clients for benchmarks, each known by its number.

use std::net::SocketAddr;

use rendezvous_protocol::{ClientId, Clock, Instant, Pulse, Server, Timing, UnixTime};

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
    ClientId::from_bytes((u128::from(mix(n)) | u128::from(mix(!n)) << 64).to_le_bytes())
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
    state: u64,
}

impl Crowd {
    /// The `clients` clients from number `first` on.
    pub const fn new(first: u64, clients: u64) -> Self {
        Self { first, clients, state: 1 }
    }

    /// Pulses of the next ones, each from where it always pulses.
    pub fn batch<const N: usize>(&mut self) -> [Pulse; N] {
        std::array::from_fn(|_| {
            self.state = mix(self.state);
            let n = self.first + ((u128::from(self.state) * u128::from(self.clients)) >> 64) as u64;
            Pulse { id: id(n), source: source(n) }
        })
    }
}

/// splitmix64 (Steele, Lea and Flood, 2014): one step of it, from any state.
pub(crate) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
