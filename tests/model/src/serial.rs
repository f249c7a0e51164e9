//! Whether what clients of several nodes saw can be explained by a serial order: one in which nothing is before what had ended when
//! it began, and in which each answer is the right one.
//!
//! Liveness is left out: these histories are shorter than any deadline. What is left of a client is whether it is registered, and
//! its latest address.

use std::collections::HashSet;

/// Something that one client did, or that others asked of it, and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Whether it was registered by this, rather than taken.
    Register(bool),
    /// A pulse from this address (a number that stands for it), and whether it was accepted rather than unknown.
    Pulse(u32, bool),
    /// Whether it was known.
    Verify(bool),
    /// Whether it was known.
    Logout(bool),
    /// `None` if it was unknown; otherwise its address, if it had one.
    Observe(Option<Option<u32>>),
}

/// An operation with its moments, of one clock: it took effect somewhere between them.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// When it was asked for.
    pub began: u64,
    /// When the answer was there.
    pub ended: u64,
    /// What it was.
    pub seen: Seen,
}

/// `None`: nobody. Otherwise the address, if it has one.
type State = Option<Option<u32>>;

/// What may be the case: these of the operations that have begun and not ended took effect (a bit each), and left this.
type Possible = (u64, State);

/// The first operation of one client's history whose answer no serial order explains.
///
/// # Panics
/// If more than 64 operations are under way at once.
pub fn inexplicable(history: &[Operation]) -> Option<Operation> {
    // What ends and what begins at the same moment may have overlapped.
    let mut events: Vec<(u64, bool, usize)> = (0..history.len())
        .flat_map(|index| [(history[index].began, false, index), (history[index].ended, true, index)])
        .collect();
    events.sort_unstable();
    let mut possible = HashSet::from([(0, None)]);
    let mut under_way: [Option<Seen>; 64] = [None; 64];
    let mut place_of = vec![0; history.len()];
    for (_, ends, index) in events {
        if ends {
            let bit = 1 << place_of[index];
            possible = closure(possible, &under_way);
            possible.retain(|(done, _)| done & bit != 0);
            possible = possible.into_iter().map(|(done, state)| (done & !bit, state)).collect();
            under_way[place_of[index]] = None;
            if possible.is_empty() {
                return Some(history[index]);
            }
        } else {
            place_of[index] = under_way.iter().position(Option::is_none).expect("at most 64 at once");
            under_way[place_of[index]] = Some(history[index].seen);
        }
    }
    None
}

/// All that may be the case if any of those that are under way take effect, in any order.
fn closure(mut possible: HashSet<Possible>, under_way: &[Option<Seen>; 64]) -> HashSet<Possible> {
    let mut fresh: Vec<Possible> = possible.iter().copied().collect();
    while let Some((done, state)) = fresh.pop() {
        for (place, seen) in under_way.iter().enumerate() {
            let Some(seen) = seen.filter(|_| done & (1 << place) == 0) else { continue };
            if let Some(after) = after(state, seen) {
                let next = (done | 1 << place, after);
                if possible.insert(next) {
                    fresh.push(next);
                }
            }
        }
    }
    possible
}

/// The state after this, or nothing if the answer is not the one that this state calls for.
fn after(state: State, seen: Seen) -> Option<State> {
    match (seen, state) {
        (Seen::Register(true), None) => Some(Some(None)),
        (Seen::Pulse(address, true), Some(_)) => Some(Some(Some(address))),
        (Seen::Logout(true), Some(_)) => Some(None),
        (Seen::Register(false) | Seen::Verify(true), Some(_))
        | (Seen::Pulse(_, false) | Seen::Verify(false) | Seen::Logout(false), None) => Some(state),
        (Seen::Observe(observed), _) if observed == state => Some(state),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: &[(u64, u64, Seen)]) -> Vec<Operation> {
        operations.iter().map(|&(began, ended, seen)| Operation { began, ended, seen }).collect()
    }

    #[test]
    fn what_a_serial_order_explains_is_fine() {
        for operations in [
            &[
                (0, 1, Seen::Register(true)),
                (2, 3, Seen::Pulse(7, true)),
                (4, 5, Seen::Observe(Some(Some(7)))),
            ][..],
            // A logout that overlaps a pulse may come before or after it.
            &[(0, 1, Seen::Register(true)), (2, 9, Seen::Logout(true)), (3, 4, Seen::Pulse(7, true))],
            &[(0, 1, Seen::Register(true)), (2, 9, Seen::Logout(true)), (3, 4, Seen::Pulse(7, false))],
            // Two pulses at once: either address may be the last.
            &[
                (0, 1, Seen::Register(true)),
                (2, 5, Seen::Pulse(1, true)),
                (2, 5, Seen::Pulse(2, true)),
                (6, 7, Seen::Observe(Some(Some(1)))),
            ],
        ] {
            assert!(inexplicable(&history(operations)).is_none(), "{operations:?}");
        }
    }

    #[test]
    fn a_logout_undone_an_address_rolled_back_and_a_wrong_1060_are_found() {
        for operations in [
            &[(0, 1, Seen::Register(true)), (2, 3, Seen::Logout(true)), (4, 5, Seen::Pulse(7, true))][..],
            &[
                (0, 1, Seen::Register(true)),
                (2, 3, Seen::Pulse(1, true)),
                (4, 5, Seen::Pulse(2, true)),
                (6, 7, Seen::Observe(Some(Some(1)))),
            ],
            &[(0, 1, Seen::Register(true)), (2, 3, Seen::Pulse(7, false))],
            &[(0, 1, Seen::Register(true)), (2, 3, Seen::Register(true))],
            // One of two logouts at the same time finds nobody.
            &[(0, 1, Seen::Register(true)), (2, 5, Seen::Logout(true)), (2, 5, Seen::Logout(true))],
        ] {
            let found = inexplicable(&history(operations)).map(|operation| operation.seen);
            assert!(found.is_some(), "{operations:?}");
        }
    }
}
