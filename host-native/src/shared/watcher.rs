//! The thread that looks after a shared store: whether it is there, where its keys are, and how many clients it has.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis::Value;

use super::SharedError;
use super::address::ServerAddress;
use super::keys::PARTITIONS;
use super::link::Link;
use super::perform::Rules;

/// How soon to look again where the keys are, if that is not known.
const HASTE: Duration = Duration::from_millis(100);

/// How often clients are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// The thread that keeps the markers and the map of the cluster fresh. Dropping this stops it.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: Arc<(Mutex<bool>, Condvar)>,
    clients: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(rules: Arc<Rules>, mut link: Link) -> io::Result<Self> {
        let stop = Arc::<(Mutex<bool>, Condvar)>::default();
        let stopped = Arc::clone(&stop);
        let clients = Arc::<AtomicUsize>::default();
        clients.store(count_clients(&mut link), Ordering::Relaxed);
        let counted = Arc::clone(&clients);
        let mut counted_at = Instant::now();
        let period = rules.markers.period();
        let thread = thread::Builder::new().name("store-watch".into()).spawn(move || {
            loop {
                let (lock, told) = &*stopped;
                let ends = lock.lock().unwrap_or_else(PoisonError::into_inner);
                // While a failed server is being replaced, sooner: nothing is answered for its clients meanwhile.
                let pause = if link.servers().is_outdated() { HASTE.min(period) } else { period };
                let (ends, _) = told.wait_timeout(ends, pause).unwrap_or_else(PoisonError::into_inner);
                if *ends {
                    return;
                }
                drop(ends);
                if link.servers().take_outdated() && learn(&mut link).is_err() {
                    link.servers().outdate();
                }
                rules.markers.refresh(&mut link, &rules.keys);
                if counted_at.elapsed() >= COUNT_EVERY && rules.markers.all_known() {
                    counted_at = Instant::now();
                    counted.store(count_clients(&mut link), Ordering::Relaxed);
                }
            }
        })?;
        Ok(Self { stop, clients, thread: Some(thread) })
    }

    /// How many clients there were when they were counted last.
    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
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
pub(super) fn learn(link: &mut Link) -> Result<(), SharedError> {
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
pub(super) fn refuse_eviction(link: &mut Link, server: &ServerAddress) -> Result<(), SharedError> {
    let mut command = redis::cmd("INFO");
    command.arg("memory");
    let info = link.ask(server, &command).map_err(|error| SharedError::Unreachable(server.clone(), error))?;
    // As a string, plain in the older protocol and with its format in the newer.
    let text: String = redis::from_redis_value(info).unwrap_or_default();
    let policy =
        text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or("unknown").trim();
    if policy == "noeviction" { Ok(()) } else { Err(SharedError::MayEvict(server.clone(), policy.into())) }
}

/// All keys but the markers. A server that does not say counts as empty: the figure is rough anyway.
pub(super) fn count_clients(link: &mut Link) -> usize {
    let command = redis::cmd("DBSIZE");
    let sizes = link.servers().owners().into_iter().map(|server| match link.ask(&server, &command) {
        Ok(Value::Int(size)) => usize::try_from(size).unwrap_or(0),
        Ok(_) | Err(_) => 0,
    });
    sizes.sum::<usize>().saturating_sub(PARTITIONS)
}
