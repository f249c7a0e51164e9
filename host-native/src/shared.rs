//! Clients that are kept in a store which several nodes share: Redis or Valkey, a single server or a cluster.
//!
//! A node holds nothing of its own, so any node answers any pulse and any request, and nodes come and go:
//!
//! ```text
//! pulses ──── Pulser, one for each UDP thread ──┐            ┌─▶ TIME, GET … ──▶ lifecycle decides ──┐
//! verify, lookups ────────── Desk ──────────────┼─▶ Rules ───┤   for each server one pipeline        │
//! register, logout ───────── Desk, with WAIT ───┘            └── compare-and-set … ◀─────────────────┘
//! markers ────────────────── Watcher                              overtaken: read and decide again
//! ```
//!
//! **The pure lifecycle of the protocol decides; the store reads, compares and sets.** A record that another node changed in the
//! meantime is read and decided about again, so a logout is never undone, an address never rolled back, and a verify and a pulse at the
//! same time both count. `now` is the clock of the server that has the record: the clocks of nodes do not matter. Replicas are
//! never read.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::RedisError;
use rendezvous_protocol::lifecycle::{self, Observation, Registration, Unknown};
use rendezvous_protocol::{ClientId, Counters, Instant, Timing};

use crate::histogram::Reading;

mod address;
mod connection;
mod desk;
mod keys;
mod link;
mod markers;
mod meter;
mod operator;
mod perform;
mod pulser;
mod scripts;
mod servers;
mod watcher;

pub use address::{ServerAddress, StoreAddress};
pub use connection::Credentials;
pub(crate) use keys::check_prefix;
pub use link::{Durability, Unavailable};
pub use meter::SharedStats;
pub use operator::SharedContents;
pub use pulser::Pulser;

use desk::Desk;
use keys::Keys;
use link::Link;
use markers::Markers;
use perform::Rules;
use servers::Servers;
use watcher::Watcher;

/// What may be chosen about a shared store.
#[derive(Clone, Debug)]
pub struct SharedOptions {
    /// Where it is.
    pub address: StoreAddress,
    /// Who the node is to it.
    pub credentials: Credentials,
    /// What all of its keys begin with, so that several services can share a store.
    pub prefix: String,
    /// For how long a call may take before the store counts as away.
    pub patience: Duration,
    /// What registrations and logouts wait for.
    pub durability: Durability,
}

/// Why a shared store cannot be used.
#[derive(Debug)]
pub enum SharedError {
    /// The options contradict themselves.
    Options(String),
    /// It does not answer, or refuses to.
    Unreachable(ServerAddress, RedisError),
    /// Nobody says which servers the cluster has.
    NoCluster(StoreAddress),
    /// It may drop clients when its memory is full.
    MayEvict(ServerAddress, String),
    /// The system cannot start threads.
    Threads(io::Error),
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(why) => f.write_str(why),
            Self::Unreachable(server, error) => write!(f, "the store at {server} cannot be used: {error}"),
            Self::NoCluster(address) => write!(f, "no server of {address} says where the cluster's keys are"),
            Self::MayEvict(server, policy) => write!(
                f,
                "the store at {server} may drop clients when its memory is full (maxmemory-policy {policy}): set maxmemory-policy \
                 noeviction"
            ),
            Self::Threads(error) => write!(f, "a thread for the store cannot be started: {error}"),
        }
    }
}

impl std::error::Error for SharedError {}

/// What a caller, if there is one, may know of its peer, if there is one.
pub type Found = Result<Result<Observation, Unknown>, Unknown>;

/// The clients of all nodes that share a store.
#[derive(Debug)]
pub struct SharedStore {
    options: SharedOptions,
    rules: Arc<Rules>,
    servers: Arc<Servers>,
    requests: Desk,
    durable: Desk,
    watcher: Watcher,
}

impl SharedStore {
    /// Connects to the store, makes sure that it is fit to keep clients, and looks at its markers.
    ///
    /// # Errors
    /// [`SharedError`]
    pub fn open(options: SharedOptions, timing: Timing) -> Result<Self, SharedError> {
        let keys = Keys::new(&options.prefix).map_err(SharedError::Options)?;
        let servers = Arc::new(Servers::new(options.address.clone()));
        let markers = Markers::new(&timing);
        let rules = Arc::new(Rules { keys, timing, markers, counters: Mutex::default() });
        let link = || Link::new(Arc::clone(&servers), options.credentials.clone(), options.patience);
        let mut watching = link().probing();
        watcher::learn(&mut watching)?;
        let mut fit = vec![];
        watcher::refuse_unfit(&mut watching, &mut fit)?;
        rules.markers.refresh(&mut watching, &rules.keys);
        let threads = SharedError::Threads;
        Ok(Self {
            requests: Desk::open("store", Arc::clone(&rules), link()).map_err(threads)?,
            durable: Desk::open("store-durable", Arc::clone(&rules), link().durable(options.durability))
                .map_err(threads)?,
            watcher: Watcher::start(Arc::clone(&rules), watching, fit).map_err(threads)?,
            rules,
            servers,
            options,
        })
    }

    /// For a thread that handles pulses.
    pub fn pulser(&self) -> Pulser {
        let link =
            Link::new(Arc::clone(&self.servers), self.options.credentials.clone(), self.options.patience);
        Pulser::new(Arc::clone(&self.rules), link)
    }

    /// Registers a client.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be registered or not.
    pub async fn register(&self, id: ClientId) -> Result<(Registration, Instant), Unavailable> {
        let answer = self.durable.ask(id, lifecycle::register).await?;
        let mut counters = self.rules.counters();
        match answer.0 {
            Registration::Registered => counters.registered += 1,
            Registration::Taken => counters.taken += 1,
        }
        Ok(answer)
    }

    /// A client proves that it is still there.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn verify(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        let answer = self.requests.ask(id, lifecycle::verify).await?;
        let mut counters = self.rules.counters();
        match answer.0 {
            Ok(()) => counters.verified += 1,
            Err(Unknown) => counters.unauthorized += 1,
        }
        Ok(answer)
    }

    /// A client leaves.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be gone or not.
    pub async fn logout(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        let answer = self.durable.ask(id, lifecycle::logout).await?;
        let mut counters = self.rules.counters();
        match answer.0 {
            Ok(()) => counters.logged_out += 1,
            Err(Unknown) => counters.unauthorized += 1,
        }
        Ok(answer)
    }

    /// Whether there is such a client.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn authorize(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        let answer = self.requests.ask(id, lifecycle::authorize).await?;
        if answer.0.is_err() {
            self.rules.counters().unauthorized += 1;
        }
        Ok(answer)
    }

    /// What others may know of a client.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn observe(
        &self,
        id: ClientId,
    ) -> Result<(Result<Observation, Unknown>, Instant), Unavailable> {
        let answer = self.requests.ask(id, lifecycle::observe).await?;
        self.count_lookup(&answer.0);
        Ok(answer)
    }

    /// Whether there is such a client as `caller`, and if so what it may know of `peer`: both are asked for at once.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn look_up(&self, caller: ClientId, peer: ClientId) -> Result<(Found, Instant), Unavailable> {
        let (caller, peer) = tokio::join!(
            self.requests.ask(caller, lifecycle::authorize),
            self.requests.ask(peer, lifecycle::observe)
        );
        // Somebody unknown is told so, whatever became of the other half.
        let (caller, at) = caller?;
        if caller.is_err() {
            self.rules.counters().unauthorized += 1;
            return Ok((Err(Unknown), at));
        }
        let (peer, at) = peer?;
        self.count_lookup(&peer);
        Ok((Ok(peer), at))
    }

    /// Whether the store answers for all clients.
    pub fn is_ready(&self) -> bool {
        self.rules.markers.all_known()
    }

    /// Roughly how many clients there are, of all nodes: as many as there were keys a second ago. Keys of others in the same database
    /// count, and so do those of clients that are gone and whose keys have not expired yet.
    pub fn clients(&self) -> usize {
        self.watcher.clients()
    }

    /// What happened to clients at this node.
    pub fn counters(&self) -> Counters {
        *self.rules.counters()
    }

    /// How many microseconds each round trip to a server took.
    pub(crate) fn latency(&self) -> Reading {
        self.servers.meter.latency()
    }

    /// What the work with it comes down to.
    pub fn stats(&self) -> SharedStats {
        self.servers.meter.read()
    }

    fn count_lookup(&self, answer: &Result<Observation, Unknown>) {
        let mut counters = self.rules.counters();
        match answer {
            Ok(_) => counters.lookups_found += 1,
            Err(Unknown) => counters.lookups_unknown += 1,
        }
    }
}
