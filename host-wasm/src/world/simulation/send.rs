//! Clients at work on the network: what they decided to do is sent, and may get lost.

use std::net::SocketAddrV4;

use rendezvous_protocol::ClientId;
use rendezvous_protocol::punch::Kind;

use super::Simulation;
use super::agent::Deed;
use super::event::{Carries, Event, Who};
use super::message::{Asked, Content, Message, SERVER_HTTP, SERVER_UDP};
use super::path::Fate;
use crate::world::{Action, Command, Link, Payload, Way};

/// How much of a datagram the log shows.
const SHOWN_BYTES: usize = 16;

/// Where connections come from, for the log: a port for each client, more or less.
const FIRST_CONNECTION: u16 = 45_000;
const CONNECTIONS: u16 = 20_000;

impl Simulation {
    pub(super) fn perform(&mut self, client: u16, deed: Deed) {
        match deed {
            Deed::Pulse(key_of) => self.send_datagram(client, SERVER_UDP, Content::Pulse { key_of }),
            Deed::Noise(len) => {
                let payload = Payload::from(self.chance.bytes(len));
                self.send_datagram(client, SERVER_UDP, Content::Noise(payload));
            }
            Deed::Probe { to, probe } => self.send_datagram(client, to, Content::Probe(probe)),
            Deed::Request { number, caller, asked } => self.send_request(client, number, caller, asked),
            Deed::Says(does, detail) => self.note(&Event::Client { client, does, detail: &detail }),
        }
    }

    /// A client does what the scenario tells it to.
    pub(super) fn command(&mut self, client: u16, command: Command) {
        let party = &mut self.parties[usize::from(client)];
        if let Command::Sleep | Command::Wake = command {
            party.told_to_sleep = command == Command::Sleep;
        } else if party.asleep {
            self.note(&Event::Client { client, does: "sleeps", detail: "and does nothing" });
        } else if !party.started {
            self.note(&Event::Client { client, does: "has not started", detail: "and does nothing" });
        } else {
            self.with_agent(client, |agent, moment| agent.command(moment, command));
        }
        self.mind_sleep(client);
        self.set_alarm(client);
    }

    pub(super) fn change_link(&mut self, client: Option<u16>, link: Link) {
        match client {
            Some(client) => self.parties[usize::from(client)].path.link = link,
            None => self.parties.iter_mut().for_each(|party| party.path.link = link),
        }
        let detail = serde_json::to_string(&link).expect("every link can be written as JSON");
        self.note(&Event::Network { client, does: "link changes", detail: &detail });
    }

    pub(super) fn lose(&mut self, client: u16, way: Way, datagrams: u16) {
        self.parties[usize::from(client)].path.lose(way, datagrams);
        let detail = match way {
            Way::Up => format!("{datagrams} on the way to the server"),
            Way::Down => format!("{datagrams} on the way to the client"),
        };
        self.note(&Event::Network { client: Some(client), does: "will lose", detail: &detail });
    }

    pub(super) fn rebind(&mut self, client: u16, address: bool) {
        if let Some(nat) = self.parties[usize::from(client)].nat {
            let address = self.places.rebind(nat, address);
            let detail = format!("the mappings of {address} are forgotten");
            self.note(&Event::Network { client: Some(client), does: "rebinds", detail: &detail });
        }
    }

    fn send_datagram(&mut self, client: u16, to: SocketAddrV4, content: Content) {
        let Self { places, parties, chance, elapsed, counts, .. } = self;
        let party = &mut parties[usize::from(client)];
        counts.pulses_sent += u64::from(matches!(content, Content::Pulse { .. }));
        let outside = places.outbound(*elapsed, party, to);
        let source = outside.unwrap_or(party.socket);
        let mut fate = match outside {
            Some(_) => party.path.carry(Way::Up, chance),
            None => Fate::Lost("no port left"),
        };
        let mut whom = Some(Who::SERVER);
        if to != SERVER_UDP {
            // Between two clients lie the links of both.
            let peer = places.behind(to);
            whom = peer.map(Who::Client);
            if let (Fate::Arrives { after, again }, Some(peer)) = (fate, peer) {
                fate = match parties[usize::from(peer)].path.carry(Way::Down, chance) {
                    Fate::Arrives { after: more, .. } => {
                        Fate::Arrives { after: after + more, again: again.map(|again| again + more) }
                    }
                    lost => lost,
                };
            }
        }
        match fate {
            Fate::Lost(why) => {
                self.send(client, whom, (source, to), content, None, Some(why), None, 0);
            }
            Fate::Arrives { after, again } => {
                let copy = again.map(|again| (again, content.clone()));
                let first = self.send(client, whom, (source, to), content, Some(after), None, None, 0);
                if let Some((again, content)) = copy {
                    self.send(client, whom, (source, to), content, Some(again), None, Some(first), 0);
                }
            }
        }
    }

    fn send_request(&mut self, client: u16, number: u32, caller: u16, asked: Asked) {
        let party = &mut self.parties[usize::from(client)];
        let carried = party.path.carry_reliably(Way::Up, &mut self.chance);
        let address = self.places.public_address(&self.parties[usize::from(client)]);
        let source = SocketAddrV4::new(address, FIRST_CONNECTION + client % CONNECTIONS);
        let content = Content::Request { number, caller, asked };
        let ends = (source, SERVER_HTTP);
        match carried {
            Some((after, resent)) => {
                self.send(client, Some(Who::SERVER), ends, content, Some(after), None, None, resent);
            }
            None => {
                self.send(client, Some(Who::SERVER), ends, content, None, Some("loss"), None, 0);
            }
        }
    }

    /// Puts a message on its way, if it is not lost. Returns its number.
    #[expect(clippy::too_many_arguments, reason = "they are what the log says of a message")]
    fn send(
        &mut self,
        client: u16,
        whom: Option<Who>,
        (source, destination): (SocketAddrV4, SocketAddrV4),
        content: Content,
        after: Option<u64>,
        lost: Option<&'static str>,
        copy_of: Option<u64>,
        resent: u32,
    ) -> u64 {
        self.messages += 1;
        let lost = lost.or_else(|| self.agenda.is_full().then_some("overflow"));
        self.counts.lost += u64::from(lost.is_some());
        let number = self.messages;
        let arrives = after.filter(|_| lost.is_none()).map(|after| self.elapsed.saturating_add(after));
        if self.recorder.is_some() {
            let event = Event::Sent {
                message: number,
                from: Some(client),
                to: whom,
                carries: self.carries(&content),
                source: source.to_string(),
                destination: destination.to_string(),
                arrives,
                lost,
                copy_of,
                resent,
            };
            self.note(&event);
        }
        if let Some(at) = arrives {
            self.agenda.arrive(at, Message { number, from: Some(client), source, destination, content });
        }
        number
    }
}

impl Simulation {
    /// What an action is that reaches the server as if it were a message; `None` if it is none.
    pub(super) fn carried(&self, action: &Action) -> Option<Carries> {
        let request = |method: &'static str, path: String| Some(Carries::Request { method, path });
        let peer_path = |peer: Option<u16>, rest: &str| {
            let id = peer.map_or_else(|| "?".into(), |peer| short(self.world.id(peer)));
            format!("/peer/{id}/udp{rest}")
        };
        match *action {
            Action::Pulse { client, .. } => Some(Carries::Pulse { key_of: client }),
            Action::Datagram { ref payload, .. } => Some(noise(payload)),
            Action::Register { .. } => request("POST", "/register".into()),
            Action::Verify { .. } => request("POST", "/verify".into()),
            Action::Logout { .. } => request("POST", "/logout".into()),
            Action::LookUp { peer, .. } => request("GET", peer_path(peer, "")),
            Action::Status { peer, .. } => request("GET", peer_path(peer, "/status")),
            Action::Advance { .. }
            | Action::Until { .. }
            | Action::StepWallClock { .. }
            | Action::Tick { .. }
            | Action::Stall { .. }
            | Action::Restart { .. }
            | Action::Crash { .. }
            | Action::Command { .. }
            | Action::Lose { .. }
            | Action::Link { .. }
            | Action::Rebind { .. } => None,
        }
    }

    /// What a message is, for people.
    fn carries(&self, content: &Content) -> Carries {
        match *content {
            Content::Pulse { key_of } => Carries::Pulse { key_of },
            Content::Noise(ref payload) => noise(payload),
            Content::Request { caller, asked, .. } => {
                self.carried(&asked.of(caller)).expect("every request is carried")
            }
            Content::Probe(probe) if probe.kind == Kind::Probe => Carries::Probe,
            Content::Probe(_) | Content::Code(_) | Content::Answer { .. } => Carries::ProbeAnswer,
        }
    }
}

fn noise(payload: &Payload) -> Carries {
    let bytes = payload.as_ref();
    Carries::Noise { length: bytes.len(), hex: hex::encode(&bytes[..bytes.len().min(SHOWN_BYTES)]) }
}

/// Enough of an id to tell it from others.
fn short(id: ClientId) -> String {
    let id = id.to_string();
    format!("{}…", id.get(..8).unwrap_or(&id))
}
