//! How many connections there may be, in total and from each network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rendezvous_protocol::Network;

/// Connections, counted.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounters {
    open: AtomicUsize,
    refused: AtomicU64,
}

impl ConnectionCounters {
    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many were one too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Lets connections in.
#[derive(Debug)]
pub(crate) struct Admission {
    total: usize,
    per_network: usize,
    /// Only networks that have some, so there are never more than there are connections.
    networks: Mutex<HashMap<Network, usize>>,
    counters: Arc<ConnectionCounters>,
}

/// One connection. It counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    network: Option<Network>,
}

impl Admission {
    pub(crate) fn new(total: usize, per_network: usize, counters: Arc<ConnectionCounters>) -> Self {
        Self { total, per_network, networks: Mutex::default(), counters }
    }

    /// One connection more, if there may be one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let open = &self.counters.open;
        let entered = open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < self.total).then_some(open + 1)
        });
        if entered.is_err() {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit { admission: Arc::clone(self), network: None })
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.networks.lock().expect("counting does not panic")
    }
}

impl Permit {
    /// Now it is known where it comes from. Whether there may be one more from there.
    pub(crate) fn comes_from(&mut self, ip: IpAddr) -> bool {
        let network = Network::of(ip);
        let admission = &self.admission;
        let mut networks = admission.networks();
        let open = networks.get(&network).copied().unwrap_or(0);
        if open >= admission.per_network {
            admission.counters.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        networks.insert(network, open + 1);
        drop(networks);
        self.network = Some(network);
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.counters.open.fetch_sub(1, Ordering::Relaxed);
        let Some(network) = self.network else { return };
        if let Entry::Occupied(mut open) = self.admission.networks().entry(network) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(total: usize, per_network: usize) -> Arc<Admission> {
        Arc::new(Admission::new(total, per_network, Arc::default()))
    }

    #[test]
    fn there_are_no_more_than_the_total_and_a_place_is_free_again() {
        let admission = admission(2, 9);
        let first = admission.enter().unwrap();
        let second = admission.enter().unwrap();
        assert!(admission.enter().is_none());
        drop(first);
        assert!(admission.enter().is_some());
        drop(second);
        assert_eq!((admission.counters.open(), admission.counters.refused()), (0, 1));
    }

    #[test]
    fn a_network_has_no_more_than_its_share_and_leaves_nothing_behind() {
        let admission = admission(100, 2);
        let from = |ip: &str| {
            let mut permit = admission.enter()?;
            permit.comes_from(ip.parse().unwrap()).then_some(permit)
        };
        let kept = [from("2001:db8::1"), from("2001:db8::2"), from("192.0.2.1")];
        assert!(kept.iter().all(Option::is_some));
        assert!(from("2001:db8::3").is_none(), "the same network");
        assert!(from("::ffff:192.0.2.1").is_some());
        assert_eq!(admission.networks().len(), 2);
        assert_eq!(admission.counters.open(), 3);
        drop(kept);
        assert!(admission.networks().is_empty());
        assert_eq!((admission.counters.open(), admission.counters.refused()), (0, 1));
    }
}
