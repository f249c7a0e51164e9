//! The server at work: what arrives is handed to it as an action, and its answers go out into the network.

use std::net::{SocketAddr, SocketAddrV4};

use rendezvous_protocol::{DropReason, Output, Response};
use serde_json::value::RawValue;

use super::event::{Answered, Event, Replied, Who};
use super::message::{Asked, Content, Heard, Message, SERVER_HTTP, SERVER_UDP};
use super::path::Fate;
use super::{Simulation, v4};
use crate::world::{Action, Reply, Way};

impl Simulation {
    /// The next action of the scenario happens, or one that took its time ends.
    pub(super) fn act(&mut self) {
        if let Some(index) = self.script.back() {
            return self.comes_back(index);
        }
        let index = self.script.take();
        self.note(&Event::Action { index });
        match self.scenario.actions[index].clone() {
            Action::Advance { millis } if millis >= 0 => self.script.pass(millis.unsigned_abs()),
            Action::Until { at } => self.script.until(at),
            action @ Action::Advance { millis } => {
                let detail = format!("{millis} ms");
                self.note(&Event::Server { does: "clock jumps", detail: &detail });
                self.serve(&action);
                self.note_all_standings();
            }
            action @ Action::StepWallClock { millis } => {
                let detail = format!("{millis:+} ms");
                self.note(&Event::Server { does: "wall clock set", detail: &detail });
                self.serve(&action);
            }
            Action::Stall { millis } => self.leaves(index, millis, "stalls"),
            Action::Restart { down, .. } => self.leaves(index, down, "stops"),
            Action::Crash { down, .. } => self.leaves(index, down, "is killed"),
            Action::Tick { budget } => self.serve(&Action::Tick { budget }),
            Action::Command { client, command } => self.command(client, command),
            Action::Lose { client, way, datagrams } => self.lose(client, way, datagrams),
            Action::Link { client, link } => self.change_link(client, link),
            Action::Rebind { client, address } => self.rebind(client, address),
            action @ (Action::Register { .. }
            | Action::Pulse { .. }
            | Action::Datagram { .. }
            | Action::Verify { .. }
            | Action::Logout { .. }
            | Action::LookUp { .. }
            | Action::Status { .. }) => self.reach_directly(&action),
        }
    }

    pub(super) fn arrive_at_server(&mut self, message: Message) {
        let Some(index) = self.script.away() else { return self.handle(message) };
        if matches!(self.scenario.actions[index], Action::Stall { .. }) {
            self.note(&Event::Arrived { message: message.number, fate: "queued" });
            self.waiting.push_back(message);
            return;
        }
        self.note(&Event::Arrived { message: message.number, fate: "refused" });
        if let (&Content::Request { number, asked, .. }, Some(client)) = (&message.content, message.from) {
            // Nobody listens, and the system says so.
            self.answer(client, (number, asked), Heard::NoConnection, &message);
        }
    }

    /// Hands something to the server that is no message.
    pub(super) fn serve(&mut self, action: &Action) {
        self.catch_up();
        self.apply(action);
        self.note_violations(None, None);
    }

    /// The server handles a message, and answers.
    fn handle(&mut self, message: Message) {
        let from = SocketAddr::V4(message.source);
        let (action, client) = match message.content {
            Content::Pulse { key_of } => (Action::Pulse { client: key_of, from }, Some(key_of)),
            Content::Noise(ref payload) => (Action::Datagram { from, payload: payload.clone() }, None),
            Content::Request { caller, asked, .. } => (asked.of(caller), Some(caller)),
            // Nobody sends such to the server.
            Content::Code(_) | Content::Answer { .. } | Content::Probe(_) => return,
        };
        self.catch_up();
        let output = self.apply(&action);
        let reply = match (output, &message.content) {
            (Some(Output::Transmit { code, .. }), _) => {
                self.counts.answered(code);
                Some(self.answer_datagram(Content::Code(code), &message))
            }
            (Some(output), &Content::Request { number, asked, .. }) => {
                message.from.map(|client| self.answer(client, (number, asked), heard(output), &message))
            }
            _ => None,
        };
        self.note_answered(message.number, client, &action, output, reply);
    }

    /// An action reaches the server without any network in between.
    fn reach_directly(&mut self, action: &Action) {
        self.messages += 1;
        let number = self.messages;
        let [named, _] = action.clients();
        let source = action.source();
        let client = if let Action::Datagram { payload, .. } = action {
            self.keys_client(payload.as_ref())
        } else {
            named
        };
        self.counts.pulses_sent += u64::from(matches!(action, Action::Pulse { .. }));
        if self.recorder.is_some()
            && let Some(carries) = self.carried(action)
        {
            let event = Event::Sent {
                message: number,
                from: client,
                to: Some(Who::SERVER),
                carries,
                source: source.map_or_else(|| "direct".into(), |source| source.to_string()),
                destination: if source.is_some() { SERVER_UDP } else { SERVER_HTTP }.to_string(),
                arrives: Some(self.elapsed),
                lost: None,
                copy_of: None,
                resent: 0,
            };
            self.note(&event);
        }
        self.catch_up();
        let output = self.apply(action);
        let reply = match output {
            Some(Output::Transmit { destination, code }) => {
                self.counts.answered(code);
                Some(destination.to_string())
            }
            Some(Output::Dropped(_)) | None => None,
            Some(_) => Some("direct".into()),
        };
        let reply = reply.map(|destination| {
            self.messages += 1;
            Replied::new(self.messages, client, destination, Some(self.elapsed), None)
        });
        self.note_answered(number, client, action, output, reply);
    }

    fn note_answered(
        &mut self,
        message: u64,
        client: Option<u16>,
        action: &Action,
        output: Option<Output>,
        reply: Option<Replied>,
    ) {
        if let Some(recorder) = &mut self.recorder {
            let sent = output.and_then(|output| self.world.reply(action, output));
            let mut answered =
                Answered { message, client, changes: self.world.changes(), reply, ..Answered::default() };
            let body: Box<RawValue>;
            match (sent, output) {
                (Some(Reply::Datagram { bytes, .. }), Some(Output::Transmit { code, .. })) => {
                    answered.code = Some(code.number());
                    answered.bytes = Some(hex::encode(bytes));
                }
                (Some(Reply::Http { status, body: json }), _) => {
                    body = RawValue::from_string(json).expect("every body is JSON");
                    answered.status = Some(status);
                    answered.body = Some(&body);
                }
                (_, Some(Output::Dropped(reason))) => answered.dropped = Some(reason),
                _ => {}
            }
            recorder.record(self.elapsed, &Event::Answered(Box::new(answered)));
        }
        self.note_violations(client, Some(message));
        if let Some(client) = client {
            self.note_standing(client, self.now_of_server());
        }
    }

    /// Sends the answer to a datagram to where that came from.
    fn answer_datagram(&mut self, content: Content, to: &Message) -> Replied {
        let destination = to.source;
        let client = self.places.behind(destination);
        let fate = match client {
            Some(client) => self.parties[usize::from(client)].path.carry(Way::Down, &mut self.chance),
            None => Fate::Arrives { after: 0, again: None },
        };
        let (after, again, lost) = match fate {
            Fate::Lost(why) => (None, None, Some(why)),
            Fate::Arrives { after, again } => (Some(after), again, None),
        };
        let copy = again.map(|again| (again, content.clone()));
        let mut replied = self.reply(client, content, SERVER_UDP, destination, after, lost);
        if let Some((again, content)) = copy {
            replied.copy_arrives =
                self.reply(client, content, SERVER_UDP, destination, Some(again), None).arrives;
        }
        replied
    }

    /// Sends the answer to a request, on the connection on which that came.
    fn answer(&mut self, client: u16, (number, asked): (u32, Asked), heard: Heard, to: &Message) -> Replied {
        let carried = self.parties[usize::from(client)].path.carry_reliably(Way::Down, &mut self.chance);
        let lost = carried.is_none().then_some("loss");
        let content = Content::Answer { client, number, asked, heard };
        let after = carried.map(|(after, _)| after);
        let replied = self.reply(Some(client), content, SERVER_HTTP, to.source, after, lost);
        Replied { resent: carried.map_or(0, |(_, resent)| resent), ..replied }
    }

    fn reply(
        &mut self,
        to: Option<u16>,
        content: Content,
        source: SocketAddrV4,
        destination: SocketAddrV4,
        after: Option<u64>,
        lost: Option<&'static str>,
    ) -> Replied {
        self.messages += 1;
        let lost = lost.or_else(|| self.agenda.is_full().then_some("overflow"));
        self.counts.lost += u64::from(lost.is_some());
        let arrives = after.filter(|_| lost.is_none()).map(|after| self.elapsed.saturating_add(after));
        if let Some(at) = arrives {
            let message = Message { number: self.messages, from: None, source, destination, content };
            self.agenda.arrive(at, message);
        }
        Replied::new(self.messages, to, destination.to_string(), arrives, lost)
    }

    /// The server stops running, for a while.
    fn leaves(&mut self, index: usize, millis: u64, does: &'static str) {
        self.catch_up();
        let detail = format!("for {millis} ms");
        self.note(&Event::Server { does, detail: &detail });
        self.script.leave(index, millis);
    }

    /// The server runs again.
    fn comes_back(&mut self, index: usize) {
        let action = self.scenario.actions[index].clone();
        let (does, detail) = if let Action::Restart { forgets, .. } = action {
            ("starts", if forgets { "knowing nobody" } else { "with the clients that it had saved" })
        } else if let Action::Crash { .. } = action {
            ("starts", "with the clients that were on disk")
        } else {
            ("resumes", "")
        };
        self.note(&Event::Server { does, detail });
        // It passes the time that the server was away.
        self.apply(&action);
        self.note_violations(None, None);
        self.note_all_standings();
        while let Some(message) = self.waiting.pop_front() {
            self.handle(message);
        }
    }

    /// The server's clocks get to where the simulation is.
    fn catch_up(&mut self) {
        let behind = self.elapsed.saturating_sub(self.world.elapsed());
        if behind > 0 {
            self.apply(&Action::Advance { millis: i64::try_from(behind).unwrap_or(i64::MAX) });
        }
    }

    fn apply(&mut self, action: &Action) -> Option<Output> {
        if let Some(trace) = &mut self.trace {
            trace.push(action.clone());
        }
        let output = self.world.apply(action);
        if let Some(watch) = &mut self.watch {
            watch.see(&self.world, action, output);
        }
        output
    }

    fn note_violations(&mut self, client: Option<u16>, message: Option<u64>) {
        let Some(watch) = &mut self.watch else { return };
        for violation in watch.take_violations() {
            let event =
                Event::Violation { invariant: violation.invariant, client, message, says: &violation.says };
            self.note(&event);
        }
    }

    fn note_all_standings(&mut self) {
        let now = self.now_of_server();
        let population = self.watch.as_ref().map_or(0, |watch| watch.population());
        for client in 0..population {
            self.note_standing(client, now);
        }
    }

    fn keys_client(&self, payload: &[u8]) -> Option<u16> {
        self.scenario.setup.keys().client(payload)
    }
}

/// What a client makes of an answer.
fn heard(output: Output) -> Heard {
    match output {
        Output::Response(Response::PeerAddress { address, .. }) => {
            v4(address).map_or(Heard::Ok, Heard::Address)
        }
        Output::Rejection(rejection) => Heard::Refused(rejection.status()),
        Output::Taken => Heard::Taken,
        Output::Registered { .. }
        | Output::Response(
            Response::Verified { .. } | Response::LoggedOut { .. } | Response::PeerStatus { .. },
        )
        | Output::Transmit { .. }
        | Output::Dropped(DropReason::WrongLength | DropReason::SourcePortZero)
        | Output::Ticked(_)
        | Output::Resumed => Heard::Ok,
    }
}
