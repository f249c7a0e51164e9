//! Chance, from the seed of the scenario: the same in every run. Not for anything that is to be kept secret.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::world::Share;

#[derive(Debug)]
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Whether something happens that happens in this share of all cases. What never happens costs no draw.
    pub(super) fn happens(&mut self, share: Share) -> bool {
        share != Share::NONE && self.up_to(999_999) < u64::from(share.as_per_million())
    }

    /// A number from 0 to `most`.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let wide = u128::from(self.0.next_u64()) * (u128::from(most) + 1);
        // The upper half of the product is at most `most`. The bias, less than 2^-32 for a day of milliseconds, does not
        // matter here.
        (wide >> 64) as u64
    }

    /// A number from `least` to `most`, or `least`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least.saturating_add(self.up_to(most.saturating_sub(least)))
    }

    /// Something for another generator to begin with.
    pub(super) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Random bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
