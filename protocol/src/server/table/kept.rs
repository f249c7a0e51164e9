//! Records as a host sees them that stores them: one by one, all of them, and taken back. No rule is applied here.

use super::Table;
use super::slot::Slot;
use crate::{ClientId, Record};

impl Table {
    /// The record of `id`.
    pub(in crate::server) fn get(&self, id: &ClientId) -> Option<Record> {
        let at = self.find(id)?;
        self.pages[at.page].get(at.index).map(Slot::record)
    }

    /// Shows the records of the page `number` to `look`. Returns the number of the next page, if there is one. A page that is
    /// split keeps some of its records; the others go to a page with a higher number than any.
    pub(in crate::server) fn visit(
        &self,
        number: u32,
        look: &mut impl FnMut(ClientId, Record),
    ) -> Option<u32> {
        if number as usize >= self.pages.len() {
            return None;
        }
        let page = &self.pages[number];
        for slot in (0..page.len()).filter_map(|index| page.get(index)) {
            look(*slot.id(), slot.record());
        }
        Some(number + 1)
    }

    /// Takes the record of `id` out, and returns it if there was one.
    pub(in crate::server) fn delete(&mut self, id: &ClientId) -> Option<Record> {
        let at = self.find(id)?;
        let record = self.pages[at.page].get(at.index).map(Slot::record);
        self.remove(at);
        record
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::Instant;

    /// Ids as random as a hash: a multiple of a large odd number.
    fn id(n: u64) -> ClientId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        bytes[8..].copy_from_slice(&n.to_le_bytes());
        ClientId::from_bytes(bytes)
    }

    fn put(table: &mut Table, n: u64) {
        let now = Instant::from_millis(n);
        table.insert(id(n), Record::registered(now), now);
    }

    #[test]
    fn a_record_is_found_until_it_is_deleted() {
        let mut table = Table::default();
        assert_eq!(table.get(&id(1)), None);
        assert_eq!(table.delete(&id(1)), None);
        put(&mut table, 1);
        assert_eq!(table.get(&id(1)), Some(Record::registered(Instant::from_millis(1))));
        assert_eq!(table.get(&id(2)), None);
        let put = Record::registered(Instant::from_millis(1));
        assert_eq!((table.delete(&id(1)), table.delete(&id(1))), (Some(put), None));
        assert_eq!((table.get(&id(1)), table.len(), table.deadlines_len()), (None, 0, 0));
    }

    #[test]
    fn a_visit_shows_every_record_that_is_there_all_the_while_however_the_table_grows() {
        let mut table = Table::default();
        assert_eq!(table.visit(0, &mut |_, _| panic!("nobody is there")), None);
        (0..1000).for_each(|n| put(&mut table, n));
        let mut shown = BTreeMap::new();
        let (mut next, mut grown) = (Some(0), 1000);
        while let Some(page) = next {
            next = table.visit(page, &mut |id, record| {
                *shown.entry(id).or_insert(0) += 1;
                assert!(record.last_seen.is_some());
            });
            // Every page that is there is split in two meanwhile, and every third of the first clients goes.
            if grown < 4000 {
                (grown..grown + 200).for_each(|n| put(&mut table, n));
                grown += 200;
            }
            table.delete(&id(u64::from(page) * 3));
        }
        for n in (0..1000).filter(|n| n % 3 != 0) {
            assert!(shown.contains_key(&id(n)), "{n}");
        }
    }
}
