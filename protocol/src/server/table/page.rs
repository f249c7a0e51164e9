//! A page: the few dozen clients whose ids begin alike.
//!
//! Its slots are dense and in blocks, so that a page is as large as its clients need and grows without copying. A byte of
//! each id, the tag, lies beside the others: looking for an id reads one cache line of tags, and then almost always only the
//! slot that has it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use super::slot::Slot;
use crate::ClientId;

/// Two cache lines: a lookup touches both of them, and a slot.
#[derive(Debug)]
#[repr(C, align(64))]
pub(in crate::server) struct Page {
    tags: [u8; Self::SLOTS],
    /// How many slots are in use: the first ones.
    len: u8,
    /// How many low bits of their hashes its clients have in common.
    pub(super) depth: u8,
    blocks: [Option<Box<[Slot; Self::BLOCK]>>; Self::BLOCKS],
    /// Clients that have no room in the slots, when splitting the page would not make any: for ids that are not what they
    /// should be, random.
    #[expect(clippy::box_collection, reason = "one word, which is almost always empty, instead of three")]
    overflow: Option<Box<Vec<Slot>>>,
}

impl Page {
    /// Slots that come and go together.
    const BLOCK: usize = 8;
    const BLOCKS: usize = 7;
    /// How many clients a page holds before it should be split.
    pub(super) const SLOTS: usize = Self::BLOCK * Self::BLOCKS;

    pub(super) fn new(depth: u8) -> Self {
        Self { tags: [0; Self::SLOTS], len: 0, depth, blocks: [const { None }; Self::BLOCKS], overflow: None }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len) + self.overflow().len()
    }

    pub(super) fn is_full(&self) -> bool {
        usize::from(self.len) == Self::SLOTS
    }

    /// How many clients it has memory for.
    pub(super) fn capacity(&self) -> usize {
        let blocks = self.blocks.iter().flatten().count();
        blocks * Self::BLOCK + self.overflow.as_ref().map_or(0, |overflow| overflow.capacity())
    }

    /// Reads what a lookup will read first, so that it is in the cache by then.
    pub(in crate::server) fn touch(&self) {
        black_box((self.tags[0], self.overflow.is_some()));
    }

    /// The first index whose tag is this one: most likely where the client is, if it is here.
    #[inline]
    pub(super) fn guess(&self, tag: u8) -> Option<usize> {
        let (words, _) = self.tags.as_chunks::<8>();
        for (word, tags) in words.iter().enumerate() {
            let equal = equal_bytes(u64::from_le_bytes(*tags), tag);
            if equal != 0 {
                return Some(word * 8 + equal.trailing_zeros() as usize / 8);
            }
        }
        None
    }

    /// Where the client is: an index below [`Page::len`].
    #[inline]
    pub(super) fn find(&self, id: &ClientId, tag: u8) -> Option<usize> {
        let (words, _) = self.tags.as_chunks::<8>();
        for (word, tags) in words.iter().enumerate() {
            let mut equal = equal_bytes(u64::from_le_bytes(*tags), tag);
            while equal != 0 {
                let index = word * 8 + equal.trailing_zeros() as usize / 8;
                if self.has_at(index, id) {
                    return Some(index);
                }
                equal &= equal - 1;
            }
        }
        let index = self.overflow().iter().position(|slot| slot.id() == id)?;
        Some(Self::SLOTS + index)
    }

    /// Whether the client is in this slot, of those that are not overflow.
    #[inline]
    pub(super) fn has_at(&self, index: usize, id: &ClientId) -> bool {
        // What is left in a slot that is no longer in use may be anything.
        index < usize::from(self.len) && self.get(index).is_some_and(|slot| slot.id() == id)
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Slot> {
        match self.blocks.get(index / Self::BLOCK) {
            Some(block) => block.as_ref()?.get(index % Self::BLOCK),
            None => self.overflow().get(index - Self::SLOTS),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Slot> {
        match self.blocks.get_mut(index / Self::BLOCK) {
            Some(block) => block.as_mut()?.get_mut(index % Self::BLOCK),
            None => self.overflow.as_mut()?.get_mut(index - Self::SLOTS),
        }
    }

    /// Adds a client that is not there yet. Into a page that is full it goes as well, and makes it slow.
    pub(super) fn push(&mut self, slot: Slot, tag: u8) {
        let index = usize::from(self.len);
        let Some(block) = self.blocks.get_mut(index / Self::BLOCK) else {
            self.overflow.get_or_insert_default().push(slot);
            return;
        };
        block.get_or_insert_with(|| Box::new([Slot::EMPTY; Self::BLOCK]))[index % Self::BLOCK] = slot;
        self.tags[index] = tag;
        self.len += 1;
    }

    /// Takes a client out; the last one moves to its place. `tag_of` tells the tag of an id.
    pub(super) fn swap_remove(&mut self, index: usize, tag_of: impl Fn(&ClientId) -> u8) -> Option<Slot> {
        let removed = *self.get(index)?;
        let last = self.pop()?;
        if last.id() != removed.id() {
            *self.get_mut(index)? = last;
            if let Some(tag) = self.tags.get_mut(index) {
                *tag = tag_of(last.id());
            }
        }
        Some(removed)
    }

    /// Takes the last client out, and frees the block that was its alone.
    fn pop(&mut self) -> Option<Slot> {
        if let Some(overflow) = &mut self.overflow {
            let last = overflow.pop();
            if overflow.is_empty() {
                self.overflow = None;
            }
            return last;
        }
        let last = usize::from(self.len.checked_sub(1)?);
        let slot = *self.get(last)?;
        self.len -= 1;
        if last.is_multiple_of(Self::BLOCK) {
            self.blocks[last / Self::BLOCK] = None;
        }
        Some(slot)
    }

    fn overflow(&self) -> &[Slot] {
        self.overflow.as_ref().map_or(&[], |overflow| overflow.as_slice())
    }
}

/// The highest bit of each byte of `bytes` that equals `byte`, and no other bit: eight comparisons at once.
#[inline]
fn equal_bytes(bytes: u64, byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differing = bytes ^ (0x0101_0101_0101_0101 * u64::from(byte));
    !(((differing & LOW_BITS) + LOW_BITS) | differing | LOW_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    fn id(n: u8) -> ClientId {
        ClientId::from_bytes([n; 16])
    }

    fn slot(n: u8) -> Slot {
        Slot::new(id(n), &Record::restored(None))
    }

    /// A page of these clients, all with the same tag: whatever looks for one must compare ids.
    fn page(clients: impl IntoIterator<Item = u8>) -> Page {
        let mut page = Page::new(0);
        for n in clients {
            page.push(slot(n), 9);
        }
        page
    }

    fn remove(page: &mut Page, n: u8) {
        let index = page.find(&id(n), 9).unwrap();
        assert_eq!(page.swap_remove(index, |_| 9).unwrap().id(), &id(n));
    }

    #[test]
    fn a_page_is_two_cache_lines() {
        assert_eq!((size_of::<Page>(), align_of::<Page>()), (128, 64));
    }

    #[test]
    fn every_byte_is_compared_by_itself() {
        for byte in 0..=255_u8 {
            let bytes = [byte, 0, 1, 0x7f, 0x80, 0xff, byte, byte.wrapping_add(1)];
            let expected = bytes.map(|other| if other == byte { 0x80 } else { 0 });
            assert_eq!(equal_bytes(u64::from_le_bytes(bytes), byte).to_le_bytes(), expected, "{byte}");
        }
    }

    #[test]
    fn a_page_grows_and_shrinks_by_blocks() {
        let mut page = page(0..9);
        assert_eq!((page.len(), page.capacity()), (9, 16));
        remove(&mut page, 0);
        assert_eq!((page.len(), page.capacity()), (8, 8));
        for n in 1..9 {
            remove(&mut page, n);
        }
        assert_eq!((page.len(), page.capacity()), (0, 0));
        assert_eq!(page.find(&id(1), 9), None);
    }

    #[test]
    fn whoever_is_removed_is_not_found_though_its_bytes_are_still_there() {
        let mut page = page([1, 2]);
        remove(&mut page, 2);
        assert_eq!(page.find(&id(2), 9), None);
        assert_eq!(page.find(&id(1), 9), Some(0));
    }

    #[test]
    fn more_clients_than_slots_are_kept_and_found() {
        let mut page = page(0..100);
        assert!(page.is_full());
        assert_eq!(page.len(), 100);
        for n in 0..100 {
            let index = page.find(&id(n), 9).unwrap();
            assert_eq!(page.get(index).unwrap().id(), &id(n));
            assert_eq!(page.get_mut(index).unwrap().id(), &id(n));
        }
        for n in 0..100 {
            remove(&mut page, n);
            assert_eq!(page.len(), 99 - usize::from(n));
            assert!((n + 1..100).all(|left| page.find(&id(left), 9).is_some()));
        }
        assert_eq!(page.capacity(), 0);
    }
}
