//! A whole scenario in virtual time: the real server, clients that do something of themselves, the NATs they are behind and
//! the networks between.
//!
//! Time jumps exactly to the next thing that is due. Of what is due at the same millisecond, this comes first:
//!
//! 1. what the specification says of a client changes (which is only noted in the log),
//! 2. messages arrive and clients wake, in the order in which they were sent and wanted to be woken,
//! 3. the server ticks,
//! 4. the next action of the scenario happens.
//!
//! All that reaches the server reaches it as an [`Action`] on a [`World`]. So a simulation is also a way to make plain
//! scenarios, without clients, that can be replayed and compared with a model ([`Simulation::trace`]).

use std::collections::VecDeque;
use std::net::{SocketAddr, SocketAddrV4};

use rendezvous_protocol::Instant;

mod agenda;
mod agent;
mod behaved;
mod chance;
mod event;
mod intro;
mod meeting;
mod mermaid;
mod message;
mod nat;
mod party;
mod path;
mod recorder;
mod script;
mod send;
mod serve;
mod summary;
mod watch;

#[cfg(test)]
mod tests;

use super::{Action, InvalidScenario, Scenario, World};
use agenda::{Agenda, Due};
use agent::{Agent, Deed, Moment};
use chance::Chance;
use event::Event;
pub use mermaid::mermaid;
use message::{Content, Message};
use nat::Refusal;
use party::{Party, Places};
use path::Path;
use recorder::Recorder;
use script::Script;
pub use summary::Summary;
use watch::Watch;
pub use watch::{Invariant, Standing, Verdict};

/// How many records the server looks at in one tick.
const TICK_BUDGET: u32 = 256;

/// Steps at one moment, for each client and action, after which time does not go on any more, because of a bug: far more than
/// all of them have to do.
const STILL: usize = 1000;

/// A scenario that is being played.
#[derive(Debug)]
pub struct Simulation {
    scenario: Scenario,
    script: Script,
    world: World,
    agenda: Agenda,
    chance: Chance,
    parties: Vec<Party>,
    places: Places,
    /// How far it has come, in milliseconds since the beginning.
    elapsed: u64,
    /// What arrived at the server while its process stood still.
    waiting: VecDeque<Message>,
    /// The number of the latest message.
    messages: u64,
    counts: summary::Counts,
    recorder: Option<Recorder>,
    watch: Option<Watch>,
    trace: Option<Vec<Action>>,
    deeds: Vec<Deed>,
    steps: u64,
    /// Steps since the clock last advanced.
    still: usize,
    done: bool,
}

impl Simulation {
    /// A scenario at its beginning, to be logged and watched.
    pub fn new(scenario: Scenario) -> Self {
        let mut simulation = Self::bare(scenario);
        simulation.watch = Some(Watch::new(&simulation.world));
        simulation.recorder = Some(Recorder::default());
        simulation
    }

    /// A scenario at its beginning of which only the [`Summary`] will be known: there is no log, and nobody watches. That
    /// is several times as fast.
    pub fn bare(scenario: Scenario) -> Self {
        let mut chance = Chance::new(scenario.setup.seed);
        let mut places = Places::default();
        let timing = scenario.setup.timing;
        let groups = scenario.clients.iter().flat_map(|group| std::iter::repeat_n(group, group.count.into()));
        let assigned = places.assign(&scenario);
        let parties: Vec<Party> = (0..)
            .zip(groups.zip(assigned))
            .map(|(number, (group, (socket, nat)))| Party {
                agent: Agent::new(number, group, timing),
                path: Path::new(group.link.unwrap_or(scenario.link)),
                socket,
                nat,
                started: false,
                starts: group.starts.saturating_add(chance.up_to(group.spread)),
                meets: group.meets,
                told_to_sleep: false,
                silent: group.silent.clone(),
                asleep: false,
                alarm: None,
            })
            .collect();
        let mut simulation = Self {
            script: Script::new(scenario.actions.len()),
            world: World::new(scenario.setup),
            scenario,
            agenda: Agenda::default(),
            chance,
            parties,
            places,
            elapsed: 0,
            waiting: VecDeque::new(),
            messages: 0,
            counts: summary::Counts::default(),
            recorder: None,
            watch: None,
            trace: None,
            deeds: vec![],
            steps: 0,
            still: 0,
            done: false,
        };
        for client in 0..simulation.population() {
            simulation.set_alarm(client);
        }
        simulation
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// [`InvalidScenario`] if it is none.
    pub fn from_json(json: &str) -> Result<Self, InvalidScenario> {
        Scenario::from_json(json).map(Self::new)
    }

    /// Keeps what reaches the server from now on, for [`Simulation::trace`].
    pub fn with_trace(mut self) -> Self {
        self.trace = Some(vec![]);
        self
    }

    /// What reached the server, and when, as a scenario without clients: it has the same answers.
    pub fn trace(&self) -> Option<Scenario> {
        self.trace.as_ref().map(|actions| Scenario::new(self.scenario.setup, actions.clone()))
    }

    /// Does the next thing that is due, and whatever follows from it at once. Returns whether there was anything left.
    pub fn step(&mut self) -> bool {
        let away = self.script.is_away();
        let standing = self.watch.as_mut().filter(|_| !away).and_then(|watch| watch.next_change(&self.world));
        let agenda = self.agenda.next();
        let tick = self.next_tick();
        let action = self.script.next();
        let at = [standing, agenda, tick, action].into_iter().flatten().min();
        let Some(at) = at.filter(|at| *at <= self.script.end()) else {
            self.elapsed = self.elapsed.max(self.script.end());
            self.done = true;
            return false;
        };
        self.still = if at > self.elapsed { 0 } else { self.still + 1 };
        assert!(
            self.still < STILL * (1 + self.parties.len() + self.scenario.actions.len()),
            "time stands still at {} ms: what is due there is never done",
            self.elapsed
        );
        self.elapsed = self.elapsed.max(at);
        self.steps += 1;
        if standing == Some(at) {
            self.note_standings();
        } else if agenda == Some(at) {
            self.next_of_agenda();
        } else if tick == Some(at) {
            self.tick();
        } else {
            self.act();
        }
        true
    }

    /// Runs on until about so many further events are logged (without a log, until so many steps are done), or the scenario is
    /// over. Returns the new lines of the log: none only at the end.
    pub fn run(&mut self, events: u64) -> String {
        let before = self.progress();
        while self.progress() - before < events.max(1) && self.step() {}
        self.recorder.as_mut().map(Recorder::take).unwrap_or_default()
    }

    fn progress(&self) -> u64 {
        self.recorder.as_ref().map_or(self.steps, |recorder| recorder.events)
    }

    /// Whether the scenario is over.
    pub fn done(&self) -> bool {
        self.done
    }

    /// How far it has come, in milliseconds since the beginning.
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    fn population(&self) -> u16 {
        u16::try_from(self.parties.len()).expect("a scenario has no more clients than that")
    }

    /// When the server wants to tick, in milliseconds since the beginning.
    fn next_tick(&self) -> Option<u64> {
        if self.script.is_away() {
            return None;
        }
        let clock = self.world.clock().now.as_millis();
        let due = self.world.server().poll_timeout()?.as_millis();
        let at = self.world.elapsed().saturating_add(due.saturating_sub(clock));
        // A clock that has stopped at its end never gets there.
        (clock < Instant::MAX.as_millis() || due <= clock).then_some(at.max(self.elapsed))
    }

    fn tick(&mut self) {
        let before = self.world.server().records();
        self.serve(&Action::Tick { budget: TICK_BUDGET });
        let removed = before - self.world.server().records();
        if removed > 0 {
            let detail = format!("forgets {removed}");
            self.note(&Event::Server { does: "ticks", detail: &detail });
        }
    }

    fn next_of_agenda(&mut self) {
        match self.agenda.pop() {
            Some(Due::Wake(client)) => self.wake(client),
            Some(Due::Arrival(message)) => self.arrive(message),
            None => {}
        }
    }

    fn wake(&mut self, client: u16) {
        let now = self.elapsed;
        let party = &mut self.parties[usize::from(client)];
        if party.alarm != Some(now) {
            return; // It changed its mind since.
        }
        party.alarm = None;
        self.mind_sleep(client);
        let party = &self.parties[usize::from(client)];
        if !party.asleep {
            if party.started {
                self.with_agent(client, |agent, moment| agent.wake(moment));
            } else if party.starts <= now {
                self.parties[usize::from(client)].started = true;
                self.note(&Event::Client { client, does: "starts", detail: "" });
                let meets = self.parties[usize::from(client)].meets;
                self.with_agent(client, |agent, moment| agent.start(moment, meets));
            }
        }
        self.set_alarm(client);
    }

    /// Falls asleep or wakes up, if it is time for that.
    fn mind_sleep(&mut self, client: u16) {
        let now = self.elapsed;
        let party = &mut self.parties[usize::from(client)];
        let asleep = party.is_asleep(now);
        if std::mem::replace(&mut party.asleep, asleep) != asleep {
            let does = if asleep { "falls asleep" } else { "wakes" };
            self.note(&Event::Client { client, does, detail: "" });
        }
    }

    /// Sees to it that the client is woken when it wants to be.
    fn set_alarm(&mut self, client: u16) {
        let now = self.elapsed;
        let party = &mut self.parties[usize::from(client)];
        let due = party.poll_timeout(now).map(|at| at.max(now));
        if due != party.alarm {
            party.alarm = due;
            if let Some(at) = due {
                self.agenda.wake(at, client);
            }
        }
    }

    /// Lets a client act, and then does what it decided to do.
    fn with_agent(&mut self, client: u16, act: impl FnOnce(&mut Agent, &mut Moment<'_>)) {
        let mut deeds = std::mem::take(&mut self.deeds);
        let party = &mut self.parties[usize::from(client)];
        let world = &self.world;
        let mut moment = Moment { now: self.elapsed, chance: &mut self.chance, deeds: &mut deeds, world };
        act(&mut party.agent, &mut moment);
        for deed in deeds.drain(..) {
            self.perform(client, deed);
        }
        self.deeds = deeds;
    }

    fn arrive(&mut self, message: Message) {
        if message.destination == message::SERVER_UDP || message.destination == message::SERVER_HTTP {
            self.arrive_at_server(message);
            return;
        }
        let to = if let Content::Answer { client, .. } = message.content {
            // It comes back on the connection on which the request went out.
            Ok(Some(client))
        } else {
            self.places.inbound(self.elapsed, message.destination, message.source)
        };
        let fate = match to {
            Ok(Some(client)) if self.parties[usize::from(client)].asleep => "asleep",
            Ok(Some(client)) => return self.deliver(client, message),
            Ok(None) => "nobody",
            Err(Refusal::Unmapped) => "unmapped",
            Err(Refusal::Filtered) => "filtered",
            Err(Refusal::NoHairpin) => "not turned back",
        };
        self.note(&Event::Arrived { message: message.number, fate });
    }

    fn deliver(&mut self, client: u16, message: Message) {
        let from = message.source;
        match message.content {
            Content::Code(code) => self.with_agent(client, |agent, moment| agent.code(moment, code)),
            Content::Answer { number, asked, heard, .. } => {
                self.with_agent(client, |agent, moment| agent.heard(moment, number, asked, heard));
            }
            Content::Probe(probe) => {
                self.with_agent(client, |agent, moment| agent.probed(moment, from, &probe));
            }
            // Nobody sends such to a client.
            Content::Pulse { .. } | Content::Noise(_) | Content::Request { .. } => {}
        }
        self.set_alarm(client);
    }

    /// Writes into the log who stands differently from now on.
    fn note_standings(&mut self) {
        let now = self.now_of_server();
        let due = self.watch.as_mut().map(|watch| watch.due(now));
        for client in due.into_iter().flatten() {
            self.note_standing(client, now);
        }
    }

    fn note_standing(&mut self, client: u16, now: u64) {
        let changed = self.watch.as_mut().and_then(|watch| watch.changed(client, now));
        if let Some(is) = changed {
            self.note(&Event::Standing { client, is });
        }
    }

    /// What the server's clock shows now, whether or not the server looks at it.
    fn now_of_server(&self) -> u64 {
        let behind = self.elapsed.saturating_sub(self.world.elapsed());
        self.world.clock().now.as_millis().saturating_add(behind).min(Instant::MAX.as_millis())
    }

    fn note(&mut self, event: &Event<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(self.elapsed, event);
        }
    }
}

/// An address as the world has it.
fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(v4) => Some(v4),
        SocketAddr::V6(_) => None,
    }
}
