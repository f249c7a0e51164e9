//! Clients that run the real client machine against the real server, and pairs that punch, in virtual time over a network that loses
//! datagrams. Each client has a network and a server of its own: they share nothing, so a million hours take minutes.

use std::net::SocketAddr;

use rendezvous_crowd::TestRng;
use rendezvous_protocol::client::{Answer, Client, Event, Output, Request as Asks};
use rendezvous_protocol::punch::{Event as PunchEvent, Punch};
use rendezvous_protocol::{
    ClientId, Clock, DatagramContent, Input, Instant, Millis, Output as Says, PulseCode, Request, Response,
    Server, Timing, UnixTime,
};

/// What became of a client, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Pulses that it sent.
    pub pulses: u64,
    /// Of them, those that the server accepted.
    pub accepted: u64,
    /// Requests that it made.
    pub requests: u64,
    /// How often it had to verify and was still known.
    pub reverified: u64,
    /// How often the server had forgotten it: a logout by error.
    pub lost: u64,
}

impl std::ops::AddAssign for Reached {
    fn add_assign(&mut self, other: Self) {
        self.pulses += other.pulses;
        self.accepted += other.accepted;
        self.requests += other.requests;
        self.reverified += other.reverified;
        self.lost += other.lost;
    }
}

/// A network between one client and its server.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Of a million datagrams each way, so many are lost.
    pub loss_per_million: u32,
    /// From one end to the other.
    pub delay: Millis,
}

/// Lets one client live for so long. Requests are not lost: they go over TCP.
pub fn live(timing: Timing, network: Network, length: Millis, seed: u64) -> Reached {
    let mut life = Life {
        server: Server::new(timing),
        client: Client::new(Instant::ZERO, seed),
        rng: TestRng::new(seed),
        network,
        timing,
        under_way: vec![],
        now: Instant::ZERO,
        ids: 0,
        reached: Reached::default(),
    };
    let end = Instant::ZERO + length;
    let mut stillness = Stillness::default();
    life.flush();
    while let Some(due) = life.next().filter(|due| *due <= end) {
        stillness.turn(due);
        life.now = due;
        life.step();
        life.flush();
    }
    life.reached
}

struct Life {
    server: Server,
    client: Client,
    rng: TestRng,
    network: Network,
    timing: Timing,
    under_way: Vec<(Instant, Carried)>,
    now: Instant,
    ids: u64,
    reached: Reached,
}

#[derive(Clone, Copy)]
enum Carried {
    Pulse(ClientId),
    Code(PulseCode),
    Asks { number: u32, asks: Asks, caller: Option<ClientId> },
    Answer { number: u32, answer: Answer },
}

impl Life {
    fn next(&self) -> Option<Instant> {
        self.under_way.iter().map(|(at, _)| *at).chain(self.client.poll_timeout()).min()
    }

    fn step(&mut self) {
        while let Some(at) = self.under_way.iter().position(|(at, _)| at.is_due(self.now)) {
            let (_, carried) = self.under_way.swap_remove(at);
            match carried {
                Carried::Pulse(id) => self.pulse(id),
                Carried::Code(code) => self.client.handle_code(self.now, code),
                Carried::Asks { number, asks, caller } => self.ask(number, asks, caller),
                Carried::Answer { number, answer } => self.client.handle_answer(self.now, number, answer),
            }
        }
        if self.client.poll_timeout().is_some_and(|due| due.is_due(self.now)) {
            self.client.handle_timeout(self.now);
        }
    }

    fn flush(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Pulse { .. } => {
                    self.reached.pulses += 1;
                    let id = self.client.id().expect("a pulse needs a key");
                    self.send(Carried::Pulse(id));
                }
                Output::Request { number, request } => {
                    self.reached.requests += 1;
                    let caller = self.client.id();
                    let asks = Carried::Asks { number, asks: request, caller };
                    self.under_way.push((self.now + self.network.delay, asks));
                }
                Output::Resolve => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::ReRegistered { .. } => self.reached.lost += 1,
                Event::Reverified => self.reached.reverified += 1,
                Event::Registered { .. }
                | Event::Online
                | Event::AddressChanged { .. }
                | Event::Lost
                | Event::Refused { .. }
                | Event::Unreachable { .. }
                | Event::LoggedOut { .. } => {}
            }
        }
    }

    /// Over UDP: it may be lost.
    fn send(&mut self, carried: Carried) {
        if self.rng.below(1_000_000) >= self.network.loss_per_million as usize {
            self.under_way.push((self.now + self.network.delay, carried));
        }
    }

    fn pulse(&mut self, id: ClientId) {
        let source = SocketAddr::from(([192, 0, 2, 7], 4000));
        let says = self.serve(Input::Datagram { source, content: DatagramContent::Pulse(id) });
        if let Says::Transmit { code, .. } = says {
            self.reached.accepted += u64::from(code == PulseCode::OnTime);
            self.send(Carried::Code(code));
        }
    }

    fn ask(&mut self, number: u32, asks: Asks, caller: Option<ClientId>) {
        let known = caller.unwrap_or(ClientId::from_bytes([0; 16]));
        let request = match asks {
            Asks::Register => {
                self.ids += 1;
                Request::Register { id: new_id(self.ids) }
            }
            Asks::Verify => Request::Verify { caller: known },
            Asks::Logout => Request::Logout { caller: known },
            Asks::OwnAddress => Request::PeerAddress { caller: known, peer: Some(known) },
        };
        let answer = match self.serve(Input::Request(request)) {
            Says::Registered { client_id, .. } => Answer::Registered { id: client_id, timing: self.timing },
            Says::Response(Response::PeerAddress { address, .. }) => Answer::Address(address),
            Says::Response(_) => Answer::Done,
            Says::Rejection(rejection) if rejection.status() == 401 => Answer::Unknown,
            Says::Rejection(_) => Answer::Refused { retry_after: None },
            other @ (Says::Transmit { .. }
            | Says::Dropped(_)
            | Says::Taken
            | Says::Ticked(_)
            | Says::Resumed) => panic!("{other:?} is no answer to a request"),
        };
        self.under_way.push((self.now + self.network.delay, Carried::Answer { number, answer }));
    }

    fn serve(&mut self, input: Input) -> Says {
        let at = Clock { now: self.now, unix: UnixTime::from_millis(self.now.as_millis()) };
        self.server.handle(at, input, &mut |_| {})
    }
}

fn new_id(number: u64) -> ClientId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    ClientId::from_bytes(bytes)
}

/// How two clients found each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// In which attempt the later of the two was connected, and how long after it began to try.
    pub connected: Option<(u32, Millis)>,
    /// The most probes of an attempt.
    pub most_probes: u32,
}

/// Two clients behind port-restricted NATs punch over such a network, each up to three times in a row, the second a little later than the first.
pub fn meet(network: Network, later: Millis, seed: u64) -> Meeting {
    let mut rng = TestRng::new(seed);
    let ids = [new_id(1), new_id(2)];
    let addresses: [SocketAddr; 2] = [([192, 0, 2, 1], 1000).into(), ([192, 0, 2, 2], 2000).into()];
    let begins = [Instant::ZERO, Instant::ZERO + later];
    let mut punches: [Option<Punch>; 2] = [None, None];
    let mut attempts = [0_u32; 2];
    let mut connected = [None; 2];
    let mut probes = [0_u32; 2];
    let mut most_probes = 0;
    // A NAT lets in what comes from where something was sent to.
    let mut open = [false; 2];
    let mut under_way = vec![];
    let mut now = Instant::ZERO;
    let mut stillness = Stillness::default();
    loop {
        stillness.turn(now);
        for side in [0, 1] {
            if attempts[side] == 0 && begins[side].is_due(now) {
                attempts[side] = 1;
                punches[side] =
                    Some(Punch::new(now, ids[side], ids[1 - side], addresses[1 - side], rng.number()));
            }
            let Some(punch) = &mut punches[side] else { continue };
            if punch.poll_timeout().is_some_and(|due| due.is_due(now)) {
                punch.handle_timeout(now);
            }
            while let Some(transmit) = punch.poll_transmit() {
                open[side] = true;
                if rng.below(1_000_000) >= network.loss_per_million as usize {
                    under_way.push((now + network.delay, 1 - side, transmit.probe));
                }
            }
            let mut failed = false;
            while let Some(event) = punch.poll_event() {
                match event {
                    PunchEvent::Probing { sent } => {
                        probes[side] = sent;
                        most_probes = most_probes.max(sent);
                    }
                    PunchEvent::Connected { .. } => {
                        connected[side] = Some((attempts[side], now.since(begins[side])));
                    }
                    PunchEvent::Failed { .. } => failed = true,
                    PunchEvent::Moved { .. } | PunchEvent::Closed => {}
                }
            }
            if failed && attempts[side] < 3 {
                attempts[side] += 1;
                punches[side] =
                    Some(Punch::new(now, ids[side], ids[1 - side], addresses[1 - side], rng.number()));
            }
        }
        if let [Some(one), Some(other)] = connected {
            return Meeting { connected: Some(one.max(other)), most_probes };
        }
        let begin = (attempts[1] == 0).then_some(begins[1]);
        let timers = punches.iter().flatten().filter_map(Punch::poll_timeout);
        let next = timers.chain(under_way.iter().map(|(at, ..)| *at)).chain(begin).min();
        // A path that only one of them has ends after 30 s; by then the other has given up.
        let Some(next) = next.filter(|next| next.since(begins[1]) < Millis(15_000)) else {
            return Meeting { connected: None, most_probes };
        };
        now = next;
        while let Some(at) = under_way.iter().position(|(at, ..)| at.is_due(now)) {
            let (_, to, probe) = under_way.swap_remove(at);
            if let Some(punch) = punches[to].as_mut().filter(|_| open[to]) {
                punch.handle_probe(now, addresses[1 - to], &probe);
            }
        }
    }
}

/// Notices a machine that asks for a moment again and again: its loop would have no end.
#[derive(Default)]
struct Stillness {
    since: Instant,
    turns: u32,
}

impl Stillness {
    fn turn(&mut self, now: Instant) {
        self.turns = if now == self.since { self.turns + 1 } else { 0 };
        self.since = now;
        assert!(self.turns < 10_000, "time stands still at {now:?}: what is due there is never done");
    }
}
