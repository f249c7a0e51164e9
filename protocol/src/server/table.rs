//! The records of one server and the index of their deadlines, which only change together.
//!
//! The index is lazy: an entry is never later than the true deadline of its record, but may be earlier, since a
//! pulse does not touch it. [`Table::sweep`] puts an entry that comes up too early back where it belongs. So a
//! resume, which postpones every deadline at once, touches none of those that are left.

use alloc::collections::BTreeSet;
use core::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use crate::lifecycle::{Decision, Effect};
use crate::{ClientId, Instant, Progress, Record};

#[derive(Debug, Default)]
pub(super) struct Table {
    slots: HashMap<ClientId, Slot, BuildHasherDefault<IdHasher>>,
    /// One entry for each slot: `(slot.wake, id)`.
    deadlines: BTreeSet<(Instant, ClientId)>,
}

#[derive(Debug)]
struct Slot {
    record: Record,
    /// When to look at the record again: its deadline, or earlier.
    wake: Instant,
}

impl Table {
    /// Lets `decide` judge the record of `id` and does what it says. `deadline` is called for records that are new
    /// in the table; a later change of a record may postpone its deadline, never advance it.
    pub(super) fn apply<A>(
        &mut self,
        id: ClientId,
        deadline: impl Fn(&Record) -> Instant,
        decide: impl FnOnce(Option<&Record>) -> Decision<A>,
    ) -> Decision<A> {
        let slot = self.slots.get_mut(&id);
        let decision = decide(slot.as_ref().map(|slot| &slot.record));
        match decision.effect {
            Effect::Keep => {}
            Effect::Put(record, _) => match slot {
                Some(slot) => {
                    debug_assert!(slot.wake <= deadline(&record), "a deadline is only ever postponed");
                    slot.record = record;
                }
                None => self.insert(id, record, deadline(&record)),
            },
            Effect::Remove => self.remove(&id),
        }
        decision
    }

    /// Puts a record in, in place of one that may be there.
    pub(super) fn insert(&mut self, id: ClientId, record: Record, deadline: Instant) {
        if let Some(old) = self.slots.insert(id, Slot { record, wake: deadline }) {
            self.deadlines.remove(&(old.wake, id));
        }
        self.deadlines.insert((deadline, id));
    }

    /// Removes the records whose deadline is due, earliest first, looking at no more than `budget` entries.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        budget: usize,
        deadline: impl Fn(&Record) -> Instant,
        mut removed: impl FnMut(ClientId),
    ) -> Progress {
        for _ in 0..budget {
            let Some(&(wake, id)) = self.deadlines.first() else { return Progress::Done };
            if !wake.is_due(now) {
                return Progress::Done;
            }
            self.deadlines.pop_first();
            let Some(slot) = self.slots.get_mut(&id) else {
                debug_assert!(false, "every deadline belongs to a record");
                continue;
            };
            let true_deadline = deadline(&slot.record);
            if true_deadline.is_due(now) {
                self.slots.remove(&id);
                removed(id);
            } else {
                slot.wake = true_deadline;
                self.deadlines.insert((true_deadline, id));
            }
        }
        match self.next_deadline() {
            Some(wake) if wake.is_due(now) => Progress::More,
            _ => Progress::Done,
        }
    }

    /// When [`Table::sweep`] will next have something to do, or earlier.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(wake, _)| wake)
    }

    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.slots.len(), self.deadlines.len(), "a deadline for each record");
        self.slots.len()
    }

    /// How many entries the deadline index holds: always [`Table::len`], unless there is a bug.
    pub(super) fn deadlines_len(&self) -> usize {
        self.deadlines.len()
    }

    /// How many records fit without allocating.
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    fn remove(&mut self, id: &ClientId) {
        if let Some(slot) = self.slots.remove(id) {
            self.deadlines.remove(&(slot.wake, *id));
        }
    }
}

/// An id is a piece of a SHA-256, and only ids that the server itself drew are ever inserted, so its first eight
/// bytes are as good a hash as any.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length that `Hash` for arrays writes first; it is always the same.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::lifecycle::Cause;

    fn id(n: u8) -> ClientId {
        ClientId::from_bytes([n; 16])
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// A record due 100 ms after it was last seen.
    fn deadline(record: &Record) -> Instant {
        record.last_seen.unwrap() + crate::Millis(100)
    }

    fn put(table: &mut Table, n: u8, seen: u64) {
        let record = Record::registered(at(seen));
        table.insert(id(n), record, deadline(&record));
    }

    fn refresh(table: &mut Table, n: u8, seen: u64) {
        let effect = Effect::Put(Record::registered(at(seen)), Cause::Pulsed);
        let _ = table.apply(id(n), deadline, |_| Decision { answer: (), effect });
    }

    fn sweep(table: &mut Table, now: u64, budget: usize) -> (Vec<ClientId>, Progress) {
        let mut removed = vec![];
        let progress = table.sweep(at(now), budget, deadline, |id| removed.push(id));
        (removed, progress)
    }

    #[test]
    fn a_refresh_postpones_a_deadline_without_touching_the_index() {
        let mut table = Table::default();
        put(&mut table, 1, 0);
        refresh(&mut table, 1, 50);
        assert_eq!(table.next_deadline(), Some(at(100)), "the index is lazy");
        assert_eq!(sweep(&mut table, 100, 9), (vec![], Progress::Done), "and the sweep knows");
        assert_eq!(table.next_deadline(), Some(at(150)));
        assert_eq!(sweep(&mut table, 149, 9), (vec![], Progress::Done));
        assert_eq!(sweep(&mut table, 150, 9), (vec![id(1)], Progress::Done));
        assert_eq!((table.len(), table.next_deadline()), (0, None));
    }

    #[test]
    fn a_sweep_removes_the_earliest_first_and_stops_at_its_budget() {
        let mut table = Table::default();
        for (n, seen) in [(1, 30), (2, 10), (3, 20), (4, 500)] {
            put(&mut table, n, seen);
        }
        assert_eq!(sweep(&mut table, 200, 2), (vec![id(2), id(3)], Progress::More));
        assert!(table.next_deadline().unwrap().is_due(at(200)), "while there is more, it is due");
        assert_eq!(sweep(&mut table, 200, 1), (vec![id(1)], Progress::Done));
        assert_eq!(table.next_deadline(), Some(at(600)));
        assert_eq!(sweep(&mut table, 200, 0), (vec![], Progress::Done));
        assert_eq!(sweep(&mut table, 600, 0), (vec![], Progress::More), "no budget, no work");
    }

    #[test]
    fn removal_takes_the_deadline_along() {
        let mut table = Table::default();
        put(&mut table, 1, 0);
        put(&mut table, 2, 0);
        let _ = table.apply(id(1), deadline, |_| Decision { answer: (), effect: Effect::Remove });
        assert_eq!((table.len(), table.deadlines_len()), (1, 1));
        assert_eq!(sweep(&mut table, 100, 9).0, [id(2)]);
    }

    #[test]
    fn an_id_that_is_put_in_again_keeps_one_deadline() {
        let mut table = Table::default();
        put(&mut table, 1, 0);
        put(&mut table, 1, 700);
        assert_eq!((table.len(), table.deadlines_len()), (1, 1));
        assert_eq!(table.next_deadline(), Some(at(800)));
    }

    #[test]
    fn an_unknown_id_leaves_nothing_behind() {
        let mut table = Table::default();
        for n in 0..=255 {
            let _ = table.apply(id(n), deadline, |record| {
                assert!(record.is_none());
                Decision { answer: (), effect: Effect::Keep }
            });
        }
        assert_eq!((table.len(), table.deadlines_len(), table.capacity()), (0, 0, 0));
    }

    #[test]
    fn an_id_hashes_to_its_own_bytes() {
        use core::hash::BuildHasher;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&0x0123_4567_89ab_cdef_u64.to_le_bytes());
        let hash = BuildHasherDefault::<IdHasher>::default().hash_one(ClientId::from_bytes(bytes));
        assert_eq!(hash, 0x0123_4567_89ab_cdef);
    }
}
