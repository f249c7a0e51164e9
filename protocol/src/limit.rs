//! Rate limits in fixed memory: how often whoever is behind a network address, or a client, may do something.
//!
//! They decide nothing about clients; a host puts them in front of its [`crate::Server`]. Like the server they are handed
//! the time, so simulators and tests can drive them.

use alloc::boxed::Box;
use core::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::{Instant, Millis};

/// How often something may happen: `count` times in each `per`, and after a quiet time `burst` times at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Millis,
    burst: u32,
}

impl Rate {
    /// `None` if one of them is zero, or if it is more than once in a microsecond.
    pub const fn new(count: u32, per: Millis, burst: u32) -> Option<Self> {
        if count == 0 || burst == 0 || per.0 == 0 || count as u64 > per.0.saturating_mul(1000) {
            return None;
        }
        Some(Self { count, per, burst })
    }

    /// How many times in each [`Rate::per`].
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The time in which that many are allowed.
    pub const fn per(self) -> Millis {
        self.per
    }

    /// How many at once after a quiet time.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Microseconds from one to the next, rounded up: never more often than allowed.
    const fn interval(self) -> u64 {
        self.per.0.saturating_mul(1000).div_ceil(self.count as u64)
    }
}

/// The network that shares a limit with an address.
///
/// The many forms of an IPv4 address are one, and whoever has one address of an IPv6 network has them all, so:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// 4 for an address, 6 for a network, 48 for a site; then the address up to the end of the prefix.
    bytes: [u8; 9],
}

impl Network {
    /// An IPv4 address alone, or the /64 of an IPv6 address.
    pub const fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                Self { bytes: [4, a, b, c, d, 0, 0, 0, 0] }
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self { bytes: [6, a, b, c, d, e, f, g, h] }
            }
        }
    }

    /// The /48 of an IPv6 address, as it is given to one site (RFC 6177); `None` for IPv4.
    pub const fn site_of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Some(Self { bytes: [48, a, b, c, d, e, f, 0, 0] })
            }
        }
    }

    /// What identifies it.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Lets through what a [`Rate`] allows to each key, for any number of keys, in memory that never grows.
///
/// A key has a slot in each of two rows, by a hash that nobody outside can predict, and is refused only when *both* are used
/// up. So keys that happen to share a slot hardly notice, keys that share both have one budget, and no key ever gets more
/// than its own. (A count-min sketch, of the virtual scheduling of ITU-T I.371, also known as GCRA.)
#[derive(Debug)]
pub struct RateLimiter {
    interval: u64,
    burst: u64,
    hasher: SipHasher13,
    /// For each slot the time, in microseconds, when it will have all of its burst again. It is in the past for one that has.
    rows: [Box<[u64]>; 2],
}

impl RateLimiter {
    /// Slots of a row. Two rows take half a megabyte.
    pub const SLOTS: usize = 1 << 15;

    /// A limiter that nobody has used yet. `secret` is drawn from a cryptographic generator: who knows it can find keys that
    /// share the slots of another.
    pub fn new(rate: Rate, secret: [u8; 16]) -> Self {
        Self::with_slots(rate, secret, Self::SLOTS)
    }

    /// One for a single key.
    pub fn of_one(rate: Rate) -> Self {
        Self::with_slots(rate, [0; 16], 1)
    }

    fn with_slots(rate: Rate, secret: [u8; 16], slots: usize) -> Self {
        // Not zero, which the allocator would give without any memory behind it: a flood must not make the process grow.
        let row = || alloc::vec![1; slots].into_boxed_slice();
        let interval = rate.interval();
        Self {
            interval,
            burst: interval.saturating_mul(u64::from(rate.burst)),
            hasher: SipHasher13::new_with_key(&secret),
            rows: [row(), row()],
        }
    }

    /// Whether one more would be let through.
    ///
    /// # Errors
    /// How long it is until one will be, rounded up, if nobody else comes in between.
    pub fn check(&self, now: Instant, key: &[u8]) -> Result<(), Millis> {
        self.next(now, key).map(drop)
    }

    /// Lets one more through, or not.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub fn admit(&mut self, now: Instant, key: &[u8]) -> Result<(), Millis> {
        let ([at, other], full_again) = self.next(now, key)?;
        let [first, second] = &mut self.rows;
        let (first, second) = (&mut first[at], &mut second[other]);
        // Of two slots the one that others use, too, keeps what they used.
        *first = (*first).max(full_again);
        *second = (*second).max(full_again);
        Ok(())
    }

    /// The slots of `key`, and when they would have all of their burst again after one more.
    fn next(&self, now: Instant, key: &[u8]) -> Result<([usize; 2], u64), Millis> {
        // A slot that was never used says 1, which is not to be later than any time.
        let now = now.as_millis().saturating_mul(1000) + 1;
        let hash = self.hasher.hash(key);
        let [first, second] = &self.rows;
        let slots = [hash as u32 as usize % first.len(), (hash >> 32) as usize % second.len()];
        let latest = first[slots[0]].min(second[slots[1]]);
        let full_again = latest.max(now).saturating_add(self.interval);
        let over = full_again.saturating_sub(now.saturating_add(self.burst));
        if over > 0 { Err(Millis(over.div_ceil(1000))) } else { Ok((slots, full_again)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn limiter(count: u32, burst: u32) -> RateLimiter {
        RateLimiter::new(Rate::new(count, Millis(1000), burst).unwrap(), [7; 16])
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limiter = limiter(10, 5);
        for _ in 0..5 {
            assert_eq!(limiter.admit(at(1000), b"a"), Ok(()));
        }
        assert_eq!(limiter.admit(at(1000), b"a"), Err(Millis(100)));
        assert_eq!(limiter.admit(at(1099), b"a"), Err(Millis(1)));
        assert_eq!(limiter.admit(at(1100), b"a"), Ok(()));
        assert_eq!(limiter.admit(at(1100), b"a"), Err(Millis(100)));
        // After a quiet time it is the burst again, and no more.
        for _ in 0..5 {
            assert_eq!(limiter.admit(at(60_000), b"a"), Ok(()));
        }
        assert_eq!(limiter.admit(at(60_000), b"a"), Err(Millis(100)));
    }

    #[test]
    fn a_check_costs_nothing_and_says_what_would_happen() {
        let mut limiter = limiter(1, 1);
        for _ in 0..10 {
            assert_eq!(limiter.check(at(0), b"a"), Ok(()));
        }
        assert_eq!(limiter.admit(at(0), b"a"), Ok(()));
        assert_eq!(limiter.check(at(400), b"a"), Err(Millis(600)));
    }

    #[test]
    fn refused_tries_cost_nothing() {
        let mut limiter = limiter(1, 1);
        assert_eq!(limiter.admit(at(0), b"a"), Ok(()));
        for _ in 0..1000 {
            assert_eq!(limiter.admit(at(999), b"a"), Err(Millis(1)));
        }
        assert_eq!(limiter.admit(at(1000), b"a"), Ok(()));
    }

    #[test]
    fn keys_have_budgets_of_their_own() {
        let mut limiter = limiter(1, 1);
        for key in 0..100_u32 {
            assert_eq!(limiter.admit(at(0), &key.to_be_bytes()), Ok(()), "{key}");
        }
        for key in 0..100_u32 {
            assert!(limiter.admit(at(0), &key.to_be_bytes()).is_err(), "{key}");
        }
    }

    #[test]
    fn a_clock_that_starts_over_or_never_ends_is_survived() {
        let mut limiter = limiter(1, 1);
        assert_eq!(limiter.admit(Instant::MAX, b"a"), Ok(()));
        assert!(limiter.admit(Instant::ZERO, b"a").is_err());
        assert_eq!(limiter.admit(Instant::ZERO, b"b"), Ok(()));
        let huge = Rate::new(1, Millis(u64::MAX), u32::MAX).unwrap();
        assert_eq!(RateLimiter::of_one(huge).admit(at(5), b""), Ok(()));
    }

    #[test]
    fn an_impossible_rate_is_none() {
        for (count, per, burst) in [(0, 1000, 1), (1, 0, 1), (1, 1000, 0), (1001, 1, 1)] {
            assert_eq!(Rate::new(count, Millis(per), burst), None);
        }
        let rate = Rate::new(1000, Millis(1), 3).unwrap();
        assert_eq!((rate.count(), rate.per(), rate.burst(), rate.interval()), (1000, Millis(1), 3, 1));
    }

    #[test]
    fn all_forms_of_an_address_share_a_network() {
        let of = |ip: &str| Network::of(ip.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        let site = |ip: &str| Network::site_of(ip.parse().unwrap());
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
        assert_ne!(site("2001:db8:1::1"), site("2001:db8:2::1"));
        assert_ne!(
            site("2001:db8:1::1"),
            Some(of("2001:db8:1::1")),
            "the first network of a site is not all of it"
        );
        assert_eq!((site("192.0.2.1"), site("::ffff:192.0.2.1")), (None, None));
    }
}
