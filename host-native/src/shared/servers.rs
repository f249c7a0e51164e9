//! The servers of a shared store: which of them has which partition, and which of them do not answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{RedisError, Value};

use super::address::{ServerAddress, StoreAddress};
use super::keys::{self, PARTITIONS};
use super::meter::Meter;
use crate::logging::Sampled;

/// For how long a server that failed is left alone, at first and at most. The watcher alone tries it in the meantime.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What all connections to a store have in common.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) address: StoreAddress,
    pub(super) meter: Meter,
    /// What is refused is refused all the time.
    pub(super) refusals: Sampled,
    owners: Mutex<Vec<Option<ServerAddress>>>,
    health: Mutex<HashMap<ServerAddress, Health>>,
    outdated: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    /// How often it failed. Connections from before the last time are of no use: whoever was restarted does not know them.
    failures: u64,
    /// Until when it is left alone, and for how long that is; `None` if it answered since.
    failing: Option<(Instant, Duration)>,
}

impl Servers {
    pub(super) fn new(address: StoreAddress) -> Self {
        let owner = (!address.cluster).then(|| address.servers[0].clone());
        Self {
            outdated: AtomicBool::new(address.cluster),
            owners: Mutex::new(vec![owner; PARTITIONS]),
            health: Mutex::default(),
            meter: Meter::default(),
            refusals: Sampled::default(),
            address,
        }
    }

    /// Who has a partition, as far as is known.
    pub(super) fn owner(&self, partition: u8) -> Option<ServerAddress> {
        lock(&self.owners)[usize::from(partition)].clone()
    }

    /// All that have a partition, as far as is known; each once.
    pub(super) fn owners(&self) -> Vec<ServerAddress> {
        let mut found: Vec<ServerAddress> = vec![];
        for owner in lock(&self.owners).iter().flatten() {
            if !found.contains(owner) {
                found.push(owner.clone());
            }
        }
        found
    }

    /// A server says that another one has this partition now: it is believed, and the whole map looked at soon.
    pub(super) fn moved(&self, partition: u8, to: ServerAddress) {
        lock(&self.owners)[usize::from(partition)] = Some(to);
        self.outdate();
    }

    /// The map of the cluster is to be looked at again.
    pub(super) fn outdate(&self) {
        if self.address.cluster {
            self.outdated.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it is.
    pub(super) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// Whether it is; asked once.
    pub(super) fn take_outdated(&self) -> bool {
        self.outdated.swap(false, Ordering::Relaxed)
    }

    /// The map of the cluster by the answer of `asked` to `CLUSTER SLOTS`, if it is one.
    pub(super) fn map(slots: &Value, asked: &ServerAddress) -> Option<Map> {
        let ranges = ranges(slots, asked)?;
        let owner = |partition| {
            let slot = keys::slot(partition);
            let range = ranges.iter().find(|range| (range.first..=range.last).contains(&slot))?;
            Some(range.server.clone())
        };
        Some(Map((0..=u8::MAX).map(owner).collect()))
    }

    /// Goes by this map from now on.
    pub(super) fn learn(&self, map: Map) {
        *lock(&self.owners) = map.0;
    }

    /// Whether to call it: one that failed is only probed, now and then, and nobody else waits for it.
    pub(super) fn may_try(&self, server: &ServerAddress, probes: bool) -> bool {
        let failing = lock(&self.health).get(server).and_then(|health| health.failing);
        failing.is_none_or(|(until, _)| probes && Instant::now() >= until)
    }

    /// How often it failed, at any connection.
    pub(super) fn failures(&self, server: &ServerAddress) -> u64 {
        lock(&self.health).get(server).map_or(0, |health| health.failures)
    }

    /// It did not answer. Said once, until it answers again.
    pub(super) fn failed(&self, server: &ServerAddress, error: &RedisError) {
        let mut all = lock(&self.health);
        let health = all.entry(server.clone()).or_default();
        let pause = health.failing.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
        if health.failing.is_none() {
            tracing::warn!(%server, %error, "the store does not answer: pulses of its clients get no answer, and requests are refused");
        }
        health.failing = Some((Instant::now() + pause, pause));
        health.failures += 1;
        drop(all);
        self.outdate();
    }

    /// It answers, but does not do what it was told. Said now and then.
    pub(super) fn refused(&self, server: &ServerAddress, error: &impl std::fmt::Display) {
        self.refusals.log(|| tracing::warn!(%server, %error, "the store refuses a command"));
    }

    /// It answers.
    pub(super) fn answers(&self, server: &ServerAddress) {
        if let Some(health) = lock(&self.health).get_mut(server)
            && health.failing.take().is_some()
        {
            tracing::info!(%server, "the store answers again");
        }
    }
}

/// Who has which partition.
#[derive(Debug)]
pub(super) struct Map(Vec<Option<ServerAddress>>);

impl Map {
    /// How many partitions somebody has.
    pub(super) fn covered(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

struct Range {
    first: u16,
    last: u16,
    server: ServerAddress,
}

/// `[[first, last, [host, port, …], replicas…], …]`
fn ranges(slots: &Value, asked: &ServerAddress) -> Option<Vec<Range>> {
    let Value::Array(entries) = slots else { return None };
    entries
        .iter()
        .map(|entry| {
            let Value::Array(entry) = entry else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = entry.as_slice() else {
                return None;
            };
            let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
            let named = if let Value::BulkString(name) = host {
                String::from_utf8(name.clone()).ok()?
            } else {
                String::new()
            };
            // One that does not know its own name is the one that was asked.
            let host = if ["", "?"].contains(&named.as_str()) { asked.host.clone() } else { named };
            let server = ServerAddress { host, port: u16::try_from(*port).ok()? };
            Some(Range { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, server })
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Servers {
        Servers::new("redis+cluster://a:1,b:2".parse().unwrap())
    }

    fn server(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = |host, port| Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        let replica = node(Value::BulkString(b"replica".to_vec()), 9);
        Value::Array(vec![Value::Int(first), Value::Int(last), node(host, port), replica])
    }

    #[test]
    fn partitions_belong_to_whoever_has_their_slot() {
        let servers = cluster();
        assert!(servers.take_outdated() && servers.owner(0).is_none());
        let name = |name: &str| Value::BulkString(name.as_bytes().to_vec());
        let map = Value::Array(vec![range(0, 8191, name("x"), 7), range(8192, 16_383, Value::Nil, 8)]);
        let map = Servers::map(&map, &server("asked:1")).unwrap();
        assert_eq!(map.covered(), PARTITIONS);
        servers.learn(map);
        for partition in 0..=u8::MAX {
            let expected = if keys::slot(partition) < 8192 { "x:7" } else { "asked:8" };
            assert_eq!(servers.owner(partition), Some(server(expected)));
        }
        let mut owners = servers.owners();
        owners.sort_by_key(|owner| owner.port);
        assert_eq!(owners, [server("x:7"), server("asked:8")]);
        servers.moved(3, server("y:9"));
        assert_eq!(servers.owner(3), Some(server("y:9")));
        assert!(servers.take_outdated() && !servers.take_outdated());
        for nonsense in [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 99_999, name("x"), 7)]),
        ] {
            assert!(Servers::map(&nonsense, &server("asked:1")).is_none(), "{nonsense:?}");
        }
        // One that has just been made knows of nobody.
        let empty = Servers::map(&Value::Array(vec![]), &server("asked:1")).unwrap();
        assert_eq!(empty.covered(), 0);
    }

    #[test]
    fn a_server_that_fails_is_left_alone_until_it_answers() {
        let servers = cluster();
        let a = server("a:1");
        assert!(servers.may_try(&a, false));
        servers.failed(&a, &RedisError::from(std::io::Error::other("it hangs")));
        assert!(!servers.may_try(&a, false) && servers.may_try(&server("b:2"), false));
        std::thread::sleep(FIRST_PAUSE);
        assert!(!servers.may_try(&a, false) && servers.may_try(&a, true));
        servers.answers(&a);
        assert!(servers.may_try(&a, false));
        assert_eq!((servers.failures(&a), servers.failures(&server("b:2"))), (1, 0));
    }
}
