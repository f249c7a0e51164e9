//! Rate limits: exact for each key, and nobody can use up what is another's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use rendezvous_crowd::TestRng;
use rendezvous_model::size::{Size, tell};
use rendezvous_protocol::{Instant, Millis, Network, Rate, RateLimiter};

use crate::harness;

/// Keys of a run. With [`SECRETS`] no two of them share both slots: it would have shown.
const KEYS: usize = 6;
const SECRETS: u8 = 16;

/// One key, asking once.
#[derive(Clone, Copy, Debug)]
struct Try {
    key: usize,
    then: Jump,
    /// Whether to come again when told to, and a millisecond before.
    comes_again: bool,
}

/// What the clock does before a try.
#[derive(Clone, Copy, Debug)]
enum Jump {
    On(u64),
    Back(u64),
    To(u64),
}

/// Remembers everything, and decides by the definition: of the tries that were let through from any of them on, this one included,
/// there are no more than the burst and what the rate gives in the time since.
#[derive(Debug)]
struct Exact {
    interval: i128,
    burst: i128,
    admitted: [Vec<i128>; KEYS],
}

impl Exact {
    fn new(rate: Rate) -> Self {
        let interval = i128::from((rate.per().0 * 1000).div_ceil(u64::from(rate.count())));
        Self { interval, burst: i128::from(rate.burst()), admitted: Default::default() }
    }

    fn allows(&self, key: usize, now: u64) -> bool {
        let now = i128::from(now) * 1000;
        let count = self.admitted[key].len();
        self.admitted[key].iter().enumerate().all(|(index, then)| {
            let with_this = (count - index + 1) as i128;
            (with_this - self.burst) * self.interval <= now - then
        })
    }

    fn admit(&mut self, key: usize, now: u64) -> bool {
        let allows = self.allows(key, now);
        if allows {
            self.admitted[key].push(i128::from(now) * 1000);
        }
        allows
    }
}

fn rate() -> impl Strategy<Value = Rate> {
    let per = prop_oneof![1..3_u64, 7..8_u64, 900..1100_u64, 60_000..60_001_u64, 3_600_000..3_600_001_u64];
    (1..2000_u32, per, 1..12_u32)
        .prop_filter_map("too fast", |(count, per, burst)| Rate::new(count, Millis(per), burst))
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let jump = prop_oneof![
        6 => (0..3_u64).prop_map(Jump::On),
        6 => (0..2000_u64).prop_map(Jump::On),
        2 => (0..10_000_000_u64).prop_map(Jump::On),
        1 => (0..5000_u64).prop_map(Jump::Back),
        1 => (0..10_000_000_u64).prop_map(Jump::To),
    ];
    let one = (0..KEYS, jump, any::<bool>());
    vec(one.prop_map(|(key, then, comes_again)| Try { key, then, comes_again }), 1..120)
}

#[test]
fn each_key_gets_exactly_what_the_rate_says_whatever_the_clock_does() {
    harness::check(file!(), 500, (rate(), 0..SECRETS, tries()), |(rate, secret, tries)| {
        let mut limiter = RateLimiter::new(rate, [secret; 16]);
        let mut exact = Exact::new(rate);
        let mut now = 0_u64;
        for one in tries {
            now = match one.then {
                Jump::On(by) => now + by,
                Jump::Back(by) => now.saturating_sub(by),
                Jump::To(time) => time,
            };
            // A check beforehand says what will happen, and costs nothing.
            let mut admit = |now| {
                let (now, key) = (Instant::from_millis(now), [one.key as u8]);
                let checked = limiter.check(now, &key);
                let admitted = limiter.admit(now, &key);
                assert_eq!(checked, admitted, "{one:?} at {now}");
                admitted
            };
            let admitted = admit(now);
            if admitted.is_ok() != exact.admit(one.key, now) {
                return Err(format!("{one:?} at {now}: {admitted:?}, which is wrong"));
            }
            let Err(Millis(wait)) = admitted else { continue };
            let then = now + wait;
            if wait == 0 || exact.allows(one.key, then - 1) || !exact.allows(one.key, then) {
                return Err(format!("{one:?} at {now}: a wait of {wait} ms, which is not exact"));
            }
            if one.comes_again {
                let answers = (admit(then - 1), admit(then));
                if answers != (Err(Millis(1)), Ok(())) {
                    return Err(format!("{one:?} at {now}: told to wait {wait} ms, then {answers:?}"));
                }
                exact.admit(one.key, then);
                now = then;
            }
        }
        Ok(())
    });
}

#[test]
fn a_limit_for_everybody_together_counts_all_as_one() {
    harness::check(file!(), 100, (rate(), tries()), |(rate, tries)| {
        let mut limiter = RateLimiter::of_one(rate);
        let mut exact = Exact::new(rate);
        let mut now = 0_u64;
        for one in tries {
            now += if let Jump::On(by) = one.then { by } else { 0 };
            let admitted = limiter.admit(Instant::from_millis(now), &[one.key as u8]);
            if admitted.is_ok() != exact.admit(0, now) {
                return Err(format!("{one:?} at {now}: {admitted:?}, which is wrong"));
            }
        }
        Ok(())
    });
}

/// A key that shares one of its two slots has all of its own: only of those that share both, some are refused.
#[test]
fn hardly_any_of_many_keys_notices_the_others() {
    const NEW: u32 = 4000;
    for secret in 0..SECRETS {
        let mut limiter = RateLimiter::new(Rate::new(1, Millis(1000), 1).unwrap(), [secret; 16]);
        let mut refused =
            (0..NEW).filter(|key| limiter.admit(Instant::ZERO, &key.to_be_bytes()).is_err()).count();
        // One slot of each key alone would be taken for about one in sixteen.
        assert!(refused * 100 <= NEW as usize, "{refused} of {NEW} new keys are refused");
        refused = (0..NEW).filter(|key| limiter.admit(Instant::ZERO, &key.to_be_bytes()).is_err()).count();
        assert_eq!(refused, NEW as usize, "nobody gets more than one");
    }
}

/// B4: whoever does not know the secret cannot aim at the slots of another.
#[test]
fn shared_slots_take_nothing_from_a_chosen_victim() {
    const VICTIM: &[u8] = b"victim";
    let size = Size::get();
    let tries: u64 = size.pick("tries to use up what is a victim's", 50_000, 200_000, 1_000_000);
    let cases: u64 = size.pick("secrets that this is tried with", 4, 10, 20);
    // What the native host allows by default to one address: answers to unknown keys, and registrations.
    let (answers, registrations) = ((100, 1000), (1, 100));
    for (what, keys, per_second, (count, burst)) in [
        ("unknown keys from an address each, 100,000/s", tries, 100_000, answers),
        ("unknown keys from 100 addresses, all at once", 100, u64::MAX, answers),
        ("registrations from an address each, 2,000/s", tries, 2000, registrations),
        ("registrations from 100 addresses, all at once", 100, u64::MAX, registrations),
    ] {
        let (mut worst, mut sum) = (0, 0);
        for case in 0..cases {
            let mut rng = TestRng::new(case);
            let mut secret = [0; 16];
            secret[..8].copy_from_slice(&rng.number().to_ne_bytes());
            secret[8..].copy_from_slice(&rng.number().to_ne_bytes());
            let mut limiter = RateLimiter::new(Rate::new(count, Millis(1000), burst).unwrap(), secret);
            let mut now = Instant::ZERO;
            for number in 0..tries {
                now = Instant::from_millis(1_000_000 + number * 1000 / per_second);
                let _ = limiter.admit(now, &(number % keys).to_be_bytes());
            }
            let left = (0..burst).filter(|_| limiter.admit(now, VICTIM).is_ok()).count();
            let lost = burst as usize - left;
            worst = worst.max(lost);
            sum += lost;
        }
        let average = sum as f64 / cases as f64;
        tell(&format!(
            "{tries} {what}: a victim lost {average:.2} of {burst} on average, {worst} at worst ({cases} secrets)"
        ));
        assert!(worst * 100 <= burst as usize, "{what}: {worst}");
    }
}

#[test]
fn addresses_share_a_network_if_nobody_can_tell_their_owners_apart() {
    let address =
        any::<[u8; 16]>().prop_map(Ipv6Addr::from).prop_filter("IPv4", |v6| v6.to_ipv4_mapped().is_none());
    let pair = (address, any::<[u8; 16]>(), 0..128_u32);
    harness::check(file!(), 1000, (pair, any::<[u8; 4]>()), |((v6, other, shared), v4)| {
        // The first bits of one, and the others of the other.
        let mask = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
        let other = Ipv6Addr::from(u128::from(v6) & mask | u128::from_be_bytes(other) & !mask);
        if other.to_ipv4_mapped().is_some() {
            return Ok(());
        }
        let first = |ip: Ipv6Addr, bits: u32| u128::from(ip) >> (128 - bits);
        let (a, b) = (IpAddr::V6(v6), IpAddr::V6(other));
        if (Network::of(a) == Network::of(b)) != (first(v6, 64) == first(other, 64)) {
            return Err(format!("{a} and {b}: not by their first 64 bits"));
        }
        if (Network::site_of(a) == Network::site_of(b)) != (first(v6, 48) == first(other, 48)) {
            return Err(format!("{a} and {b}: not by their first 48 bits"));
        }
        let v4 = Ipv4Addr::from(v4);
        let (plain, mapped) = (IpAddr::V4(v4), IpAddr::V6(v4.to_ipv6_mapped()));
        let same = Network::of(plain) == Network::of(mapped)
            && [plain, mapped].iter().all(|ip| Network::site_of(*ip).is_none());
        let told_apart = Network::of(plain).as_bytes() != Network::of(a).as_bytes();
        if same && told_apart { Ok(()) } else { Err(format!("{v4} and {a}")) }
    });
}

#[test]
fn a_rate_is_what_it_was_made_of_or_none() {
    harness::check(file!(), 1000, (any::<u32>(), any::<u64>(), any::<u32>()), |(count, per, burst)| {
        for per in [per, per % 100_000, 0] {
            let possible = count > 0 && burst > 0 && per > 0 && u64::from(count) <= per.saturating_mul(1000);
            let made = Rate::new(count, Millis(per), burst);
            let right = made.map(|rate| (rate.count(), rate.per(), rate.burst()))
                == possible.then_some((count, Millis(per), burst));
            if !right {
                return Err(format!("{count} in {per} ms, {burst} at once: {made:?}"));
            }
        }
        Ok(())
    });
}
