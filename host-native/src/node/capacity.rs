//! No more clients than there may be.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard};

use crate::shards::Shards;

/// Counts who is let in, one registration at a time.
#[derive(Debug)]
pub(super) struct Capacity {
    most: usize,
    /// At least as many as there are clients. Who leaves is not counted, so now and then all are.
    at_most: Mutex<usize>,
}

/// The right to add one client while this is held.
#[derive(Debug)]
pub(super) struct Place<'a>(MutexGuard<'a, usize>);

impl Capacity {
    /// Room for `most`, of which `taken` are there.
    pub(super) fn new(most: NonZeroUsize, taken: usize) -> Self {
        Self { most: most.get(), at_most: Mutex::new(taken) }
    }

    /// Whether so many are as many as there may be, or more: where nobody can count them exactly.
    pub(super) fn is_exceeded_by(&self, clients: usize) -> bool {
        clients >= self.most
    }

    /// A place, if there is one. Those that are gone and not yet forgotten take theirs until the next tick.
    pub(super) fn place(&self, shards: &Shards) -> Option<Place<'_>> {
        let mut at_most = self.at_most.lock().expect("counting does not panic");
        if *at_most >= self.most {
            // Nobody comes meanwhile: they would need a place.
            *at_most = shards.records();
        }
        (*at_most < self.most).then_some(Place(at_most))
    }
}

impl Place<'_> {
    /// A client took it.
    pub(super) fn taken(mut self) {
        *self.0 += 1;
    }
}
