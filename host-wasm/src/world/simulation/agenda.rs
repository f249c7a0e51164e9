//! What is going to happen, in order of time. What happens at the same millisecond happens in the order in which it was
//! put down.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::message::Message;

/// The most that is under way at any time: as real networks do, this one drops what it has no room for.
const MOST_UNDER_WAY: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(u64, u64, Entry)>>,
    /// How many were put down so far.
    sequence: u64,
    /// Messages under way. The heap holds only where they are, since it moves what it holds.
    under_way: Vec<Option<Message>>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Wake(u16),
    Arrival(u32),
}

/// Something that is due.
#[derive(Debug)]
pub(super) enum Due {
    /// A client wanted to be woken.
    Wake(u16),
    /// A message is where it was sent.
    Arrival(Message),
}

impl Agenda {
    /// Wakes a client then.
    pub(super) fn wake(&mut self, at: u64, client: u16) {
        self.put(at, Entry::Wake(client));
    }

    /// Lets a message arrive then.
    pub(super) fn arrive(&mut self, at: u64, message: Message) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.under_way.push(None);
            u32::try_from(self.under_way.len() - 1).expect("fewer messages than that are under way")
        });
        self.under_way[slot as usize] = Some(message);
        self.put(at, Entry::Arrival(slot));
    }

    /// Whether so much is under way that the network takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.under_way.len() - self.free.len() >= MOST_UNDER_WAY
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next.
    pub(super) fn pop(&mut self) -> Option<Due> {
        let Reverse((_, _, entry)) = self.heap.pop()?;
        Some(match entry {
            Entry::Wake(client) => Due::Wake(client),
            Entry::Arrival(slot) => {
                self.free.push(slot);
                Due::Arrival(self.under_way[slot as usize].take().expect("it arrives once"))
            }
        })
    }

    fn put(&mut self, at: u64, entry: Entry) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, entry)));
    }
}
