//! The records of one server and the index of their deadlines, which only change together.
//!
//! # Where a record is
//!
//! ```text
//!  id ── its first 8 bytes are its hash ──┬── low bits ──▶ directory ──▶ page: 56 tags, one cache line
//!                                         └── high byte, the tag ──────────▶ block of 8 slots ──▶ slot: 48 bytes
//! ```
//!
//! This is extendible hashing. A page that is full is split in two by one more bit of the hash, and nothing else moves: so no
//! insertion waits for a whole table to grow. The directory doubles now and then; it has four bytes for some twenty clients.
//! Pages, and the blocks that their slots are in, stay where they are.
//!
//! # What a client costs
//!
//! | | bytes a client |
//! |---|---|
//! | its slot | 48 |
//! | slots without a client: half a block for each page | 3 to 6 |
//! | what the allocator adds to each block: 16 bytes | 2 |
//! | its share of a page, 128 bytes for 28 to 56 clients | 2.3 to 4.6 |
//! | its share of the page's deadline, and of that in the index | 0.9 to 1.8 |
//! | its share of the directory | 0.1 to 0.6 |
//! | **together** | **at most 63** |
//!
//! Pages fill at the same rate, since hashes are random, and are split at about the same time. Just before they have more than
//! fifty clients each, just after some thirty: hence the ranges.
//!
//! # When a record must go
//!
//! A client has no entry in an index of its own. Each page has a deadline, which is never later than the earliest of its
//! clients', and may be earlier, since a pulse does not touch it. [`Table::sweep`] looks through a page whose deadline has
//! come: some dozens of slots that lie side by side. So a steady pulse writes one slot and nothing else, and a resume, which
//! postpones every deadline at once, writes none.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use crate::lifecycle::{Decision, Effect};
use crate::{ClientId, Instant, Progress, Record};

mod kept;
mod page;
mod pages;
mod slot;
#[cfg(test)]
mod tests;

use page::Page;
use pages::Pages;
use slot::Slot;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// For each value of the lowest bits of a hash, the page. A power of two of them; none before the first client.
    directory: Vec<u32>,
    pages: Pages,
    /// For each page the deadline that is in `deadlines`, if it has clients.
    wakes: Vec<Option<Instant>>,
    /// When to look through which page.
    deadlines: BTreeSet<(Instant, u32)>,
    len: usize,
    /// How many records are on pages that have a deadline: all of them.
    covered: usize,
    /// How many records the slots that are allocated hold.
    capacity: usize,
    scan: Scan,
}

/// Where a record is, for as long as none is put in or taken out.
#[derive(Clone, Copy, Debug)]
struct Position {
    page: u32,
    index: usize,
}

/// How far a sweep has got with the page that it is looking through, from the last slot to the first.
#[derive(Debug, Default)]
struct Scan {
    page: Option<u32>,
    /// How many slots are left.
    left: usize,
    /// The earliest deadline of those it has looked at.
    next: Option<Instant>,
}

/// How many records can be looked at in the time that it takes to remove one.
const LOOKS_PER_REMOVAL: usize = 8;

/// How many directory entries a page may cost, as a power of two. Ids that are random need four; ids that agree in many
/// bits, which no server draws, overflow their page instead of making the directory grow without end.
const DIRECTORY_BITS_PER_PAGE: u32 = 5;

impl Table {
    /// The page that has the record of `id`, if there is one. It is not read.
    #[inline]
    pub(super) fn page_of(&self, id: &ClientId) -> Option<&Page> {
        self.pages.get(self.page_number(id)?)
    }

    /// The slot of this page that most likely is that of `id`. The slot is not read.
    #[inline]
    pub(super) fn likely_slot<'a>(page: &'a Page, id: &ClientId) -> Option<&'a Slot> {
        page.get(page.guess(tag(id))?)
    }

    /// Lets `decide` judge the record of `id` and does what it says. `deadline` is called for records that are new in the
    /// table; a later change of a record may postpone its deadline, never advance it. `changed` is told of a change: when the
    /// record was last heard before, and whether it is there now.
    #[inline]
    pub(super) fn apply<A>(
        &mut self,
        id: ClientId,
        deadline: impl Fn(&Record) -> Instant,
        decide: impl FnOnce(Option<&Record>) -> Decision<A>,
        changed: impl FnOnce(Option<Instant>, bool),
    ) -> Decision<A> {
        let mut position = None;
        let slot = self.page_number(&id).and_then(|number| {
            let page = self.pages.get_mut(number)?;
            let index = page.find(&id, tag(&id))?;
            position = Some(Position { page: number, index });
            page.get_mut(index)
        });
        let Some(slot) = slot else {
            let decision = decide(None);
            if let Effect::Put(record, _) = decision.effect {
                self.insert(id, record, deadline(&record));
                changed(None, true);
            }
            return decision;
        };
        let before = slot.record();
        let decision = decide(Some(&before));
        match decision.effect {
            Effect::Keep => {}
            Effect::Put(record, _) => {
                slot.set_record(&record);
                changed(before.last_seen, true);
                debug_assert!(
                    position
                        .and_then(|at| self.wakes[at.page as usize])
                        .is_some_and(|wake| wake <= deadline(&record)),
                    "a deadline is only ever postponed"
                );
            }
            Effect::Remove => {
                if let Some(at) = position {
                    self.remove(at);
                    changed(before.last_seen, false);
                }
            }
        }
        decision
    }

    /// Puts a record in, in place of one that may be there. Returns that.
    pub(super) fn insert(&mut self, id: ClientId, record: Record, deadline: Instant) -> Option<Record> {
        let replaced = self.delete(&id);
        let number = self.page_for(&id);
        let page = &mut self.pages[number];
        let before = page.capacity();
        page.push(Slot::new(id, &record), tag(&id));
        self.capacity += page.capacity() - before;
        self.len += 1;
        self.covered += usize::from(self.wakes[number as usize].is_some());
        if self.scan.page == Some(number) {
            self.scan.next = earliest(self.scan.next, Some(deadline));
        }
        self.set_wake(number, earliest(self.wakes[number as usize], Some(deadline)));
        replaced
    }

    /// Removes the records whose deadline is due, no more than `budget` of them, in an order that depends on nothing but
    /// what was done with the table before. A page that is looked through in vain counts as a few.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        mut budget: usize,
        deadline: impl Fn(&Record) -> Instant,
        mut removed: impl FnMut(ClientId, Record),
    ) -> Progress {
        while let Some(&(wake, number)) = self.deadlines.first() {
            if !wake.is_due(now) {
                return Progress::Done;
            }
            if budget == 0 {
                return Progress::More;
            }
            self.begin_scan(number);
            let (before, looked_at) = (budget, self.scan.left);
            while let Some(index) = self.scan.left.checked_sub(1) {
                if let Some(slot) = self.pages[number].get(index) {
                    let record = slot.record();
                    let deadline = deadline(&record);
                    if !deadline.is_due(now) {
                        self.scan.next = earliest(self.scan.next, Some(deadline));
                    } else if budget == 0 {
                        return Progress::More;
                    } else {
                        removed(*slot.id(), record);
                        budget -= 1;
                        self.take_out(Position { page: number, index });
                    }
                }
                self.scan.left = index;
            }
            if budget == before {
                budget = budget.saturating_sub(looked_at.div_ceil(LOOKS_PER_REMOVAL));
            }
            // Of a page whose clients have all gone, those that logged out meanwhile among them, no deadline is left.
            let next = self.scan.next.filter(|_| self.pages[number].len() > 0);
            self.scan = Scan::default();
            self.set_wake(number, next);
        }
        Progress::Done
    }

    /// When [`Table::sweep`] will next have something to do, or earlier.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(wake, _)| wake)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many records have a deadline: always [`Table::len`], unless there is a bug.
    pub(super) fn deadlines_len(&self) -> usize {
        self.covered
    }

    /// How many records there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Roughly how many bytes this takes, without what the allocator adds to each piece.
    pub(super) fn memory(&self) -> usize {
        // A B-tree's nodes are two thirds full, and have pointers too.
        const INDEX_ENTRY: usize = 2 * size_of::<(Instant, u32)>();
        self.directory.capacity() * size_of::<u32>()
            + self.pages.memory()
            + self.wakes.capacity() * size_of::<Option<Instant>>()
            + self.deadlines.len() * INDEX_ENTRY
            + self.capacity * size_of::<Slot>()
    }

    /// Where the record of `id` is.
    fn find(&self, id: &ClientId) -> Option<Position> {
        let number = self.page_number(id)?;
        let index = self.pages[number].find(id, tag(id))?;
        Some(Position { page: number, index })
    }

    #[inline]
    fn page_number(&self, id: &ClientId) -> Option<u32> {
        let mask = (self.directory.len() as u64).wrapping_sub(1);
        self.directory.get((hash(id) & mask) as usize).copied()
    }

    /// The page that `id` is to be put in, with room for it.
    fn page_for(&mut self, id: &ClientId) -> u32 {
        if self.directory.is_empty() {
            self.directory = vec![0];
            self.pages.push(Page::new(0));
            self.wakes.push(None);
        }
        loop {
            let entry = hash(id) as usize & (self.directory.len() - 1);
            let number = self.directory[entry];
            let page = &self.pages[number];
            if !page.is_full() || !self.may_split(page.depth) {
                return number;
            }
            self.split(number, entry);
        }
    }

    /// Whether splitting a page of this depth keeps the directory in proportion to the pages.
    fn may_split(&self, depth: u8) -> bool {
        u32::from(depth) < self.pages.len().ilog2() + DIRECTORY_BITS_PER_PAGE
    }

    /// Moves those of a page's clients that have the next bit of their hash set to a page of their own. `entry` is one of
    /// the directory's entries for the page.
    fn split(&mut self, number: u32, entry: usize) {
        let new = self.pages.len() as u32;
        let page = &mut self.pages[number];
        let bit = 1_u64 << page.depth;
        let (capacity, clients) = (page.capacity(), page.len());
        page.depth += 1;
        let mut other = Page::new(page.depth);
        let mut index = page.len();
        while let Some(before) = index.checked_sub(1) {
            index = before;
            let moves = page.get(index).is_some_and(|slot| hash(slot.id()) & bit != 0);
            if moves && let Some(slot) = page.swap_remove(index, tag) {
                other.push(slot, tag(slot.id()));
            }
        }

        let left = page.len();
        self.capacity = self.capacity + page.capacity() + other.capacity() - capacity;

        let bit = bit as usize;
        if bit == self.directory.len() {
            self.directory.extend_from_within(..);
        }
        for entry in ((entry & (bit - 1)) + bit..self.directory.len()).step_by(2 * bit) {
            self.directory[entry] = new;
        }

        let wake = self.wakes[number as usize];
        if wake.is_some() {
            self.covered -= clients - left;
        }
        let moved = other.len();
        self.pages.push(other);
        self.wakes.push(None);
        if moved > 0 {
            self.set_wake(new, wake);
        }
        if left == 0 {
            self.set_wake(number, None);
        }
        if self.scan.page == Some(number) {
            // Slots have moved: look through both pages from the beginning.
            self.scan = Scan::default();
        }
    }

    fn remove(&mut self, at: Position) {
        self.take_out(at);
        let left = self.pages[at.page].len();
        if self.scan.page == Some(at.page) {
            self.scan.left = self.scan.left.min(left);
        }
        if left == 0 {
            self.set_wake(at.page, None);
        }
    }

    /// Takes a record out, and leaves the page's deadline to the caller.
    fn take_out(&mut self, at: Position) {
        let page = &mut self.pages[at.page];
        let before = page.capacity();
        if page.swap_remove(at.index, tag).is_some() {
            self.capacity -= before - page.capacity();
            self.len -= 1;
            self.covered -= usize::from(self.wakes[at.page as usize].is_some());
        }
    }

    /// Goes on with this page, or begins with it.
    fn begin_scan(&mut self, number: u32) {
        if self.scan.page != Some(number) {
            self.scan = Scan { page: Some(number), left: self.pages[number].len(), next: None };
        }
    }

    fn set_wake(&mut self, number: u32, wake: Option<Instant>) {
        let old = core::mem::replace(&mut self.wakes[number as usize], wake);
        if old == wake {
            return;
        }
        let clients = self.pages[number].len();
        if let Some(old) = old {
            self.deadlines.remove(&(old, number));
            self.covered -= clients;
        }
        if let Some(wake) = wake {
            self.deadlines.insert((wake, number));
            self.covered += clients;
        }
    }
}

/// An id is a piece of a SHA-256, and only ids that the server itself drew are ever inserted, so its first eight
/// bytes are as good a hash as any.
#[inline]
fn hash(id: &ClientId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The byte of the hash that is the last to choose a page.
#[inline]
fn tag(id: &ClientId) -> u8 {
    id.as_bytes()[7]
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
