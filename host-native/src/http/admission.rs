//! How many connections there may be, in total and from each network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rendezvous_protocol::{Network, Rejection};

/// Connections, counted.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounters {
    open: AtomicUsize,
    refused: AtomicU64,
    bad_requests: [AtomicU64; BAD_REQUESTS.len()],
    bad_handshakes: AtomicU64,
}

/// Why a request can be refused before anybody looks at what it wants.
pub(crate) const BAD_REQUESTS: [Rejection; 5] = [
    Rejection::MalformedRequest,
    Rejection::Timeout,
    Rejection::TooLarge,
    Rejection::UriTooLong,
    Rejection::HeadersTooLarge,
];

impl ConnectionCounters {
    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many requests were refused for this, which is one of [`BAD_REQUESTS`].
    pub(crate) fn bad_requests(&self, why: Rejection) -> u64 {
        let counter =
            BAD_REQUESTS.iter().position(|one| *one == why).and_then(|at| self.bad_requests.get(at));
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// A request was refused for this.
    pub(super) fn note_bad_request(&self, why: Rejection) {
        if let Some(counter) =
            BAD_REQUESTS.iter().position(|one| *one == why).and_then(|at| self.bad_requests.get(at))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many connections did not get as far as a request: TLS or the header of a proxy failed, or took too long.
    pub(crate) fn bad_handshakes(&self) -> u64 {
        self.bad_handshakes.load(Ordering::Relaxed)
    }

    /// A connection did not get as far as a request.
    pub(super) fn note_bad_handshake(&self) {
        self.bad_handshakes.fetch_add(1, Ordering::Relaxed);
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
    /// Where it comes from: its network, and its site.
    counted: [Option<Network>; 2],
}

/// How many times as many connections as a network a whole IPv6 /48 may have: whoever has one has 65,536 networks.
const PER_SITE: usize = 4;

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
        Some(Permit { admission: Arc::clone(self), counted: [None; 2] })
    }

    /// Where connections are counted.
    pub(super) fn counters(&self) -> &Arc<ConnectionCounters> {
        &self.counters
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.networks.lock().expect("counting does not panic")
    }
}

impl Permit {
    /// Where this connection is counted.
    pub(super) fn counters(&self) -> &Arc<ConnectionCounters> {
        self.admission.counters()
    }

    /// Now it is known where it comes from. Whether there may be one more from there.
    pub(crate) fn comes_from(&mut self, ip: IpAddr) -> bool {
        let admission = &self.admission;
        let places = [
            (Some(Network::of(ip)), admission.per_network),
            (Network::site_of(ip), admission.per_network.saturating_mul(PER_SITE)),
        ];
        let mut networks = admission.networks();
        let is_full = |(network, most): &(Option<Network>, usize)| {
            network.is_some_and(|network| networks.get(&network).is_some_and(|open| open >= most))
        };
        if places.iter().any(is_full) {
            admission.counters.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.counted = places.map(|(network, _)| network);
        for network in self.counted.iter().flatten() {
            *networks.entry(*network).or_default() += 1;
        }
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.counters.open.fetch_sub(1, Ordering::Relaxed);
        let mut networks = self.admission.networks();
        for network in self.counted.iter().flatten() {
            if let Entry::Occupied(mut open) = networks.entry(*network) {
                *open.get_mut() -= 1;
                if *open.get() == 0 {
                    open.remove();
                }
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
        // A /64, its /48, and an IPv4 address.
        assert_eq!(admission.networks().len(), 3);
        assert_eq!(admission.counters.open(), 3);
        drop(kept);
        assert!(admission.networks().is_empty());
        assert_eq!((admission.counters.open(), admission.counters.refused()), (0, 1));
    }
    #[test]
    fn a_site_with_many_networks_has_no_more_than_four_of_them() {
        let admission = admission(1000, 10);
        let open: Vec<_> = (0..100)
            .filter_map(|network| {
                let mut permit = admission.enter()?;
                let ip = format!("2001:db8:1:{network:x}::1").parse().unwrap();
                permit.comes_from(ip).then_some(permit)
            })
            .collect();
        assert_eq!(open.len(), 40);
        let mut elsewhere = admission.enter().unwrap();
        assert!(elsewhere.comes_from("2001:db8:2::1".parse().unwrap()));
    }
}
