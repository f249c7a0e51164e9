//! Watches a server at work: whether its answers are those of the specification, and its invariants hold.
//!
//! It sees what goes in and what comes out, keeps books of its own ([`book::Book`]) and never asks the server how a
//! client stands, but for what may go either way: whether a crash has undone an expiry. Beside the real server runs a twin that is never given a chance to tidy up: their answers must not differ.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use rendezvous_protocol::{Instant, Output, PULSE_LEN, Progress, Response};
use serde::Serialize;

mod book;
mod expected;

use book::Book;
pub use book::Standing;
use expected::Expected;

use crate::world::{Action, Reply, World};

/// What must always hold; the numbers are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Invariant {
    /// An address that is told is the source of the latest accepted pulse; after a crash, of the latest that was written, at
    /// most a second older.
    I1,
    /// Every answer is what the specification says.
    I2,
    /// Ticks change no answer.
    I3,
    /// Every record has a deadline, and none is overdue after a tick that says that it is done.
    I5,
    /// Nothing is left behind.
    I6,
    /// Nobody gets more bytes than they sent.
    I7,
}

impl Invariant {
    /// All that can be watched while a server runs.
    pub const ALL: [Self; 6] = [Self::I1, Self::I2, Self::I3, Self::I5, Self::I6, Self::I7];

    /// As the log has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
        }
    }
}

/// How an invariant did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How often it was checked.
    pub checks: u64,
    /// How often it did not hold.
    pub violations: u64,
    /// When it first did not, in milliseconds since the beginning.
    pub first: Option<u64>,
}

/// An invariant does not hold.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) invariant: Invariant,
    pub(super) says: String,
}

#[derive(Debug)]
pub(super) struct Watch {
    book: Book,
    /// The same server without ticks.
    twin: World,
    verdicts: [Verdict; Invariant::ALL.len()],
    violations: Vec<Violation>,
    /// What each client was last said to be, and until when.
    standings: Vec<Option<(Standing, Option<u64>)>>,
    /// When that will change of itself, by the server's clock; or would have, if nothing else had happened since.
    changes: BinaryHeap<Reverse<(u64, u16)>>,
}

impl Watch {
    pub(super) fn new(world: &World) -> Self {
        Self {
            book: Book::new(world.setup()),
            twin: World::new(*world.setup()),
            verdicts: Default::default(),
            violations: vec![],
            standings: vec![],
            changes: BinaryHeap::new(),
        }
    }

    /// The world has just done `action`, and the server has said `output`.
    pub(super) fn see(&mut self, world: &World, action: &Action, output: Option<Output>) {
        let expected = self.book.expect(action, world);
        self.specification(&expected, output);
        self.amplification(world, action, output);
        self.ticks(world, action, output);
        self.deadlines(world, action, output);
        for verdict in &mut self.verdicts {
            if verdict.violations > 0 && verdict.first.is_none() {
                verdict.first = Some(world.elapsed());
            }
        }
    }

    /// What was seen not to hold since the last call.
    pub(super) fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = (Invariant, Verdict)> {
        Invariant::ALL.into_iter().zip(self.verdicts)
    }

    /// When, in milliseconds since the beginning, somebody's standing next changes of itself.
    pub(super) fn next_change(&mut self, world: &World) -> Option<u64> {
        let due = loop {
            let &Reverse((due, client)) = self.changes.peek()?;
            if self.until(client) == Some(due) {
                break due;
            }
            self.changes.pop();
        };
        // A clock that has stopped at its end never gets there.
        (due <= Instant::MAX.as_millis())
            .then(|| world.elapsed().saturating_add(due.saturating_sub(world.clock().now.as_millis())))
    }

    /// How `client` stands, if that is something else than when last asked.
    pub(super) fn changed(&mut self, client: u16, now: u64) -> Option<Standing> {
        let (standing, until) = self.book.standing(client, now)?;
        let index = usize::from(client);
        if self.standings.len() <= index {
            self.standings.resize(index + 1, None);
        }
        let before = self.standings[index].replace((standing, until));
        if before.and_then(|(_, until)| until) != until {
            self.changes.extend(until.map(|until| Reverse((until, client))));
        }
        (before.map(|(before, _)| before) != Some(standing)).then_some(standing)
    }

    /// Whose standing changes of itself by `now`, on the server's clock; some may be named who do not change.
    pub(super) fn due(&mut self, now: u64) -> Vec<u16> {
        let mut due = vec![];
        while let Some(&Reverse((at, client))) = self.changes.peek()
            && at <= now
        {
            self.changes.pop();
            due.push(client);
        }
        due
    }

    /// How many clients there may be: their numbers are smaller.
    pub(super) fn population(&self) -> u16 {
        self.book.population()
    }

    fn until(&self, client: u16) -> Option<u64> {
        self.standings.get(usize::from(client)).copied().flatten().and_then(|(_, until)| until)
    }

    /// I1, I2.
    fn specification(&mut self, expected: &Expected, output: Option<Output>) {
        let Some(output) = output else { return };
        if let (
            Expected::Address { address, .. },
            Output::Response(Response::PeerAddress { address: told, .. }),
        ) = (expected, output)
        {
            self.check(Invariant::I1, *address == told, || {
                format!("{told} is told, and the latest accepted pulse came from {address}")
            });
        }
        let said = Expected::of(output);
        if let Some(said) = said {
            self.check(Invariant::I2, said == *expected, || {
                format!("the answer is {said}, and the specification says {expected}")
            });
        }
    }

    /// I7.
    fn amplification(&mut self, world: &World, action: &Action, output: Option<Output>) {
        let Some(from) = action.source() else { return };
        let len =
            if let Action::Datagram { payload, .. } = action { payload.as_ref().len() } else { PULSE_LEN };
        let answered_to =
            if let Some(Output::Transmit { destination, .. }) = output { Some(destination) } else { None };
        let allowed: Option<SocketAddr> = (len == 32 && from.port() != 0).then_some(from);
        let reply = output.and_then(|output| world.reply(action, output));
        let sent = if let Some(Reply::Datagram { bytes, .. }) = reply { bytes.len() } else { 0 };
        self.check(Invariant::I7, sent <= len, || format!("{len} bytes are answered with {sent}"));
        self.check(Invariant::I7, answered_to == allowed, || {
            let to = |address: Option<SocketAddr>| {
                address.map_or_else(|| "nobody".into(), |address| address.to_string())
            };
            format!("{len} bytes from {from} are answered to {}, not to {}", to(answered_to), to(allowed))
        });
    }

    /// I3.
    fn ticks(&mut self, world: &World, action: &Action, output: Option<Output>) {
        if let Action::Crash { .. } = action {
            // Whom a tick had removed from the disk in time does not come back, and whom none had does: an expiry may go
            // either way, and so from here on the twin is that of another world.
            self.twin = world.started_like();
            return;
        }
        let twin = if let Action::Tick { .. } = action {
            // It learns the time, as the server does, and looks at nothing.
            self.twin.apply(&Action::Tick { budget: 0 })
        } else {
            self.twin.apply(action)
        };
        if !matches!(output, None | Some(Output::Ticked(_) | Output::Resumed)) {
            self.check(Invariant::I3, twin == output, || {
                let said =
                    |output: Option<Output>| output.and_then(Expected::of).unwrap_or(Expected::Nothing);
                format!("the answer is {}, and {} if nobody ticks", said(output), said(twin))
            });
        }
    }

    /// I5, I6.
    fn deadlines(&mut self, world: &World, action: &Action, output: Option<Output>) {
        let server = world.server();
        let (records, deadlines, next) = (server.records(), server.deadlines(), server.poll_timeout());
        let each_has_one = records == deadlines && next.is_some() == (records > 0);
        self.check(Invariant::I5, each_has_one, || {
            format!("{records} records have {deadlines} deadlines, and the next is {next:?}")
        });
        let mut tidy = matches!(action, Action::Crash { .. });
        if let Some(Output::Ticked(progress)) = output {
            let now = self.book.now();
            let due = next.is_some_and(|next| next.as_millis() <= now);
            self.check(Invariant::I5, due == (progress == Progress::More), || {
                format!("a tick at {now} says {progress:?}, and the next deadline is {next:?}")
            });
            tidy = progress == Progress::Done;
        }
        if tidy {
            let living = self.book.living();
            self.check(Invariant::I6, records == living, || {
                format!("there are {records} records of {living} clients")
            });
        }
    }

    fn check(&mut self, invariant: Invariant, holds: bool, says: impl FnOnce() -> String) {
        let index = Invariant::ALL.iter().position(|one| *one == invariant).expect("all are there");
        let verdict = &mut self.verdicts[index];
        verdict.checks += 1;
        if !holds {
            verdict.violations += 1;
            self.violations.push(Violation { invariant, says: says() });
        }
    }
}
