//! The node: the protocol's servers, sharded by client id, and what each call to them needs.

use std::array;
use std::fmt::Display;
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::Duration;

use getrandom::SysRng;
use rendezvous_protocol::http::RegisterBody;
use rendezvous_protocol::lifecycle::{Observation, Registration, Unknown};
use rendezvous_protocol::{
    Change, ClientId, Clock, Instant, PrivateKey, Progress, Pulse, PulseCode, Rejection, ReplyWidth,
    Response, Server, StoredRecord, Timing,
};

use crate::absence::AbsenceWatch;
use crate::http::ConnectionCounters;
use crate::limits::Limits;
use crate::logging::{Sampled, short};
use crate::settings;
use crate::shards::Shards;
use crate::shared::SharedStore;
use crate::store::{self, Medium, Pace, Receipt, Store, StoreError, Unwritten};
use crate::{Settings, clock};

/// How many clients a shard may forget before others get a turn with it.
const TICK_BUDGET: usize = 256;

/// How long others then have it, and the processor, to themselves: so a million clients that are gone at once hold up
/// nobody, and are forgotten within seconds.
const TICK_PAUSE: Duration = Duration::from_micros(200);

/// How often a new key is drawn when the id is taken. With 128-bit ids a second draw means a broken generator.
const DRAWS: usize = 4;

mod capacity;
mod guard;
mod meters;
mod shared;
mod stats;
mod unconfirmed;

use capacity::Capacity;
use meters::Meters;
pub(crate) use meters::{Readiness, Route, StatusClass, StoreKind};
pub use stats::{Refusal, Refused, Stats};
use stats::{RefusedCounters, UdpCounters};
pub use unconfirmed::Unconfirmed;

/// One server process: all its clients.
#[derive(Debug)]
pub struct Node {
    shards: Arc<Shards>,
    store: Store,
    /// Then there is nobody in the shards, and nothing in the other store.
    shared: Option<SharedStore>,
    read_clock: fn() -> Clock,
    absence: AbsenceWatch,
    timing: Timing,
    reply_width: ReplyWidth,
    udp_port: u16,
    udp: UdpCounters,
    capacity: Capacity,
    limits: Limits,
    refused: RefusedCounters,
    connections: Arc<ConnectionCounters>,
    meters: Meters,
    failures: Sampled,
    floods: Sampled,
}

impl Node {
    /// A node with the clients of its store, which is opened, or made if it is not there: of a million clients that takes
    /// half a second. It tells clients to pulse to `bound_udp_port`, unless the settings have a port to advertise instead.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be opened.
    pub fn open(settings: &Settings, bound_udp_port: u16) -> Result<Self, StoreError> {
        let medium = match &settings.store {
            settings::Store::Memory => None,
            settings::Store::Redb(path) => Some((store::at(path)?, Pace::default())),
            settings::Store::Shared(address) => {
                let options = settings.shared.options(address.clone())?;
                let store = SharedStore::open(options, settings.timing)?;
                let node = Self::with(None, settings, bound_udp_port, clock::read)?;
                return Ok(Self { shared: Some(store), ..node });
            }
        };
        Self::with(medium, settings, bound_udp_port, clock::read)
    }

    /// The same with another place for its store than the settings name, and another pace.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub fn open_on(
        medium: Arc<dyn Medium>,
        pace: Pace,
        settings: &Settings,
        bound_udp_port: u16,
    ) -> Result<Self, StoreError> {
        Self::with(Some((medium, pace)), settings, bound_udp_port, clock::read)
    }

    fn with(
        medium: Option<(Arc<dyn Medium>, Pace)>,
        settings: &Settings,
        bound_udp_port: u16,
        read_clock: fn() -> Clock,
    ) -> Result<Self, StoreError> {
        let timing = settings.timing;
        let shards = Arc::new(Shards::new(timing));
        let store = match medium {
            None => Store::Memory,
            Some((medium, pace)) => Store::open(medium, pace, &shards, read_clock)?,
        };
        let limits = Limits::new(&settings.rates);
        let capacity = Capacity::new(settings.max_clients, shards.records());
        let at = read_clock();
        for mut server in shards.each() {
            // Nobody is gone by then, so there is nothing to tell.
            server.resume(at, Instant::ZERO, &mut |_change| {});
        }
        Ok(Self {
            read_clock,
            shards,
            store,
            shared: None,
            absence: AbsenceWatch::new(&timing, at.now),
            timing,
            reply_width: settings.reply_width,
            udp_port: settings.advertise_udp_port.unwrap_or(bound_udp_port),
            udp: UdpCounters::default(),
            capacity,
            limits,
            refused: RefusedCounters::default(),
            connections: Arc::default(),
            meters: Meters::new(at),
            failures: Sampled::default(),
            floods: Sampled::default(),
        })
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
        let mut needed = [false; Shards::COUNT];
        for pulse in pulses {
            needed[Shards::number_of(pulse.id)] = true;
        }
        let mut servers: [Option<MutexGuard<'_, Server>>; Shards::COUNT] =
            array::from_fn(|shard| needed[shard].then(|| self.shards.lock(shard)));
        Server::prefetch(pulses.iter().filter_map(|pulse| {
            let server = servers[Shards::number_of(pulse.id)].as_deref()?;
            Some((server, pulse.id))
        }));
        // A steady pulse is not among them, and an empty vector takes no memory.
        let (keeps, mut moved) = (self.store.keeps(), vec![]);
        for (pulse, code) in pulses.iter().zip(codes) {
            if let Some(server) = &mut servers[Shards::number_of(pulse.id)] {
                let outcome = server.pulse(at, pulse.id, pulse.source);
                *code = outcome.answer;
                if keeps && outcome.change.is_some() {
                    moved.push(pulse.id);
                }
            }
        }
        self.store.moved(moved);
    }

    /// `POST /register`
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the system has no entropy for a new key, or the store cannot be written;
    /// [`Rejection::AtCapacity`] if there are as many clients as there may be.
    pub fn register(&self) -> Result<Unconfirmed<RegisterBody>, Rejection> {
        self.register_with(draw_key)
    }

    fn register_with<E: Display>(
        &self,
        mut draw: impl FnMut() -> Result<PrivateKey, E>,
    ) -> Result<Unconfirmed<RegisterBody>, Rejection> {
        if !self.store.accepts() {
            return Err(Rejection::Unavailable);
        }
        for _ in 0..DRAWS {
            let key = draw().map_err(|error| self.no_entropy(&error))?;
            let id = ClientId::of(&key);
            let at = self.clock();
            if let Some(receipt) = self.try_register(at, id)? {
                tracing::debug!(client = short(id), "registered");
                let answer = RegisterBody::new(key, at.unix, self.udp_port, &self.timing);
                return Ok(Unconfirmed { answer, receipt });
            }
        }
        Err(self.no_luck())
    }

    fn no_entropy(&self, error: &impl Display) -> Rejection {
        self.failures
            .log(|| tracing::error!(%error, "no entropy from the operating system: cannot register clients"));
        Rejection::Unavailable
    }

    fn no_luck(&self) -> Rejection {
        self.failures
            .log(|| tracing::error!("{DRAWS} new keys in a row were taken: the generator is broken"));
        Rejection::Unavailable
    }

    /// `None` if the id is taken.
    fn try_register(&self, at: Clock, id: ClientId) -> Result<Option<Receipt>, Rejection> {
        let place = self.capacity.place(&self.shards).ok_or_else(|| {
            self.note_refused(Refusal::AtCapacity, 1);
            Rejection::AtCapacity
        })?;
        let mut server = self.shards.of(id);
        let outcome = server.register(at, id);
        let Some(Change::Registered { record, .. }) = outcome.change else {
            debug_assert_eq!(outcome.answer, Registration::Taken);
            return Ok(None);
        };
        place.taken();
        let queued = self.store.registered(id, StoredRecord::of(&record, at));
        queued.map(Some).inspect_err(|_| server.withdraw(id))
    }

    /// `POST /verify`
    pub(crate) fn verify(&self, caller: ClientId) -> Result<Response, Rejection> {
        let at = self.clock();
        self.shards.of(caller).verify(at, caller).answer?;
        tracing::debug!(client = short(caller), "verified");
        Ok(Response::Verified { client_id: caller, timestamp: at.unix })
    }

    /// `POST /logout`
    ///
    /// # Errors
    /// [`Rejection::UnknownClient`], or [`Rejection::Unavailable`] if the store may still have the client.
    pub fn logout(&self, caller: ClientId) -> Result<Unconfirmed<Response>, Rejection> {
        let at = self.clock();
        let receipt = {
            let mut server = self.shards.of(caller);
            match server.logout(at, caller).answer {
                Ok(()) => self.store.logged_out(caller)?,
                // Not "unknown" as long as a crash could bring it back.
                Err(Unknown) if self.store.is_leaving(caller) => return Err(Rejection::Unavailable),
                Err(Unknown) => return Err(Rejection::UnknownClient),
            }
        };
        tracing::debug!(client = short(caller), "logged out");
        Ok(Unconfirmed { answer: Response::LoggedOut { client_id: caller }, receipt })
    }

    /// `GET /peer/{client_id}/udp`. `peer` is `None` if the path holds no id.
    ///
    /// # Errors
    /// [`Rejection`], if there is no such caller, no such peer, or no address of it.
    pub fn peer_address(&self, caller: ClientId, peer: Option<ClientId>) -> Result<Response, Rejection> {
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
    pub fn tick(&self, goes_on: impl Fn() -> bool) {
        for shard in 0..Shards::COUNT {
            // The clock each time: forgetting a million clients takes a while, and is no absence.
            while self.tick_shard(shard) == Progress::More {
                thread::sleep(TICK_PAUSE);
                if !goes_on() {
                    return;
                }
            }
        }
    }

    /// Forgets whoever is gone, brings the store up to date, and lets go of it. From then on nothing is to be asked of the node.
    ///
    /// # Errors
    /// [`Unwritten`] if the store could not be brought up to date.
    pub fn close(&self) -> Result<(), Unwritten> {
        self.tick(|| true);
        self.store.close()
    }

    fn tick_shard(&self, shard: usize) -> Progress {
        let at = self.clock();
        self.meters.ticked(at);
        self.keeping_gone(shard, |server, gone| {
            server.tick(at, TICK_BUDGET, &mut |change| gone.extend(gone_of(change)))
        })
    }

    /// Does something with a shard that may find clients gone, and tells the store of them.
    fn keeping_gone<T>(&self, shard: usize, act: impl FnOnce(&mut Server, &mut Vec<ClientId>) -> T) -> T {
        let mut gone = vec![];
        let mut server = self.shards.lock(shard);
        let result = act(&mut server, &mut gone);
        self.store.changed(gone);
        result
    }

    /// Credentials first, then the path, then the peer.
    fn look_up(
        &self,
        caller: ClientId,
        peer: Option<ClientId>,
    ) -> Result<(Clock, ClientId, Observation), Rejection> {
        let at = self.clock();
        let Some(peer) = peer else {
            self.shards.of(caller).authorize(at, caller)?;
            return Err(Rejection::MalformedClientId);
        };
        let (caller_shard, peer_shard) = (Shards::number_of(caller), Shards::number_of(peer));
        let observation = if caller_shard == peer_shard {
            let mut server = self.shards.lock(caller_shard);
            Server::prefetch([(&*server, caller), (&*server, peer)].into_iter());
            server.authorize(at, caller)?;
            server.observe(at, peer)
        } else {
            // Both at once, so that the two records are fetched from memory side by side. Always the lower one first: so
            // nobody waits for somebody who waits for them.
            let mut low = self.shards.lock(caller_shard.min(peer_shard));
            let mut high = self.shards.lock(caller_shard.max(peer_shard));
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
            for shard in 0..Shards::COUNT {
                self.keeping_gone(shard, |server, gone| {
                    server.resume(at, since, &mut |change| gone.extend(gone_of(change)));
                });
            }
        });
        if let Some(absence) = absence {
            let what = if self.shared.is_some() {
                "the process did not run for a while: pulses that waited for it count from when it reads them"
            } else {
                "the process did not run for a while: every client gets as long as if it had just been heard"
            };
            tracing::warn!(absent_ms = absence.0, "{what}");
        }
        at
    }
}

fn draw_key() -> Result<PrivateKey, getrandom::Error> {
    PrivateKey::try_generate(&mut SysRng)
}

/// The client that is gone, if this says that one is.
fn gone_of(change: Change) -> Option<ClientId> {
    match change {
        Change::Removed { id, .. } => Some(id),
        Change::Registered { .. } | Change::Moved { .. } | Change::Verified { .. } => None,
    }
}

#[cfg(test)]
mod tests;
