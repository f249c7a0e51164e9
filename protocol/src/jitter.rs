//! Seeded randomness for timers and nonces: the same seed gives the same choices, on every machine.
//!
//! It is no cryptography. A nonce of a probe only tells answers apart; who can read the probe can answer it.

use crate::Millis;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): 64 bits of state, every seed
/// is a good one.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration from `from` to `to`, both included, each as likely as the others but for one part in 2^64 / (to − from).
    pub(crate) fn between(&mut self, from: Millis, to: Millis) -> Millis {
        let choices = to.0.saturating_sub(from.0).saturating_add(1);
        // The upper half of the product is below `choices`: no division, and no remainder's bias towards the low end.
        let above = (u128::from(self.next()) * u128::from(choices)) >> 64;
        from + Millis(u64::try_from(above).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_on_every_machine() {
        let mut jitter = Jitter::new(1_234_567);
        let first: [u64; 3] = core::array::from_fn(|_| jitter.next());
        // The reference implementation's first three for this seed.
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn both_ends_of_a_range_are_chosen_and_nothing_outside() {
        let mut jitter = Jitter::new(1);
        let mut seen = [0_u32; 4];
        for _ in 0..1000 {
            let chosen = jitter.between(Millis(7), Millis(10)).0;
            seen[usize::try_from(chosen - 7).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| (150..350).contains(&count)), "{seen:?}");
        assert_eq!(jitter.between(Millis(5), Millis(5)), Millis(5));
        assert_eq!(jitter.between(Millis(5), Millis(1)), Millis(5), "an empty range is its beginning");
        assert!(jitter.between(Millis(0), Millis(u64::MAX)).0 > 0);
    }
}
