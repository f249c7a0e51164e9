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
use super::servers::{Map, Servers};
use crate::logging::Sampled;

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
    /// `fit` are the servers that were looked at.
    pub(super) fn start(rules: Arc<Rules>, mut link: Link, mut fit: Vec<ServerAddress>) -> io::Result<Self> {
        let stop = Arc::<(Mutex<bool>, Condvar)>::default();
        let stopped = Arc::clone(&stop);
        let clients = Arc::<AtomicUsize>::default();
        clients.store(count_clients(&mut link), Ordering::Relaxed);
        let counted = Arc::clone(&clients);
        let mut counted_at = Instant::now();
        let period = rules.markers.period();
        let refusals = Sampled::default();
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
                    // It serves already: all that is left is to say so.
                    if let Err(error) = refuse_unfit(&mut link, &mut fit) {
                        refusals.log(|| tracing::error!("{error}"));
                    }
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

/// Asks for the map of the cluster; of a single server there is none. A server that was cut off from the others has an old one, and one
/// that has just been made has an empty one: what a server says that sees the cluster working counts, and if there is none, what covers
/// most.
pub(super) fn learn(link: &mut Link) -> Result<(), SharedError> {
    let servers = Arc::clone(link.servers());
    if !servers.address.cluster {
        return Ok(());
    }
    let [mut slots, mut info] = [(); 2].map(|()| redis::cmd("CLUSTER"));
    slots.arg("SLOTS");
    info.arg("INFO");
    let (mut best, mut last): (Option<Map>, _) = (None, None);
    let mut asked = servers.owners();
    asked.extend(servers.address.servers.iter().cloned());
    // Those that fail are asked when nobody else is left.
    asked.sort_by_key(|server| !servers.may_try(server, false));
    for server in asked {
        if best.is_some() && !servers.may_try(&server, true) {
            continue;
        }
        let answers = link.ask(&server, &slots).and_then(|slots| Ok((slots, link.ask(&server, &info)?)));
        let (slots, info) = match answers {
            Ok(answers) => answers,
            Err(error) => {
                last = Some(SharedError::Unreachable(server, error));
                continue;
            }
        };
        let Some(map) = Servers::map(&slots, &server) else { continue };
        let info: String = redis::from_redis_value(info).unwrap_or_default();
        let works = info.contains("cluster_state:ok") && map.covered() == PARTITIONS;
        if works || best.as_ref().is_none_or(|best| map.covered() > best.covered()) {
            best = Some(map);
        }
        if works {
            break;
        }
    }
    match best {
        Some(map) if map.covered() > 0 => {
            servers.learn(map);
            Ok(())
        }
        _ => Err(last.unwrap_or_else(|| SharedError::NoCluster(servers.address.clone()))),
    }
}

/// Whether the primaries are fit to keep clients; one that does not answer now is looked at when it is back.
pub(super) fn refuse_unfit(link: &mut Link, fit: &mut Vec<ServerAddress>) -> Result<(), SharedError> {
    let mut unreachable = None;
    for server in link.servers().owners() {
        if fit.contains(&server) {
            continue;
        }
        match refuse_eviction(link, &server) {
            Ok(()) => fit.push(server),
            Err(error @ SharedError::Unreachable(..)) => unreachable = Some(error),
            Err(error) => return Err(error),
        }
    }
    // All of them are away.
    unreachable.filter(|_| fit.is_empty()).map_or(Ok(()), Err)
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

/// All keys but the markers. A server that does not say counts as empty: the figure is rough anyway.
pub(super) fn count_clients(link: &mut Link) -> usize {
    let command = redis::cmd("DBSIZE");
    let sizes = link.servers().owners().into_iter().map(|server| match link.ask(&server, &command) {
        Ok(Value::Int(size)) => usize::try_from(size).unwrap_or(0),
        Ok(_) | Err(_) => 0,
    });
    sizes.sum::<usize>().saturating_sub(PARTITIONS)
}
