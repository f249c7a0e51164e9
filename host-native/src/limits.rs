//! Rates: how often a network or a client may do something. They stand in front of the node's servers.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use rendezvous_protocol::{ClientId, Instant, Millis, Network, RateLimiter};

use crate::settings::{RateLimit, RateLimits};

/// The limiters of one server. Each takes half a megabyte, once and for all.
#[derive(Debug)]
pub(crate) struct Limits {
    registrations: Limiter,
    registrations_per_site: Limiter,
    registrations_in_total: Limiter,
    unknown_pulses: Limiter,
    lookups: Limiter,
}

/// One limiter, or none if there is no limit.
type Limiter = Option<Mutex<RateLimiter>>;

impl Limits {
    /// Limiters that nobody has used yet.
    pub(crate) fn new(rates: &RateLimits) -> Self {
        Self {
            registrations: of_many(rates.registrations),
            registrations_per_site: of_many(rates.registrations_per_site),
            registrations_in_total: rates.registrations_in_total.0.map(RateLimiter::of_one).map(Mutex::new),
            unknown_pulses: of_many(rates.unknown_pulses),
            lookups: of_many(rates.lookups),
        }
    }

    /// Whether somebody at `from` may register a client.
    ///
    /// # Errors
    /// How long it is until they may.
    pub(crate) fn registration(&self, now: Instant, from: IpAddr) -> Result<(), Millis> {
        let (network, site) = (Network::of(from), Network::site_of(from));
        let mut asked = [
            (lock(&self.registrations), Some(network.as_bytes())),
            (lock(&self.registrations_per_site), site.as_ref().map(Network::as_bytes)),
            (lock(&self.registrations_in_total), Some(&[][..])),
        ];
        // All have to agree before any counts it: or else refused ones would use up slots that others share.
        for (limiter, key) in &asked {
            if let (Some(limiter), Some(key)) = (limiter, key) {
                limiter.check(now, key)?;
            }
        }
        for (limiter, key) in &mut asked {
            if let (Some(limiter), Some(key)) = (limiter, key) {
                limiter.admit(now, key)?;
            }
        }
        Ok(())
    }

    /// Whether a pulse from `from` with an unknown key is answered. The others always are.
    pub(crate) fn answers_unknown(&self, now: Instant, from: IpAddr) -> bool {
        admit(&self.unknown_pulses, now, Network::of(from).as_bytes()).is_ok()
    }

    /// Whether `caller` may look somebody up.
    ///
    /// # Errors
    /// How long it is until it may.
    pub(crate) fn lookup(&self, now: Instant, caller: ClientId) -> Result<(), Millis> {
        admit(&self.lookups, now, caller.as_bytes())
    }

    /// Whether lookups are limited: if not, nobody needs the time.
    pub(crate) fn has_lookups(&self) -> bool {
        self.lookups.is_some()
    }

    /// Whether answers to unknown keys are limited.
    pub(crate) fn has_unknown_pulses(&self) -> bool {
        self.unknown_pulses.is_some()
    }
}

fn of_many(limit: RateLimit) -> Limiter {
    limit.0.map(|rate| Mutex::new(RateLimiter::new(rate, secret())))
}

/// Different in each process and for each limiter. The standard library has it from the system, and cannot fail.
fn secret() -> [u8; 16] {
    let state = RandomState::new();
    let mut secret = [0; 16];
    let (first, second) = secret.split_at_mut(8);
    first.copy_from_slice(&state.hash_one(1).to_ne_bytes());
    second.copy_from_slice(&state.hash_one(2).to_ne_bytes());
    secret
}

fn admit(limiter: &Limiter, now: Instant, key: &[u8]) -> Result<(), Millis> {
    lock(limiter).map_or(Ok(()), |mut limiter| limiter.admit(now, key))
}

fn lock(limiter: &Limiter) -> Option<MutexGuard<'_, RateLimiter>> {
    limiter.as_ref().map(|limiter| limiter.lock().expect("counting does not panic"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::from_args;

    fn limits(flags: &[&str]) -> Limits {
        let args = [&["rendezvous"], flags].concat();
        let settings = from_args(args).unwrap_or_else(|_| panic!("valid settings"));
        Limits::new(&settings.rates)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn by_default_a_hundred_may_register_at_once_behind_one_address() {
        let limits = limits(&[]);
        let now = Instant::from_millis(1000);
        for source in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
            for _ in 0..100 {
                assert_eq!(limits.registration(now, ip(source)), Ok(()), "{source}");
            }
            assert_eq!(limits.registration(now, ip(source)), Err(Millis(1000)), "{source}");
        }
        assert!(limits.registration(now, ip("::ffff:192.0.2.1")).is_err(), "the same address");
        assert!(limits.registration(now, ip("2001:db8::2")).is_err(), "the same network");
        assert_eq!(limits.registration(Instant::from_millis(2000), ip("192.0.2.1")), Ok(()));
    }

    #[test]
    fn a_site_with_many_networks_has_a_limit_of_its_own() {
        let limits = limits(&[]);
        let from = |network: u16, site: u16| ip(&format!("2001:db8:{site:x}:{network:x}::1"));
        let admitted = |site| {
            (0..3000_u16).filter(|&n| limits.registration(Instant::ZERO, from(n, site)).is_ok()).count()
        };
        assert_eq!((admitted(1), admitted(2)), (1000, 1000));
    }

    #[test]
    fn registrations_have_a_limit_in_total() {
        let limits = limits(&["--limit-registrations-in-total=1/s burst 3"]);
        let admitted = (0..100_u8)
            .filter(|&n| limits.registration(Instant::ZERO, [192, 0, 2, n].into()).is_ok())
            .count();
        assert_eq!(admitted, 3);
    }

    #[test]
    fn without_limits_there_are_none() {
        let limits = limits(&["--no-limits"]);
        let client = ClientId::from_bytes([1; 16]);
        for _ in 0..100_000 {
            assert_eq!(limits.registration(Instant::ZERO, ip("192.0.2.1")), Ok(()));
            assert!(limits.answers_unknown(Instant::ZERO, ip("192.0.2.1")));
            assert_eq!(limits.lookup(Instant::ZERO, client), Ok(()));
        }
    }

    #[test]
    fn unknown_keys_and_lookups_have_limits_of_their_own() {
        let limits = limits(&[]);
        let count = |admitted: &dyn Fn() -> bool| (0..10_000).filter(|_| admitted()).count();
        assert_eq!(count(&|| limits.answers_unknown(Instant::ZERO, ip("192.0.2.1"))), 1000);
        assert_eq!(count(&|| limits.answers_unknown(Instant::ZERO, ip("192.0.2.2"))), 1000);
        let client = |n| ClientId::from_bytes([n; 16]);
        assert_eq!(count(&|| limits.lookup(Instant::ZERO, client(1)).is_ok()), 500);
        assert_eq!(count(&|| limits.lookup(Instant::ZERO, client(2)).is_ok()), 500);
        assert_eq!(limits.registration(Instant::ZERO, ip("192.0.2.1")), Ok(()));
    }
}
