//! All pages of a table, by number. They never move: a vector that doubles would hold up whoever adds the page that is one
//! too many, for a millisecond and more in a table of millions.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use super::page::Page;

#[derive(Debug, Default)]
pub(super) struct Pages {
    /// All full but the last.
    chunks: Vec<Vec<Page>>,
}

impl Pages {
    /// Pages that are allocated together. A power of two.
    const CHUNK: usize = 64;

    pub(super) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * Self::CHUNK + last
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Page> {
        self.chunks.get(number as usize / Self::CHUNK)?.get(number as usize % Self::CHUNK)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Page> {
        self.chunks.get_mut(number as usize / Self::CHUNK)?.get_mut(number as usize % Self::CHUNK)
    }

    /// Adds a page. Its number is what [`Pages::len`] was.
    pub(super) fn push(&mut self, page: Page) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < Self::CHUNK => chunk.push(page),
            _ => {
                let mut chunk = Vec::with_capacity(Self::CHUNK);
                chunk.push(page);
                self.chunks.push(chunk);
            }
        }
    }

    /// In bytes, without the slots.
    pub(super) fn memory(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<Page>>() + self.chunks.len() * Self::CHUNK * size_of::<Page>()
    }
}

impl Index<u32> for Pages {
    type Output = Page;

    fn index(&self, number: u32) -> &Page {
        self.get(number).expect("the directory names only pages that there are")
    }
}

impl IndexMut<u32> for Pages {
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
        assert!(pages.get(201).is_none() && pages.get_mut(201).is_none());
    }
}
