//! All pages of a table, by number. They never move: a vector that doubles would hold up whoever adds the page that is one
//! too many, for a millisecond and more in a table of millions.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::array;
use core::ops::{Index, IndexMut};

use super::page::Page;

#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Arrays, not vectors: an index into one needs no check, and this is on the way to every record.
    chunks: Vec<Box<[Page; Self::CHUNK]>>,
    len: usize,
}

impl Pages {
    /// Pages that are allocated together. A power of two.
    const CHUNK: usize = 64;

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The page of this number. The rest of the last chunk are pages too, without clients, that no directory names.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Page> {
        Some(&self.chunks.get(number as usize / Self::CHUNK)?[number as usize % Self::CHUNK])
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Page> {
        Some(&mut self.chunks.get_mut(number as usize / Self::CHUNK)?[number as usize % Self::CHUNK])
    }

    /// Adds a page. Its number is what [`Pages::len`] was.
    pub(super) fn push(&mut self, page: Page) {
        let at = self.len % Self::CHUNK;
        if at == 0 {
            self.chunks.push(Box::new(array::from_fn(|_| Page::new(0))));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk[at] = page;
            self.len += 1;
        }
    }

    /// In bytes, without the slots.
    pub(super) fn memory(&self) -> usize {
        self.chunks.capacity() * size_of::<Box<Page>>() + self.chunks.len() * Self::CHUNK * size_of::<Page>()
    }
}

impl Index<u32> for Pages {
    type Output = Page;

    #[inline]
    fn index(&self, number: u32) -> &Page {
        self.get(number).expect("the directory names only pages that there are")
    }
}

impl IndexMut<u32> for Pages {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut Page {
        self.get_mut(number).expect("the directory names only pages that there are")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_number_and_its_place() {
        let mut pages = Pages::default();
        assert!(pages.get(0).is_none());
        pages.push(Page::new(0));
        let first: *const Page = &pages[0];
        for n in 1..=200 {
            assert_eq!(pages.len(), n);
            pages.push(Page::new(n as u8));
        }
        assert!(core::ptr::eq(first, &pages[0]), "nothing moved");
        assert!((0..=200).all(|n| pages[n].depth == n as u8));
        pages[130].depth = 7;
        assert_eq!((pages[130].depth, pages.len()), (7, 201));
        assert!(pages.get(256).is_none() && pages.get_mut(256).is_none());
    }
}
