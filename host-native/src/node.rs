//! The node: the protocol's servers, sharded by client id, and what each call to them needs.

use std::array;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use getrandom::SysRng;
use rendezvous_protocol::http::RegisterBody;
use rendezvous_protocol::lifecycle::{Observation, Registration, Unknown};
use rendezvous_protocol::{
    ClientId, Clock, Counters, DropReason, PrivateKey, Progress, Pulse, PulseCode, Rejection, ReplyWidth,
    Response, Server, Timing,
};

use crate::absence::AbsenceWatch;
use crate::logging::{Sampled, short};
use crate::{Settings, clock};

/// How many servers the clients are spread over, so that threads seldom wait for each other. A power of two.
///
/// A batch of pulses takes nearly all of their locks, and a tick or a registration only one.
const SHARDS: usize = 8;

/// How many clients a shard may forget before others get a turn with it.
const TICK_BUDGET: usize = 256;

/// How long others then have it, and the processor, to themselves: so a million clients that are gone at once hold up
/// nobody, and are forgotten within seconds.
const TICK_PAUSE: Duration = Duration::from_micros(200);

/// How often a new key is drawn when the id is taken. With 128-bit ids a second draw means a broken generator.
const DRAWS: usize = 4;

/// One server process: all its clients.
#[derive(Debug)]
pub struct Node {
    shards: Box<[Mutex<Server>]>,
    read_clock: fn() -> Clock,
    absence: AbsenceWatch,
    timing: Timing,
    reply_width: ReplyWidth,
    udp_port: u16,
    udp: UdpCounters,
    failures: Sampled,
}

/// What a node counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What its servers count, and the datagrams that never got that far.
    pub counters: Counters,
    /// Records, those of clients included that are gone and not yet removed.
    pub records: usize,
    /// Records that the expiry indexes cover: all of them.
    pub deadlines: usize,
    /// Answers that the system refused to send.
    pub send_errors: u64,
    /// Datagrams that the kernel dropped before the server saw them, as far as it was asked: once a second.
    pub kernel_drops: u64,
    /// Roughly the bytes that the records take.
    pub memory: usize,
}

#[derive(Debug, Default)]
struct UdpCounters {
    wrong_length: AtomicU64,
    port_zero: AtomicU64,
    send_errors: AtomicU64,
    kernel_drops: AtomicU64,
}

impl Node {
    /// A node without clients. It tells them to pulse to `bound_udp_port`, unless the settings have a port to
    /// advertise instead.
    pub fn new(settings: &Settings, bound_udp_port: u16) -> Self {
        Self::with_clock(settings, bound_udp_port, clock::read)
    }

    fn with_clock(settings: &Settings, bound_udp_port: u16, read_clock: fn() -> Clock) -> Self {
        let timing = settings.timing;
        Self {
            read_clock,
            shards: (0..SHARDS).map(|_| Mutex::new(Server::new(timing))).collect(),
            absence: AbsenceWatch::new(&timing, read_clock().now),
            timing,
            reply_width: settings.reply_width,
            udp_port: settings.advertise_udp_port.unwrap_or(bound_udp_port),
            udp: UdpCounters::default(),
            failures: Sampled::default(),
        }
    }

    /// What happened so far, summed over all shards.
    pub fn stats(&self) -> Stats {
        let udp = &self.udp;
        let mut stats = Stats {
            send_errors: udp.send_errors.load(Ordering::Relaxed),
            kernel_drops: udp.kernel_drops.load(Ordering::Relaxed),
            ..Stats::default()
        };
        stats.counters.dropped_wrong_length = udp.wrong_length.load(Ordering::Relaxed);
        stats.counters.dropped_port_zero = udp.port_zero.load(Ordering::Relaxed);
        for shard in &self.shards {
            let server = lock(shard);
            stats.counters += *server.counters();
            stats.records += server.records();
            stats.deadlines += server.deadlines();
            stats.memory += server.memory();
        }
        stats
    }

    pub(crate) fn reply_width(&self) -> ReplyWidth {
        self.reply_width
    }

    /// Pulses that arrived together. `codes` becomes as long as `pulses` and holds the answer to each.
    pub fn pulses(&self, pulses: &[Pulse], codes: &mut Vec<PulseCode>) {
        codes.clear();
        if pulses.is_empty() {
            return;
        }
        codes.resize(pulses.len(), PulseCode::NotFound);
        let at = self.clock();
        for (pulses, codes) in pulses.chunks(Server::BATCH).zip(codes.chunks_mut(Server::BATCH)) {
            self.pulses_of_batch(at, pulses, codes);
        }
    }

    /// Takes the locks of all shards that have one of them, the lowest first (see [`Node::look_up`]), so that all records are
    /// fetched from memory side by side. A batch takes some microseconds, of the hundreds that receiving and sending it take.
    fn pulses_of_batch(&self, at: Clock, pulses: &[Pulse], codes: &mut [PulseCode]) {
        let mut needed = [false; SHARDS];
        for pulse in pulses {
            needed[shard_of(pulse.id)] = true;
        }
        let mut servers: [Option<MutexGuard<'_, Server>>; SHARDS] =
            array::from_fn(|shard| needed[shard].then(|| lock(&self.shards[shard])));
        Server::prefetch(pulses.iter().filter_map(|pulse| {
            let server = servers[shard_of(pulse.id)].as_deref()?;
            Some((server, pulse.id))
        }));
        for (pulse, code) in pulses.iter().zip(codes) {
            if let Some(server) = &mut servers[shard_of(pulse.id)] {
                *code = server.pulse(at, pulse.id, pulse.source).answer;
            }
        }
    }

    /// A datagram that is not answered.
    pub(crate) fn note_dropped(&self, reason: DropReason) {
        let counter = match reason {
            DropReason::WrongLength => &self.udp.wrong_length,
            DropReason::SourcePortZero => &self.udp.port_zero,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer that could not be sent.
    pub(crate) fn note_send_error(&self) {
        self.udp.send_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Datagrams that the kernel dropped.
    pub(crate) fn note_kernel_drops(&self, count: u64) {
        self.udp.kernel_drops.fetch_add(count, Ordering::Relaxed);
    }

    /// `POST /register`
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the system has no entropy for a new key.
    pub fn register(&self) -> Result<RegisterBody, Rejection> {
        self.register_with(|| PrivateKey::try_generate(&mut SysRng))
    }

    fn register_with<E: Display>(
        &self,
        mut draw: impl FnMut() -> Result<PrivateKey, E>,
    ) -> Result<RegisterBody, Rejection> {
        for _ in 0..DRAWS {
            let key = draw().map_err(|error| {
                self.failures.log(
                    || tracing::error!(%error, "no entropy from the operating system: cannot register clients"),
                );
                Rejection::Unavailable
            })?;
            let id = ClientId::of(&key);
            let at = self.clock();
            // A value of its own: the shard is not to be locked any longer than this.
            let registration = self.shard(id).register(at, id).answer;
            match registration {
                Registration::Registered => {
                    tracing::debug!(client = short(id), "registered");
                    return Ok(RegisterBody::new(key, at.unix, self.udp_port, &self.timing));
                }
                Registration::Taken => {}
            }
        }
        self.failures
            .log(|| tracing::error!("{DRAWS} new keys in a row were taken: the generator is broken"));
        Err(Rejection::Unavailable)
    }

    /// `POST /verify`
    pub(crate) fn verify(&self, caller: ClientId) -> Result<Response, Rejection> {
        let at = self.clock();
        self.shard(caller).verify(at, caller).answer?;
        tracing::debug!(client = short(caller), "verified");
        Ok(Response::Verified { client_id: caller, timestamp: at.unix })
    }

    /// `POST /logout`
    pub(crate) fn logout(&self, caller: ClientId) -> Result<Response, Rejection> {
        let at = self.clock();
        self.shard(caller).logout(at, caller).answer?;
        tracing::debug!(client = short(caller), "logged out");
        Ok(Response::LoggedOut { client_id: caller })
    }

    /// `GET /peer/{client_id}/udp`. `peer` is `None` if the path holds no id.
    pub(crate) fn peer_address(
        &self,
        caller: ClientId,
        peer: Option<ClientId>,
    ) -> Result<Response, Rejection> {
        let (at, peer, observation) = self.look_up(caller, peer)?;
        Response::peer_address(peer, observation, at.unix)
    }

    /// `GET /peer/{client_id}/udp/status`. `peer` is `None` if the path holds no id.
    pub(crate) fn peer_status(
        &self,
        caller: ClientId,
        peer: Option<ClientId>,
    ) -> Result<Response, Rejection> {
        let (at, peer, observation) = self.look_up(caller, peer)?;
        Ok(Response::peer_status(peer, observation, at.unix))
    }

    /// Forgets clients that are gone, a few at a time, until none is left, or until `goes_on` says no. This also keeps a quiet
    /// server from looking like one that is not running: call it several times a second.
    pub(crate) fn tick(&self, goes_on: impl Fn() -> bool) {
        for shard in &self.shards {
            // The clock each time: forgetting a million clients takes a while, and is no absence.
            while self.tick_shard(shard) == Progress::More {
                thread::sleep(TICK_PAUSE);
                if !goes_on() {
                    return;
                }
            }
        }
    }

    fn tick_shard(&self, shard: &Mutex<Server>) -> Progress {
        let at = self.clock();
        lock(shard).tick(at, TICK_BUDGET, &mut |_change| {})
    }

    /// Credentials first, then the path, then the peer.
    fn look_up(
        &self,
        caller: ClientId,
        peer: Option<ClientId>,
    ) -> Result<(Clock, ClientId, Observation), Rejection> {
        let at = self.clock();
        let Some(peer) = peer else {
            self.shard(caller).authorize(at, caller)?;
            return Err(Rejection::MalformedClientId);
        };
        let (caller_shard, peer_shard) = (shard_of(caller), shard_of(peer));
        let observation = if caller_shard == peer_shard {
            let mut server = lock(&self.shards[caller_shard]);
            Server::prefetch([(&*server, caller), (&*server, peer)].into_iter());
            server.authorize(at, caller)?;
            server.observe(at, peer)
        } else {
            // Both at once, so that the two records are fetched from memory side by side. Always the lower one first: so
            // nobody waits for somebody who waits for them.
            let mut low = lock(&self.shards[caller_shard.min(peer_shard)]);
            let mut high = lock(&self.shards[caller_shard.max(peer_shard)]);
            let (server, peers) =
                if caller_shard < peer_shard { (&mut low, &mut high) } else { (&mut high, &mut low) };
            Server::prefetch([(&**server, caller), (&**peers, peer)].into_iter());
            server.authorize(at, caller)?;
            peers.observe(at, peer)
        };
        let observation = observation.map_err(|Unknown| Rejection::UnknownPeer)?;
        Ok((at, peer, observation))
    }

    /// The time, once the servers know of any absence before it. Every call starts with this.
    fn clock(&self) -> Clock {
        let at = (self.read_clock)();
        let absence = self.absence.check(at.now, |since| {
            for shard in &self.shards {
                lock(shard).resume(at, since, &mut |_change| {});
            }
        });
        if let Some(absence) = absence {
            tracing::warn!(
                absent_ms = absence.0,
                "the process did not run for a while: every client gets as long as if it had just been heard"
            );
        }
        at
    }

    fn shard(&self, id: ClientId) -> MutexGuard<'_, Server> {
        lock(&self.shards[shard_of(id)])
    }
}

/// The shard of a client: by the last byte of its id, since the table in the shard goes by the first ones.
fn shard_of(id: ClientId) -> usize {
    let [.., last] = *id.as_bytes();
    usize::from(last) % SHARDS
}

fn lock(shard: &Mutex<Server>) -> MutexGuard<'_, Server> {
    // A panic in a call aborts the process (see the release profile); a test that survives one has failed anyway.
    shard.lock().expect("no call to a server panics")
}

#[cfg(test)]
mod tests;
