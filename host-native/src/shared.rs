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
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis::RedisError;
use rendezvous_protocol::lifecycle::{self, Context, Effect, Observation, Registration, Unknown};
use rendezvous_protocol::{ClientId, Instant, Pulse, PulseCode, Record, Timing};

mod address;
mod connection;
mod desk;
mod keys;
mod link;
mod markers;
mod meter;
mod perform;
mod scripts;
mod servers;

pub use address::{ServerAddress, StoreAddress};
pub use connection::Credentials;
pub use link::{Durability, Unavailable};
pub use meter::SharedStats;

use desk::Desk;
use keys::Keys;
use link::Link;
use markers::Markers;
use perform::{Job, Rules};
use servers::Servers;

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

/// The clients of all nodes that share a store.
#[derive(Debug)]
pub struct SharedStore {
    options: SharedOptions,
    rules: Arc<Rules>,
    servers: Arc<Servers>,
    requests: Desk,
    durable: Desk,
    /// Only to be stopped with it.
    _watcher: Watcher,
}

impl SharedStore {
    /// Connects to the store, makes sure that it is fit to keep clients, and looks at its markers.
    ///
    /// # Errors
    /// [`SharedError`]
    pub fn open(options: SharedOptions, timing: Timing) -> Result<Self, SharedError> {
        let keys = Keys::new(&options.prefix).map_err(SharedError::Options)?;
        let servers = Arc::new(Servers::new(options.address.clone()));
        let rules = Arc::new(Rules { keys, timing, markers: Markers::new(&timing) });
        let link = || Link::new(Arc::clone(&servers), options.credentials.clone(), options.patience);
        let mut watching = link().probing();
        learn(&mut watching)?;
        for server in servers.owners() {
            refuse_eviction(&mut watching, &server)?;
        }
        rules.markers.refresh(&mut watching, &rules.keys);
        let threads = SharedError::Threads;
        Ok(Self {
            requests: Desk::open("store", Arc::clone(&rules), link()).map_err(threads)?,
            durable: Desk::open("store-durable", Arc::clone(&rules), link().durable(options.durability))
                .map_err(threads)?,
            _watcher: Watcher::start(Arc::clone(&rules), watching).map_err(threads)?,
            rules,
            servers,
            options,
        })
    }

    /// For a thread that handles pulses.
    pub fn pulser(&self) -> Pulser {
        let link =
            Link::new(Arc::clone(&self.servers), self.options.credentials.clone(), self.options.patience);
        Pulser { rules: Arc::clone(&self.rules), link, jobs: vec![] }
    }

    /// Registers a client.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be registered or not.
    pub async fn register(&self, id: ClientId) -> Result<(Registration, Instant), Unavailable> {
        self.durable.ask(id, lifecycle::register).await
    }

    /// A client proves that it is still there.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn verify(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        self.requests.ask(id, lifecycle::verify).await
    }

    /// A client leaves.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be gone or not.
    pub async fn logout(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        self.durable.ask(id, lifecycle::logout).await
    }

    /// Whether there is such a client.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn authorize(&self, id: ClientId) -> Result<(Result<(), Unknown>, Instant), Unavailable> {
        self.requests.ask(id, lifecycle::authorize).await
    }

    /// What others may know of a client.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn observe(
        &self,
        id: ClientId,
    ) -> Result<(Result<Observation, Unknown>, Instant), Unavailable> {
        self.requests.ask(id, lifecycle::observe).await
    }

    /// Whether the store answers for all clients.
    pub fn is_ready(&self) -> bool {
        self.rules.markers.all_known()
    }

    /// What the work with it comes down to.
    pub fn stats(&self) -> SharedStats {
        self.servers.meter.read()
    }
}

/// Answers pulses, a batch at a time, with connections of its own.
pub struct Pulser {
    rules: Arc<Rules>,
    link: Link,
    jobs: Vec<PulseJob>,
}

impl fmt::Debug for Pulser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulser").finish_non_exhaustive()
    }
}

impl Pulser {
    /// `codes` becomes as long as `pulses` and holds the answer to each: `None` is silence, since the store does not answer.
    pub fn pulses(&mut self, pulses: &[Pulse], codes: &mut Vec<Option<PulseCode>>) {
        self.jobs.clear();
        self.jobs.extend(pulses.iter().map(|&pulse| PulseJob { pulse, decided: None, code: None }));
        self.rules.perform(&mut self.link, &mut self.jobs);
        codes.clear();
        codes.extend(self.jobs.iter().map(|job| job.code));
    }
}

#[derive(Clone, Copy, Debug)]
struct PulseJob {
    pulse: Pulse,
    decided: Option<PulseCode>,
    code: Option<PulseCode>,
}

impl Job for PulseJob {
    fn id(&self) -> ClientId {
        self.pulse.id
    }

    fn decide(&mut self, record: Option<&Record>, cx: &Context) -> Effect {
        let decision = lifecycle::pulse(record, self.pulse.source, cx);
        self.decided = Some(decision.answer);
        decision.effect
    }

    fn ends(&mut self, at: Result<Instant, Unavailable>) {
        self.code = self.decided.filter(|_| at.is_ok());
    }
}

/// The thread that keeps the markers and the map of the cluster fresh. Dropping this stops it.
#[derive(Debug)]
struct Watcher {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn start(rules: Arc<Rules>, mut link: Link) -> io::Result<Self> {
        let stop = Arc::<(Mutex<bool>, Condvar)>::default();
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("store-watch".into()).spawn(move || {
            loop {
                let (lock, told) = &*stopped;
                let ends = lock.lock().unwrap_or_else(PoisonError::into_inner);
                let (ends, _) =
                    told.wait_timeout(ends, rules.markers.period()).unwrap_or_else(PoisonError::into_inner);
                if *ends {
                    return;
                }
                drop(ends);
                if link.servers().take_outdated() && learn(&mut link).is_err() {
                    link.servers().outdate();
                }
                rules.markers.refresh(&mut link, &rules.keys);
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks for the map of the cluster; of a single server there is none.
fn learn(link: &mut Link) -> Result<(), SharedError> {
    let servers = Arc::clone(link.servers());
    if !servers.address.cluster {
        return Ok(());
    }
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let mut last = None;
    // Whoever is known to be there first.
    let mut asked = servers.owners();
    asked.extend(servers.address.servers.iter().cloned());
    for server in asked {
        match link.ask(&server, &command) {
            Ok(slots) if servers.learn(&slots, &server) => return Ok(()),
            Ok(_) => {}
            Err(error) => last = Some(SharedError::Unreachable(server, error)),
        }
    }
    Err(last.unwrap_or_else(|| SharedError::NoCluster(servers.address.clone())))
}

/// A store that may evict would log clients out whenever its memory is full.
fn refuse_eviction(link: &mut Link, server: &ServerAddress) -> Result<(), SharedError> {
    let mut command = redis::cmd("INFO");
    command.arg("memory");
    let info = link.ask(server, &command).map_err(|error| SharedError::Unreachable(server.clone(), error))?;
    // As a string, plain in the older protocol and with its format in the newer.
    let text: String = redis::from_redis_value(info).unwrap_or_default();
    let policy =
        text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or("unknown").trim();
    if policy == "noeviction" { Ok(()) } else { Err(SharedError::MayEvict(server.clone(), policy.into())) }
}
