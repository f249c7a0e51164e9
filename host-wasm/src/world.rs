//! A world in plain Rust around the real protocol server: what happens in it is a list of [`Action`]s, and the same
//! list has the same consequences, byte for byte, wherever it runs.
//!
//! The property tests, the fuzzers and whoever replays a trace drive this one world with this one vocabulary; its JSON
//! form is the [`Scenario`].
//!
//! The world is a host, as the protocol's driver contract wants it: it owns the clocks, keeps the records that a restart
//! brings back, tells the server of its absences, and knows the clients' keys, which a scenario need not hold.

mod action;
mod cast;
mod keys;
mod link;
mod log;
mod reply;
mod scenario;
mod simulation;
mod store;

use rendezvous_protocol::{
    Change, ClientId, Clock, Input, Instant, Output, Progress, Request, Server, Timing, UnixTime,
};

pub use action::{Action, Command, Payload, Way};
pub use cast::{Asks, ClientClock, Dependence, Group, NatKind, Policy};
pub use keys::Keys;
pub use link::{Burst, Link, Share};
pub use log::{replay, replay_json};
pub use reply::Reply;
pub use scenario::{InvalidScenario, Scenario, Setup};
pub use simulation::{Invariant, Simulation, Standing, Summary, Verdict, mermaid};
use store::Store;
pub use store::WRITE_BEHIND;

/// How many clients' ids are kept at hand.
const KNOWN_IDS: usize = 8;

/// How many records one tick of the world's own looks at.
const TICK_BUDGET: u32 = 256;

/// The server, its clocks and its store.
#[derive(Debug)]
pub struct World {
    setup: Setup,
    clock: Clock,
    /// How much time has really passed, in milliseconds, whatever the clocks show.
    elapsed: u64,
    server: Server,
    store: Store,
    /// The ids of the first clients, so that they need not be hashed anew for every request.
    ids: [ClientId; KNOWN_IDS],
    /// What the last action changed.
    changes: Vec<Change>,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(setup: Setup) -> Self {
        let id = |client: usize| ClientId::of(&setup.keys().key(client as u16));
        Self {
            setup,
            ids: std::array::from_fn(id),
            clock: setup.start,
            elapsed: 0,
            server: Server::new(setup.timing),
            store: Store::default(),
            changes: vec![],
        }
    }

    /// Lets `action` happen. Returns what the server had to say to it, if it was asked at all.
    pub fn apply(&mut self, action: &Action) -> Option<Output> {
        self.changes.clear();
        let id = |client: u16| self.id(client);
        match *action {
            Action::Register { client } => self.request(Request::Register { id: id(client) }),
            Action::Pulse { client, from } => {
                let key = self.setup.keys().key(client);
                self.handle(Input::datagram(from, key.reveal()))
            }
            Action::Datagram { from, ref payload } => self.handle(Input::datagram(from, payload.as_ref())),
            Action::Verify { client } => self.request(Request::Verify { caller: id(client) }),
            Action::Logout { client } => self.request(Request::Logout { caller: id(client) }),
            Action::LookUp { client, peer } => {
                self.request(Request::PeerAddress { caller: id(client), peer: peer.map(id) })
            }
            Action::Status { client, peer } => {
                self.request(Request::PeerStatus { caller: id(client), peer: peer.map(id) })
            }
            Action::Tick { budget } => self.handle(Input::Tick { budget }),
            Action::Advance { millis } => {
                self.pass(millis);
                None
            }
            Action::Until { at } => {
                self.pass(signed(at.saturating_sub(self.elapsed)));
                None
            }
            Action::StepWallClock { millis } => {
                self.clock.unix = stepped(self.clock.unix, millis);
                None
            }
            Action::Stall { millis } => self.stall(millis),
            Action::Restart { down, rebooted, forgets } => {
                self.stop(forgets);
                self.start(down, rebooted);
                None
            }
            Action::Crash { down, rebooted, unwritten } => {
                self.store.crash(self.elapsed, unwritten);
                self.start(down, rebooted);
                None
            }
            Action::Command { .. } | Action::Lose { .. } | Action::Link { .. } | Action::Rebind { .. } => {
                None
            }
        }
    }

    /// What `output`, the answer to the latest action, looks like on the wire.
    pub fn reply(&self, action: &Action, output: Output) -> Option<Reply> {
        Reply::of(action, output, &self.setup)
    }

    /// What the latest action changed.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How it was set up.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Both clocks.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How much time has really passed since the beginning, in milliseconds. No clock shows it: clocks can be set, or
    /// begin anew.
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The server alone, for whoever wants to go on without the world.
    pub fn into_server(self) -> Server {
        self.server
    }

    /// The public id of a client.
    pub fn id(&self, client: u16) -> ClientId {
        match self.ids.get(usize::from(client)) {
            Some(&id) => id,
            None => ClientId::of(&self.setup.keys().key(client)),
        }
    }

    /// A second world like this one just after a start: its server has loaded the same store, at the same time.
    fn started_like(&self) -> Self {
        let store = self.store.copy();
        let mut other = Self { clock: self.clock, elapsed: self.elapsed, store, ..Self::new(self.setup) };
        other.load();
        other
    }

    fn request(&mut self, request: Request) -> Option<Output> {
        self.handle(Input::Request(request))
    }

    fn handle(&mut self, input: Input) -> Option<Output> {
        let Self { clock, elapsed, server, store, changes, .. } = self;
        Some(server.handle(*clock, input, &mut |change| {
            store.keep(&change, *clock, *elapsed);
            changes.push(change);
        }))
    }

    /// Time passes, or jumps back.
    fn pass(&mut self, millis: i64) {
        let now = self.clock.now.as_millis().saturating_add_signed(millis);
        self.clock.now = Instant::from_millis(now);
        self.clock.unix = stepped(self.clock.unix, millis);
        let passed = u64::try_from(millis).unwrap_or(0);
        self.elapsed = self.elapsed.saturating_add(passed).min(Instant::MAX.as_millis());
    }

    /// The process does not run for a while. A short one goes unnoticed; after a long one the host says so to the
    /// server before anything else.
    fn stall(&mut self, millis: u64) -> Option<Output> {
        let since = self.clock.now;
        self.pass(signed(millis));
        let noticed = self.clock.now.since(since) > self.setup.timing.longest_stall();
        noticed.then(|| self.handle(Input::Resume { since })).flatten()
    }

    /// The server ends in good order.
    fn stop(&mut self, forgets: bool) {
        // Whoever is gone by now is not to come back.
        while self.handle(Input::Tick { budget: TICK_BUDGET }) == Some(Output::Ticked(Progress::More)) {}
        self.store.flush();
        if forgets {
            self.store = Store::default();
        }
    }

    /// The server, which has ended, is down for a while and starts again from what its store holds.
    fn start(&mut self, down: u64, rebooted: bool) {
        self.pass(signed(down));
        if rebooted {
            self.clock.now = Instant::ZERO;
        }
        self.load();
    }

    /// A server that knows whom the store holds, and nothing else.
    fn load(&mut self) {
        self.server = Server::new(self.setup.timing);
        for (id, address) in self.store.load() {
            self.server.restore(id, address);
        }
        self.handle(Input::Resume { since: Instant::ZERO });
    }
}

/// Both clocks stop where JavaScript numbers are no longer exact.
fn stepped(unix: UnixTime, millis: i64) -> UnixTime {
    let stepped = unix.as_millis().saturating_add_signed(millis);
    UnixTime::from_millis(stepped.min(Instant::MAX.as_millis()))
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// The specification's timing, in a world of its own.
impl Default for World {
    fn default() -> Self {
        Self::new(Setup::new(Timing::default()))
    }
}

#[cfg(test)]
mod tests;
