//! The one task that drives it all: the client machine, the punches, the socket and the requests.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rendezvous_protocol::client::{Answer, Client as Machine, Event as ClientEvent, Output, Request, State};
use rendezvous_protocol::punch::{Event as PunchEvent, Kind, Probe, Punch};
use rendezvous_protocol::{ClientId, Instant, PulseCode};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::asking::{ask, understand};
use super::clock;
use super::http::Http;
use super::path::PathState;
use super::socket::{self, Socket};
use super::{Credentials, Datagram, Event};

/// How often it looks whether this machine has another address now, and whether it slept: a timer of the runtime may stand still
/// while the machine is suspended.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// A peer that knocks is news once in so long.
const KNOCK: Duration = Duration::from_secs(1);
/// How many datagrams it takes from the socket before it looks after anything else.
const BATCH: usize = 64;

/// What is seen of a client from outside.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) credentials: Option<Arc<Credentials>>,
    pub(super) address: Option<SocketAddr>,
    /// Why the last request failed, until one is answered.
    pub(super) trouble: Option<String>,
}

/// What the handles of a client want of it.
#[derive(Debug)]
pub(super) enum Command {
    Punch(PunchCommand),
    /// Forget a punch, unless another took its place.
    EndPunch {
        peer: ClientId,
        token: u64,
    },
    Logout(oneshot::Sender<bool>),
}

/// An attempt to begin.
#[derive(Debug)]
pub(super) struct PunchCommand {
    pub(super) peer: ClientId,
    pub(super) address: SocketAddr,
    pub(super) token: u64,
    pub(super) state: watch::Sender<PathState>,
    pub(super) data: mpsc::Sender<Vec<u8>>,
}

struct Punching {
    punch: Punch,
    command: PunchCommand,
}

/// What a request or a lookup of the server's name came to.
enum Done {
    Answer { number: u32, answer: Answer, credentials: Option<Credentials>, trouble: Option<String> },
    Addresses(std::io::Result<Vec<IpAddr>>),
}

pub(super) struct Driver {
    pub(super) http: Http,
    pub(super) socket: Socket,
    pub(super) machine: Machine,
    pub(super) credentials: Option<Arc<Credentials>>,
    /// Where the server's host is, as far as it is known.
    pub(super) server: IpAddr,
    /// Whether to look for another way out when the machine's address changes: not if it was told which to use.
    pub(super) roams: bool,
    /// Whether it stays registered when nobody wants it any more.
    pub(super) stays: bool,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) view: watch::Sender<View>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) datagrams: mpsc::Sender<Datagram>,
}

/// What it has while it runs.
struct Running {
    driver: Driver,
    requests: JoinSet<Done>,
    punches: HashMap<ClientId, Punching>,
    goodbyes: Vec<oneshot::Sender<bool>>,
    way_out: Option<IpAddr>,
    last_knock: Option<(ClientId, Instant)>,
    abandoned: bool,
    resolving: bool,
}

impl Driver {
    /// Runs until the client has logged out, or is abandoned and stays registered.
    pub(super) async fn run(self) {
        let mut running = Running {
            driver: self,
            requests: JoinSet::new(),
            punches: HashMap::new(),
            goodbyes: vec![],
            way_out: None,
            last_knock: None,
            abandoned: false,
            resolving: false,
        };
        running.way_out = running.find_way_out();
        running.drive().await;
    }
}

impl Running {
    async fn drive(&mut self) {
        let mut buffer = vec![0; socket::BUFFER];
        let mut look_around = tokio::time::interval(LOOK_AROUND);
        look_around.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let socket = self.driver.socket.clone();
        loop {
            self.flush().await;
            if self.driver.machine.state() == State::Ended || (self.abandoned && self.driver.stays) {
                return;
            }
            let wait = self.until_due();
            tokio::select! {
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((len, from)) => self.received(&mut buffer, len, from),
                    // Some systems report here that an earlier datagram did not arrive. It is lost like any other.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                },
                command = self.driver.commands.recv(), if !self.abandoned => self.command(command),
                Some(done) = self.requests.join_next() => {
                    if let Ok(done) = done {
                        self.done(done);
                    }
                }
                _ = look_around.tick() => self.look_around(),
                () = tokio::time::sleep(wait) => {}
            }
            let now = clock::now();
            if self.driver.machine.poll_timeout().is_some_and(|due| due.is_due(now)) {
                self.driver.machine.handle_timeout(now);
            }
            for punching in self.punches.values_mut() {
                if punching.punch.poll_timeout().is_some_and(|due| due.is_due(now)) {
                    punching.punch.handle_timeout(now);
                }
            }
        }
    }

    fn until_due(&self) -> Duration {
        let punches = self.punches.values().filter_map(|punching| punching.punch.poll_timeout());
        let due = punches.chain(self.driver.machine.poll_timeout()).min();
        due.map_or(LOOK_AROUND, |due| due.since(clock::now()).into())
    }

    /// Takes a datagram, and what else is there already.
    fn received(&mut self, buffer: &mut [u8], len: usize, from: SocketAddr) {
        self.datagram(&buffer[..len], from);
        for _ in 1..BATCH {
            let Ok((len, from)) = self.driver.socket.try_recv_from(buffer) else { return };
            self.datagram(&buffer[..len], from);
        }
    }

    /// Whose it is: the server's, a peer's probe, a path's, or else the application's.
    fn datagram(&mut self, bytes: &[u8], from: SocketAddr) {
        let now = clock::now();
        if Some(from) == self.server()
            && let Some(code) = PulseCode::decode(bytes)
        {
            return self.driver.machine.handle_code(now, code);
        }
        if let Some(probe) = Probe::decode(bytes) {
            return self.probed(&probe, from, now);
        }
        let path = self.punches.values().find(|punching| punching.punch.is_from_peer(from));
        // A queue that is full loses the datagram, as one of the system does.
        match path {
            Some(punching) => drop(punching.command.data.try_send(bytes.to_vec())),
            None => drop(self.driver.datagrams.try_send((bytes.to_vec(), from))),
        }
    }

    fn probed(&mut self, probe: &Probe, from: SocketAddr, now: Instant) {
        let peer = probe.sender;
        // Its punch knows by which id this client began it, which may be another by now.
        if let Some(punching) = self.punches.get_mut(&peer) {
            return punching.punch.handle_probe(now, from, probe);
        }
        if Some(probe.receiver) != self.driver.machine.id() {
            return; // For an id that this client had before, or never had.
        }
        let is_news =
            !self.last_knock.is_some_and(|(last, at)| last == peer && Duration::from(now.since(at)) < KNOCK);
        if probe.kind == Kind::Probe && is_news {
            self.last_knock = Some((peer, now));
            self.tell(Event::Knock { peer, from });
        }
    }

    fn command(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Punch(command)) => self.begin_punch(command),
            Some(Command::EndPunch { peer, token }) => {
                self.punches.retain(|id, punching| *id != peer || punching.command.token != token);
            }
            Some(Command::Logout(told)) => {
                self.goodbyes.push(told);
                self.driver.machine.logout(clock::now());
            }
            None => {
                self.abandoned = true;
                if !self.driver.stays {
                    self.driver.machine.logout(clock::now());
                }
            }
        }
    }

    fn begin_punch(&mut self, command: PunchCommand) {
        let Some(me) = self.driver.machine.id() else {
            return; // Registering again: whoever waits sees its channel close, and looks the peer up again.
        };
        let Ok(seed) = getrandom::u64() else { return };
        let punch = Punch::new(clock::now(), me, command.peer, command.address, seed);
        self.punches.insert(command.peer, Punching { punch, command });
    }

    fn done(&mut self, done: Done) {
        let now = clock::now();
        match done {
            Done::Answer { number, answer, credentials, trouble } => {
                self.driver.view.send_modify(|view| view.trouble = trouble);
                self.driver.machine.handle_answer(now, number, answer);
                // The machine may have given that request up long ago: then this is nobody's key.
                if let Some(new) = credentials.filter(|new| Some(new.id()) == self.driver.machine.id()) {
                    self.driver.credentials = Some(Arc::new(new));
                }
            }
            Done::Addresses(found) => {
                self.resolving = false;
                let found = found.unwrap_or_default();
                let usable = || found.iter().copied().filter(|ip| self.driver.socket.reaches(*ip));
                if !usable().any(|ip| ip == self.driver.server)
                    && let Some(ip) = usable().next()
                {
                    self.driver.server = ip;
                    self.way_out = self.find_way_out();
                    self.driver.machine.network_changed(now);
                }
            }
        }
    }

    /// Notices that this machine is somewhere else now.
    fn look_around(&mut self) {
        let found = self.find_way_out();
        if found != self.way_out {
            self.way_out = found;
            if found.is_some() {
                self.driver.machine.network_changed(clock::now());
            }
        }
    }

    fn find_way_out(&self) -> Option<IpAddr> {
        if self.driver.roams { socket::way_out((self.driver.server, 9).into()) } else { None }
    }

    fn server(&self) -> Option<SocketAddr> {
        let port = self.driver.credentials.as_ref()?.udp_port();
        Some((self.driver.server, port).into())
    }

    /// Does all that the machines want done.
    async fn flush(&mut self) {
        while let Some(output) = self.driver.machine.poll_output() {
            match output {
                Output::Pulse { .. } => {
                    if let (Some(server), Some(credentials)) = (self.server(), &self.driver.credentials) {
                        // What cannot be sent is a pulse that is not answered: it is repeated.
                        drop(self.driver.socket.send_to(credentials.key().reveal(), server).await);
                    }
                }
                Output::Request { number, request } => self.request(number, request),
                Output::Resolve => self.resolve(),
            }
        }
        for punching in self.punches.values_mut() {
            while let Some(transmit) = punching.punch.poll_transmit() {
                drop(self.driver.socket.send_to(&transmit.probe.encode(), transmit.destination).await);
            }
            while let Some(event) = punching.punch.poll_event() {
                punching.command.state.send_replace(match event {
                    PunchEvent::Probing { sent } => PathState::Probing { sent },
                    PunchEvent::Connected { address, rtt } => PathState::Connected { address, rtt },
                    PunchEvent::Moved { address } => {
                        PathState::Connected { address, rtt: Default::default() }
                    }
                    PunchEvent::Failed { reason } => PathState::Failed { reason },
                    PunchEvent::Closed => PathState::Closed,
                });
            }
        }
        // Dropping what is closed ends its queue, so that whoever reads from it learns of it.
        self.punches.retain(|_, punching| *punching.command.state.borrow() != PathState::Closed);
        while let Some(event) = self.driver.machine.poll_event() {
            self.tell(Event::Client(event));
            if let ClientEvent::LoggedOut { confirmed } = event {
                for told in self.goodbyes.drain(..) {
                    let _nobody_waits = told.send(confirmed);
                }
            }
        }
        self.show();
    }

    fn show(&self) {
        let machine = &self.driver.machine;
        let credentials = self.driver.credentials.clone().filter(|kept| Some(kept.id()) == machine.id());
        let (state, address) = (machine.state(), machine.address());
        self.driver.view.send_if_modified(|view| {
            let before = (view.state, view.address, view.credentials.as_ref().map(|kept| kept.id()));
            let changed = before != (state, address, credentials.as_ref().map(|kept| kept.id()));
            (view.state, view.address, view.credentials) = (state, address, credentials);
            changed
        });
    }

    fn tell(&self, event: Event) {
        let _nobody_listens = self.driver.events.send(event);
    }

    fn resolve(&mut self) {
        if !std::mem::replace(&mut self.resolving, true) {
            let http = self.driver.http.clone();
            self.requests.spawn(async move { Done::Addresses(http.addresses().await) });
        }
    }

    fn request(&mut self, number: u32, request: Request) {
        let http = self.driver.http.clone();
        let credentials = self.driver.credentials.clone();
        self.requests.spawn(async move {
            match ask(&http, credentials.as_deref(), request).await {
                Ok((answer, credentials)) => Done::Answer { number, answer, credentials, trouble: None },
                Err(error) => {
                    let (answer, trouble) = understand(error);
                    Done::Answer { number, answer, credentials: None, trouble: Some(trouble) }
                }
            }
        });
    }
}
