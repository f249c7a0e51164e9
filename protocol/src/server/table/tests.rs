use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::lifecycle::Cause;

fn id(n: u8) -> ClientId {
    ClientId::from_bytes([n; 16])
}

/// The `n`th of any number of ids that look random.
fn random_id(n: u64) -> ClientId {
    let mut mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    ClientId::from_bytes((u128::from(n) << 64 | u128::from(mixed)).to_le_bytes())
}

/// Ids of which only the last byte tells one from another: nothing that the table hashes.
fn equal_hash(n: u8) -> ClientId {
    let mut bytes = [0xab; 16];
    bytes[15] = n;
    ClientId::from_bytes(bytes)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A record due 100 ms after it was last seen.
fn deadline(record: &Record) -> Instant {
    record.last_seen.unwrap() + crate::Millis(100)
}

fn put_id(table: &mut Table, id: ClientId, seen: u64) {
    let record = Record::registered(at(seen));
    table.insert(id, record, deadline(&record));
}

fn put(table: &mut Table, n: u8, seen: u64) {
    put_id(table, id(n), seen);
}

fn apply(table: &mut Table, id: ClientId, effect: Effect) {
    let _ = table.apply(id, deadline, |_| Decision { answer: (), effect }, |_, _| {});
}

fn refresh(table: &mut Table, n: u8, seen: u64) {
    apply(table, id(n), Effect::Put(Record::registered(at(seen)), Cause::Pulsed));
}

fn sweep(table: &mut Table, now: u64, budget: usize) -> (Vec<ClientId>, Progress) {
    let mut removed = vec![];
    let progress = table.sweep(at(now), budget, deadline, |id, _| removed.push(id));
    (removed, progress)
}

fn record_of(table: &mut Table, id: ClientId) -> Option<Record> {
    let decide = |record: Option<&Record>| Decision { answer: record.copied(), effect: Effect::Keep };
    table.apply(id, deadline, decide, |_, _| {}).answer
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
fn a_sweep_stops_at_its_budget_and_goes_on_from_there() {
    let mut table = Table::default();
    for (n, seen) in [(1, 30), (2, 10), (3, 20), (4, 500)] {
        put(&mut table, n, seen);
    }
    let mut removed = vec![];
    for _ in 0..2 {
        let (some, progress) = sweep(&mut table, 200, 1);
        assert_eq!((some.len(), progress), (1, Progress::More));
        removed.extend(some);
        assert!(table.next_deadline().unwrap().is_due(at(200)), "while there is more, it is due");
    }
    let (some, progress) = sweep(&mut table, 200, 1);
    removed.extend(some);
    assert_eq!(progress, Progress::Done);
    removed.sort();
    assert_eq!(removed, [id(1), id(2), id(3)]);
    assert_eq!(table.next_deadline(), Some(at(600)));
    assert_eq!(sweep(&mut table, 200, 0), (vec![], Progress::Done));
    assert_eq!(sweep(&mut table, 600, 0), (vec![], Progress::More), "no budget, no work");
}

#[test]
fn whatever_happens_between_the_parts_of_a_sweep_no_deadline_is_lost() {
    for interruption in 0..4 {
        let mut table = Table::default();
        for n in 1..=20 {
            put(&mut table, n, u64::from(n));
        }
        assert_eq!(sweep(&mut table, 110, 3).0.len(), 3, "of the ten that are due, so it is not done");
        match interruption {
            0 => put(&mut table, 99, 12),
            1 => apply(&mut table, id(20), Effect::Remove),
            2 => apply(&mut table, id(1), Effect::Remove),
            // A page's worth: it is split, and what is left of the scan is worth nothing.
            _ => (0..60).for_each(|n| put_id(&mut table, random_id(n), 300)),
        }
        for now in 110..=120 {
            let mut parts = 0;
            while sweep(&mut table, now, 3).1 == Progress::More {
                parts += 1;
                assert!(parts < 100, "a sweep comes to an end");
            }
            assert!(table.next_deadline().is_none_or(|next| !next.is_due(at(now))));
        }
        assert_eq!(table.len(), if interruption == 3 { 60 } else { 0 }, "after interruption {interruption}");
    }
}

#[test]
fn removal_takes_the_deadline_along() {
    let mut table = Table::default();
    put(&mut table, 1, 0);
    put(&mut table, 2, 0);
    apply(&mut table, id(1), Effect::Remove);
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

/// Ids of one page may have the same tag; then the first of them is guessed.
#[test]
fn the_likely_slot_is_nearly_always_that_of_the_record() {
    let mut table = Table::default();
    for n in 0..1000 {
        put_id(&mut table, random_id(n), n);
    }
    let is_likely = |id: ClientId| {
        let slot = table.page_of(&id).and_then(|page| Table::likely_slot(page, &id));
        slot.is_some_and(|slot| *slot.id() == id)
    };
    let right = (0..1000).filter(|n| is_likely(random_id(*n))).count();
    assert!(right > 850, "{right} of 1000");
}

#[test]
fn an_unknown_id_leaves_nothing_behind() {
    let mut table = Table::default();
    for n in 0..=255 {
        assert_eq!(record_of(&mut table, id(n)), None);
    }
    assert_eq!((table.len(), table.deadlines_len(), table.capacity(), table.memory()), (0, 0, 0, 0));
}

/// What holds after every step: no page's deadline is later than any of its clients', and the counts are true.
fn check(table: &Table, now: u64) {
    let (mut len, mut capacity, mut index) = (0, 0, BTreeSet::new());
    for number in 0..table.pages.len() as u32 {
        let page = &table.pages[number];
        let earliest = (0..page.len()).map(|index| deadline(&page.get(index).unwrap().record())).min();
        let wake = table.wakes[number as usize];
        match earliest {
            None => assert_eq!(wake, None, "an empty page has no deadline"),
            Some(earliest) => {
                let wake = wake.expect("a page with clients has a deadline");
                assert!(wake <= earliest, "{wake} at {now}: {earliest} would be missed");
                index.insert((wake, number));
            }
        }
        len += page.len();
        capacity += page.capacity();
    }
    assert_eq!((table.len(), table.deadlines_len(), table.capacity()), (len, len, capacity));
    assert_eq!(table.deadlines, index);
    let most = table.pages.len() << DIRECTORY_BITS_PER_PAGE;
    assert!(table.directory.len() <= most, "{} entries, of {most} at most", table.directory.len());
}

#[test]
fn regression_a_page_that_is_empty_when_its_scan_ends_has_no_deadline() {
    let mut table = Table::default();
    for (n, seen) in [(1, 10), (2, 10), (3, 500)] {
        put(&mut table, n, seen);
    }
    assert_eq!(sweep(&mut table, 200, 1), (vec![id(2)], Progress::More), "it has looked at the third");
    apply(&mut table, id(3), Effect::Remove);
    assert_eq!(sweep(&mut table, 200, 9), (vec![id(1)], Progress::Done));
    assert_eq!((table.len(), table.next_deadline()), (0, None));
}

#[test]
fn no_order_of_events_makes_a_deadline_late_or_leaves_one_behind() {
    for seed in 0..40 {
        let mut table = Table::default();
        let mut model = BTreeMap::new();
        let mut now = 0;
        let mut random = seed * 1_000_003;
        let mut draw = |below: u64| {
            random += 1;
            hash(&random_id(random)) % below
        };
        for step in 0..1500 {
            // Of few ids, so that they meet again; a third of them crowd one page, whatever is done about it.
            let id = match draw(3) {
                0 => equal_hash(draw(80) as u8),
                _ => random_id(draw(260)),
            };
            match draw(10) {
                0..4 => {
                    put_id(&mut table, id, now);
                    model.insert(id, now);
                }
                4 | 5 if model.contains_key(&id) => {
                    apply(&mut table, id, Effect::Put(Record::registered(at(now)), Cause::Pulsed));
                    model.insert(id, now);
                }
                6 => {
                    apply(&mut table, id, Effect::Remove);
                    model.remove(&id);
                }
                7 => now += draw(30),
                _ => {
                    let (removed, progress) = sweep(&mut table, now, draw(6) as usize);
                    for id in removed {
                        let seen = model.remove(&id).expect("nobody is removed twice");
                        assert!(seen + 100 <= now, "seed {seed}, step {step}: removed too early");
                    }
                    if progress == Progress::Done {
                        assert!(
                            model.values().all(|&seen| seen + 100 > now),
                            "seed {seed}, step {step}: left behind"
                        );
                    }
                    let due = table.next_deadline().is_some_and(|next| next.is_due(at(now)));
                    assert_eq!(due, progress == Progress::More, "seed {seed}, step {step}");
                }
            }
            check(&table, now);
            assert_eq!(table.len(), model.len());
        }
        assert!(sweep(&mut table, now + 100, usize::MAX).0.len() == model.len());
        check(&table, now);
        assert_eq!((table.len(), table.capacity(), table.next_deadline()), (0, 0, None));
    }
}

#[test]
fn clients_that_come_and_go_are_all_found_and_no_other() {
    let mut table = Table::default();
    let mut model = BTreeMap::new();
    // A wave of registrations, then of changes of all kinds, then everybody leaves.
    for step in 0..60_000_u64 {
        let id = random_id(step * 7919 % 9000);
        match (step / 20_000, step % 5) {
            (0, _) | (1, 0) => {
                put_id(&mut table, id, step);
                model.insert(id, step);
            }
            (1, 1..4) => {
                assert_eq!(
                    record_of(&mut table, id).map(|record| record.last_seen),
                    model.get(&id).map(|&seen| Some(at(seen)))
                );
                if let Some(seen) = model.get_mut(&id) {
                    apply(&mut table, id, Effect::Put(Record::registered(at(step)), Cause::Pulsed));
                    *seen = step;
                }
            }
            _ => {
                apply(&mut table, id, Effect::Remove);
                model.remove(&id);
            }
        }
        assert_eq!(table.len(), model.len());
        if step % 5000 == 0 {
            for (&id, &seen) in &model {
                assert_eq!(record_of(&mut table, id), Some(Record::registered(at(seen))));
            }
            assert_eq!(table.deadlines_len(), model.len());
        }
    }
    assert_eq!((table.len(), table.capacity(), table.next_deadline()), (0, 0, None));
}

#[test]
fn a_sweep_of_many_pages_removes_who_is_due_and_nobody_else() {
    let mut table = Table::default();
    for n in 0..5000 {
        put_id(&mut table, random_id(n), n % 1000);
    }
    for now in [99, 350, 600, 1099] {
        let (removed, progress) = sweep(&mut table, now, usize::MAX);
        assert_eq!(progress, Progress::Done);
        assert!(removed.iter().all(|&id| table.find(&id).is_none()));
        let due = (now + 1).saturating_sub(100).min(1000);
        assert_eq!(table.len() as u64, 5000 - 5 * due);
        assert_eq!(table.next_deadline().map(|next| next > at(now)), (due < 1000).then_some(true));
    }
}

#[test]
fn ids_that_hash_alike_are_kept_without_a_directory_that_grows_without_end() {
    let mut table = Table::default();
    for n in 0..=255 {
        put_id(&mut table, equal_hash(n), u64::from(n));
    }
    check(&table, 0);
    for n in 0..=255 {
        assert!(record_of(&mut table, equal_hash(n)).is_some(), "{n}");
    }
    assert_eq!(sweep(&mut table, 227, usize::MAX).0.len(), 128);
    for n in 128..=255 {
        apply(&mut table, equal_hash(n), Effect::Remove);
    }
    assert_eq!((table.len(), table.capacity(), table.next_deadline()), (0, 0, None));
}

/// The table of costs in the module's documentation, on real sizes: at most 64 bytes, of which 2 are the allocator's.
#[test]
fn a_client_costs_what_the_documentation_says_at_any_size() {
    let mut table = Table::default();
    let mut worst: f64 = 0.0;
    for n in 0..300_000 {
        put_id(&mut table, random_id(n), 0);
        if n > 20_000 && n % 997 == 0 {
            let spare = (table.wakes.capacity() - table.wakes.len()) * size_of::<Option<Instant>>()
                + (table.directory.capacity() - table.directory.len()) * size_of::<u32>();
            // What a vector has in reserve is not touched before it is used, so it costs no memory.
            worst = worst.max((table.memory() - spare) as f64 / table.len() as f64);
        }
    }
    assert!((55.0..62.0).contains(&worst), "{worst:.1} bytes a client");
    assert_eq!(table.memory(), 17_259_488, "bytes: another layout has another figure");
}
