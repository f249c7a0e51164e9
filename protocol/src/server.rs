//! The server in memory: a table of records, and the lifecycle applied to it.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::lifecycle::{self, Cause, Context, Decision, Effect, Observation, Registration, Unknown};
use crate::{ClientId, Clock, Instant, PulseCode, Record, Timing, datagram};

mod counters;
mod facade;
mod figures;
mod recency;
mod table;
#[cfg(test)]
mod tests;

pub use counters::Counters;
use recency::Recency;
use table::Table;

/// The records of some clients, and the rules for them.
///
/// A host may split its clients over several servers by their ids ("shards"): apart from [`Server::tick`], and a
/// lookup through [`Server::handle`], no call touches more than one record.
/// Each call takes the time; none depends on whether or when [`Server::tick`] was called.
#[derive(Debug)]
pub struct Server {
    timing: Timing,
    /// The latest time of any call: the clock never runs backwards.
    now: Instant,
    resumed_at: Instant,
    table: Table,
    recency: Recency,
    counters: Counters,
}

/// A pulse as it was decoded: who, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// The client whose key the datagram held.
    pub id: ClientId,
    /// Where the datagram came from, as the host's socket gave it.
    pub source: SocketAddr,
}

/// What a call is answered with and, for a host that keeps records elsewhere too, what it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome<A> {
    /// What to tell the caller.
    pub answer: A,
    /// What became of the record, if anything did that is worth keeping. A pulse from the address already known
    /// is not.
    pub change: Option<Change>,
}

/// What became of a record: all that a store needs in order to bring the client back after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A new client, in place of whatever the store may have under its id.
    Registered {
        /// Whose record it is.
        id: ClientId,
        /// The new record.
        record: Record,
    },
    /// A pulse came from another address than the one before, or for the first time.
    Moved {
        /// Whose record it is.
        id: ClientId,
        /// The new record.
        record: Record,
    },
    /// The client verified.
    Verified {
        /// Whose record it is.
        id: ClientId,
        /// The new record.
        record: Record,
    },
    /// There is no such client any more.
    Removed {
        /// Whose record it was.
        id: ClientId,
        /// Why it was removed.
        cause: Removal,
    },
}

impl Change {
    /// What the effect of a decision about `id` is worth telling.
    #[inline]
    pub fn of(id: ClientId, effect: Effect) -> Option<Self> {
        match effect {
            Effect::Keep | Effect::Put(_, Cause::Pulsed) => None,
            Effect::Put(record, Cause::Registered) => Some(Self::Registered { id, record }),
            Effect::Put(record, Cause::Moved) => Some(Self::Moved { id, record }),
            Effect::Put(record, Cause::Verified) => Some(Self::Verified { id, record }),
            Effect::Remove => Some(Self::Removed { id, cause: Removal::LoggedOut }),
        }
    }
}

/// Why a record was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The client logged out: it must not come back.
    LoggedOut,
    /// It was silent for too long. Should a crash undo this, it only gets more time.
    Expired,
}

/// Whether a tick got to the end of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is left that is due: [`Server::poll_timeout`] is `None` or later than `now`.
    Done,
    /// The budget ran out first: tick again, after letting others have a turn.
    More,
}

impl Server {
    /// How many clients are fetched from memory side by side, and so how many pulses it is best to handle together: enough to
    /// keep the memory busy, and few enough to stay in the first cache until they are handled.
    pub const BATCH: usize = 64;

    /// A server without clients.
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            now: Instant::ZERO,
            resumed_at: Instant::ZERO,
            table: Table::default(),
            recency: Recency::new(&timing),
            counters: Counters::default(),
        }
    }

    /// Registers the client `id`. If that is [`Registration::Taken`], draw another key.
    pub fn register(&mut self, at: Clock, id: ClientId) -> Outcome<Registration> {
        let outcome = self.apply(at, id, lifecycle::register);
        match outcome.answer {
            Registration::Registered => self.counters.registered += 1,
            Registration::Taken => self.counters.taken += 1,
        }
        outcome
    }

    /// Handles a pulse of `id` that came from `source`.
    #[inline]
    pub fn pulse(&mut self, at: Clock, id: ClientId, source: SocketAddr) -> Outcome<PulseCode> {
        let outcome = self.apply(at, id, |record, cx| lifecycle::pulse(record, source, cx));
        match outcome.answer {
            PulseCode::OnTime => self.counters.pulses_on_time += 1,
            PulseCode::Reverify => self.counters.pulses_late += 1,
            PulseCode::NotFound => self.counters.pulses_unknown += 1,
        }
        if matches!(outcome.change, Some(Change::Moved { .. })) {
            self.counters.moved += 1;
        }
        outcome
    }

    /// Handles pulses that arrived together: as [`Server::pulse`] would one after the other, and much faster if there are
    /// many clients, since the memory that they need is fetched for all of them at once.
    ///
    /// `answered` is called for each, in order, with its index.
    pub fn pulse_batch(
        &mut self,
        at: Clock,
        pulses: &[Pulse],
        answered: &mut impl FnMut(usize, Outcome<PulseCode>),
    ) {
        for (chunk, pulses) in pulses.chunks(Self::BATCH).enumerate() {
            Self::prefetch(pulses.iter().map(|pulse| (&*self, pulse.id)));
            for (index, pulse) in pulses.iter().enumerate() {
                answered(chunk * Self::BATCH + index, self.pulse(at, pulse.id, pulse.source));
            }
        }
    }

    /// Marks `id` as heard, so that its next pulse is on time again.
    ///
    /// # Errors
    /// The answer is [`Unknown`] if there is no such client.
    pub fn verify(&mut self, at: Clock, id: ClientId) -> Outcome<Result<(), Unknown>> {
        let outcome = self.apply(at, id, lifecycle::verify);
        match outcome.answer {
            Ok(()) => self.counters.verified += 1,
            Err(Unknown) => self.counters.unauthorized += 1,
        }
        outcome
    }

    /// Removes `id`.
    ///
    /// # Errors
    /// The answer is [`Unknown`] if there is no such client.
    pub fn logout(&mut self, at: Clock, id: ClientId) -> Outcome<Result<(), Unknown>> {
        let outcome = self.apply(at, id, lifecycle::logout);
        match outcome.answer {
            Ok(()) => self.counters.logged_out += 1,
            Err(Unknown) => self.counters.unauthorized += 1,
        }
        outcome
    }

    /// Reads the memory that calls for these clients will need, each of the server that has it; for no more than
    /// [`Server::BATCH`] of them. It answers nothing and changes nothing; it is for the time that it saves.
    ///
    /// With many clients nearly all of the time of a call goes into waiting for memory. This goes over the clients four
    /// times, and each time asks for what the time before has found the way to. No step waits for the one before it, so the
    /// processor fetches for many clients at once.
    #[inline]
    pub fn prefetch<'a>(clients: impl Iterator<Item = (&'a Self, ClientId)> + Clone) {
        let mut pages = [None; Self::BATCH];
        for (page, (server, id)) in pages.iter_mut().zip(clients.clone()) {
            *page = server.table.page_of(&id);
        }
        pages.iter().flatten().for_each(|page| page.touch());
        let mut slots = [None; Self::BATCH];
        for ((slot, page), (_, id)) in slots.iter_mut().zip(pages).zip(clients) {
            *slot = page.and_then(|page| Table::likely_slot(page, &id));
        }
        slots.iter().flatten().for_each(|slot| slot.touch());
    }

    /// Whether `id` may look others up: the first half of a lookup. The second is [`Server::observe`], of the
    /// server that has the peer.
    ///
    /// # Errors
    /// [`Unknown`] if there is no such client.
    pub fn authorize(&mut self, at: Clock, id: ClientId) -> Result<(), Unknown> {
        let answer = self.apply(at, id, lifecycle::authorize).answer;
        if answer.is_err() {
            self.counters.unauthorized += 1;
        }
        answer
    }

    /// What others may know of `id`.
    ///
    /// # Errors
    /// [`Unknown`] if there is no such client.
    pub fn observe(&mut self, at: Clock, id: ClientId) -> Result<Observation, Unknown> {
        let answer = self.apply(at, id, lifecycle::observe).answer;
        match answer {
            Ok(_) => self.counters.lookups_found += 1,
            Err(Unknown) => self.counters.lookups_unknown += 1,
        }
        answer
    }

    /// Forgets clients that are gone, no more than `budget` of them, and reports each. Some dozens of clients that were
    /// looked at and are not gone count as a few.
    ///
    /// No answer depends on it: it frees memory.
    pub fn tick(&mut self, at: Clock, budget: usize, changes: &mut impl FnMut(Change)) -> Progress {
        self.advance(at);
        self.sweep(self.now, budget, changes)
    }

    /// When [`Server::tick`] will next have something to do, or earlier; `None` if there is nothing to wait for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.next_deadline()
    }

    /// The server is back after an absence: it loaded its records from a store, or its process did not run. From
    /// now on every client that was not gone before has as long as if it had been heard just now.
    ///
    /// `since` is when the server was last running: [`Instant::ZERO`] if it was not, on this clock. Who was gone by
    /// then stays gone, whether or not a tick has removed it, and is reported to `changes`. So a resume does the work that
    /// ticks were behind with when the absence began, all of it: as long as that takes, it holds up whoever calls.
    pub fn resume(&mut self, at: Clock, since: Instant, changes: &mut impl FnMut(Change)) {
        let last_call = self.now;
        self.advance(at);
        // It was running at the last call, and it is running now.
        let since = since.max(last_call).min(self.now);
        // With such a budget it is always done.
        let _done = self.sweep(since, usize::MAX, changes);
        self.resumed_at = self.now;
    }

    /// Puts back a client that an earlier run knew, last at `address`. Call [`Server::resume`] after the last one
    /// and before anything else.
    pub fn restore(&mut self, id: ClientId, address: Option<SocketAddr>) {
        let record = Record::restored(address.map(datagram::canonical));
        let deadline = lifecycle::deadline(&record, &self.timing, self.resumed_at);
        let before = self.table.insert(id, record, deadline);
        self.recency.forget(before.and_then(|before| before.last_seen));
        self.counters.restored += 1;
    }

    /// The record of `id`, whether or not its client is gone: for a host that stores it. It decides nothing.
    pub fn record(&self, id: ClientId) -> Option<Record> {
        self.table.get(&id)
    }

    /// Shows a few dozen records to `look`, whether or not their clients are gone: for a host that stores them all.
    ///
    /// `from` is 0 at first and then what the call before returned; `None` is the end. Whatever happens between the calls, a record
    /// that is there all the while is shown at least once.
    pub fn visit(&self, from: u32, look: &mut impl FnMut(ClientId, Record)) -> Option<u32> {
        self.table.visit(from, look)
    }

    /// Takes back the registration of `id`, which nobody was told of: the host could not store it.
    pub fn withdraw(&mut self, id: ClientId) {
        if let Some(record) = self.table.delete(&id) {
            self.recency.forget(record.last_seen);
            self.counters.withdrawn += 1;
        }
    }

    /// The durations that this server judges by.
    pub const fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The only way to a record: find, decide, apply, and say what changed. In a caller that only wants the answer, most of the
    /// outcome is then never made.
    #[inline(always)]
    fn apply<A>(
        &mut self,
        at: Clock,
        id: ClientId,
        decide: impl FnOnce(Option<&Record>, &Context) -> Decision<A>,
    ) -> Outcome<A> {
        self.advance(at);
        let cx = Context { timing: self.timing, resumed_at: self.resumed_at, now: self.now };
        let recency = &mut self.recency;
        let Decision { answer, effect } = self.table.apply(
            id,
            |record| lifecycle::deadline(record, &cx.timing, cx.resumed_at),
            |record| decide(record, &cx),
            // Whatever is put was heard just now.
            |before, is_there| if is_there { recency.heard(before) } else { recency.forget(before) },
        );
        let change = Change::of(id, effect);
        Outcome { answer, change }
    }

    /// Removes clients that were gone at `then`, and reports each.
    fn sweep(&mut self, then: Instant, budget: usize, changes: &mut impl FnMut(Change)) -> Progress {
        let Self { timing, resumed_at, table, recency, counters, .. } = self;
        table.sweep(
            then,
            budget,
            |record| lifecycle::deadline(record, timing, *resumed_at),
            |id, record| {
                recency.forget(record.last_seen);
                counters.expired += 1;
                changes(Change::Removed { id, cause: Removal::Expired });
            },
        )
    }

    #[inline]
    fn advance(&mut self, at: Clock) {
        // No clock reads later than that, and no record can hold it.
        let now = at.now.min(Instant::MAX);
        if now > self.now {
            self.now = now;
            self.recency.advance(now);
        }
    }
}
