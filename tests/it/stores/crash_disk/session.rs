//! A node on a simulated disk, what is asked of it, and what therefore must be on the disk at every moment.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rendezvous_crowd::TestRng;
use rendezvous_native::store::Pace;
use rendezvous_native::{Node, Unconfirmed};
use rendezvous_protocol::{ClientId, Pulse, PulseCode, Rejection, Response};
use rendezvous_tests::disk::{Image, SimulatedDisk};

use crate::stored::{LAZY, look_up, settings};

/// How much earlier a client may seem to be gone than it is: the server counts whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

/// What is known of a client. A moment is how many operations of the disk there had been.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) id: ClientId,
    number: usize,
    /// From then until `there_until` it must be known.
    there_from: usize,
    there_until: usize,
    /// From then on it must be unknown.
    gone_from: usize,
    /// Where it pulsed from, and from when on the disk may know of that.
    addresses: Vec<(usize, SocketAddr)>,
    /// When it was heard of last, or a little earlier.
    heard: Instant,
    /// Whether it may be there still.
    lives: bool,
}

/// A running node.
pub(crate) struct Session {
    disk: SimulatedDisk,
    node: Node,
    gone_after: Duration,
    short: bool,
    fails: bool,
    /// Those that wanted to log out and were told that this is not possible now.
    leaving: Vec<usize>,
    pub(crate) lives: Vec<Life>,
}

impl Session {
    /// Opens the disk for clients that are gone after a while, or practically never.
    pub(crate) fn open(
        disk: &SimulatedDisk,
        pace: Pace,
        short: bool,
        lives: Vec<Life>,
    ) -> Result<Self, String> {
        let timing = ["--pulse-interval=8ms", "--pulse-grace=2ms", "--error-time=4ms"];
        let settings = settings(if short { &timing } else { &[] });
        let node = Node::open_on(Arc::new(disk.clone()), pace, &settings, 5024)
            .map_err(|error| error.to_string())?;
        let gone_after = Duration::from(settings.timing.gone_after()) - ROUNDING;
        Ok(Self { disk: disk.clone(), node, gone_after, short, fails: false, leaving: vec![], lives })
    }

    /// Registers so many and logs so many out, and waits for none before all have asked.
    pub(crate) fn register_and_log_out(&mut self, registered: usize, left: usize, rng: &mut TestRng) {
        let heard = Instant::now();
        // Whoever is refused never gets to know its id.
        let registrations: Vec<_> =
            (0..registered).filter_map(|_| self.granted(self.node.register())).collect();
        let mut logouts = vec![];
        for _ in 0..left {
            self.note_who_is_there();
            let lives: Vec<_> = (0..self.lives.len()).filter(|&client| self.lives[client].lives).collect();
            if lives.is_empty() {
                break;
            }
            let client = rng.one_of(&lives);
            self.lives[client].lives = false;
            match self.node.logout(self.lives[client].id) {
                Ok(answer) => logouts.push((client, answer)),
                Err(Rejection::Unavailable) if self.fails => self.leaving.push(client),
                Err(rejection) => assert_eq!(rejection, Rejection::UnknownClient, "it expired"),
            }
        }
        // A commit that is answered later has more behind it: both orders are to be seen.
        if rng.once_in(2) {
            self.await_logouts(logouts);
            self.await_registrations(registrations, heard);
        } else {
            self.await_registrations(registrations, heard);
            self.await_logouts(logouts);
        }
        self.note_who_is_there();
    }

    fn await_logouts(&mut self, logouts: Vec<(usize, Unconfirmed<Response>)>) {
        for (client, answer) in logouts {
            match self.granted(answer.wait()) {
                Some(_) => self.lives[client].gone_from = self.disk.operations(),
                None => self.leaving.push(client),
            }
        }
    }

    /// Whether whoever wanted to log out while the disk failed, and was not told that it did, is gone by now.
    pub(crate) fn ask_again(&mut self) {
        for client in mem::take(&mut self.leaving) {
            match self.node.logout(self.lives[client].id) {
                Err(Rejection::UnknownClient) => self.lives[client].gone_from = self.disk.operations(),
                Err(Rejection::Unavailable) => self.leaving.push(client),
                other => panic!("a repeated logout is answered {other:?}"),
            }
        }
    }

    /// From now on the disk may fail, and what needs it be refused.
    pub(crate) fn expect_failures(&mut self) {
        self.fails = true;
    }

    /// Whether the disk is believed to fail.
    pub(crate) fn is_failing(&self) -> bool {
        self.node.stats().store_is_failing
    }

    /// Whether nobody waits to hear that they are gone.
    pub(crate) fn all_are_answered(&self) -> bool {
        self.leaving.is_empty()
    }

    fn granted<T>(&self, answer: Result<T, Rejection>) -> Option<T> {
        answer.inspect_err(|rejection| assert!(self.fails && *rejection == Rejection::Unavailable)).ok()
    }

    fn await_registrations(
        &mut self,
        registrations: Vec<Unconfirmed<rendezvous_protocol::http::RegisterBody>>,
        heard: Instant,
    ) {
        for answer in registrations {
            let Some(id) = self.granted(answer.wait()).map(|body| body.client_id) else { continue };
            let now = self.disk.operations();
            self.lives.push(Life {
                id,
                number: self.lives.len(),
                there_from: now,
                there_until: now,
                gone_from: usize::MAX,
                addresses: vec![],
                heard,
                lives: true,
            });
        }
    }

    /// One in `once_in` of those that are there pulses from an address that it never had before.
    pub(crate) fn pulse_some(&mut self, once_in: usize, rng: &mut TestRng) {
        self.note_who_is_there();
        let (now, heard) = (self.disk.operations(), Instant::now());
        let clients: Vec<_> = (0..self.lives.len())
            .filter(|&client| self.lives[client].lives && rng.once_in(once_in))
            .collect();
        let mut pulses = vec![];
        for &client in &clients {
            let life = &mut self.lives[client];
            let source = life.next_address();
            life.addresses.push((now + 1, source));
            pulses.push(Pulse { id: life.id, source });
        }
        let mut codes = vec![];
        self.node.pulses(&pulses, &mut codes);
        for (&client, code) in clients.iter().zip(codes) {
            match code {
                PulseCode::OnTime => self.lives[client].heard = heard,
                PulseCode::Reverify => drop(self.lives[client].addresses.pop()),
                PulseCode::NotFound => self.lives[client].lives = false,
            }
        }
        self.note_who_is_there();
    }

    /// Forgets those that are gone.
    pub(crate) fn tick(&mut self) {
        self.note_who_is_there();
        self.node.tick(|| true);
    }

    /// Nobody who was heard of so recently can be gone.
    fn note_who_is_there(&mut self) {
        let now = self.disk.operations();
        for life in self.lives.iter_mut().filter(|life| life.lives) {
            if life.heard.elapsed() < self.gone_after {
                life.there_until = now;
            }
        }
    }

    /// Ends in good order. Returns what must be on the disk at every moment, and what must be there in the end: what is in memory.
    pub(crate) fn close(mut self) -> (Vec<Life>, Vec<Life>) {
        self.note_who_is_there();
        self.node.close().unwrap();
        let mut last = self.lives.clone();
        for (life, last) in self.lives.iter_mut().zip(&mut last) {
            match look_up(&self.node, life.id) {
                Some(address) => {
                    life.there_until = usize::MAX;
                    last.there_until = usize::MAX;
                    last.addresses.retain(|&(_, known)| address == Some(known));
                }
                // It may be gone since the store was closed.
                None if self.short => {}
                None => last.gone_from = self.disk.operations(),
            }
        }
        (self.lives, last)
    }
}

impl Life {
    fn next_address(&self) -> SocketAddr {
        let [_, _, high, low] = u32::to_be_bytes(self.number.try_into().unwrap());
        SocketAddr::from(([10, 0, high, low], 1000 + u16::try_from(self.addresses.len()).unwrap()))
    }
}

/// What a node that is opened on an image is found to know.
pub(crate) struct Found {
    pub(crate) known: usize,
    pub(crate) lives: Vec<Life>,
}

/// Opens a node on what the disk holds after a crash before the operation `cut`, and compares. `thorough` pulses from everybody;
/// `refused` says that registrations may have been.
pub(crate) fn check(
    image: Image,
    cut: usize,
    lives: &[Life],
    thorough: bool,
    refused: bool,
) -> Result<(SimulatedDisk, Found), String> {
    let disk = SimulatedDisk::holding(image);
    let session = Session::open(&disk, LAZY, false, vec![])?;
    let node = &session.node;
    let mut found = Found { known: 0, lives: vec![] };
    let mut pulses = vec![];
    for life in lives {
        let known = look_up(node, life.id);
        if cut >= life.gone_from && known.is_some() {
            return Err(format!("a logout that was acknowledged is undone: {life:?}"));
        }
        if (life.there_from..=life.there_until).contains(&cut) && known.is_none() {
            return Err(format!("a registration that was acknowledged is lost: {life:?}"));
        }
        if let Some(Some(address)) = known
            && !life.addresses.iter().any(|&(since, own)| since <= cut && own == address)
        {
            return Err(format!("{address} is not where it pulsed from by then: {life:?}"));
        }
        if known.is_some() {
            found.known += 1;
        }
        // From where it is known to be, so that there is nothing to write.
        match known {
            Some(Some(source)) => pulses.push((Pulse { id: life.id, source }, PulseCode::OnTime)),
            Some(None) if !thorough => {}
            Some(None) => {
                pulses.push((Pulse { id: life.id, source: life.next_address() }, PulseCode::OnTime));
            }
            None => {
                pulses.push((Pulse { id: life.id, source: life.next_address() }, PulseCode::NotFound));
            }
        }
        found.lives.push(Life {
            there_from: if known.is_some() { 0 } else { usize::MAX },
            there_until: if known.is_some() { usize::MAX } else { 0 },
            gone_from: if known.is_some() { usize::MAX } else { 0 },
            addresses: known.flatten().map(|address| (0, address)).into_iter().collect(),
            lives: known.is_some(),
            ..life.clone()
        });
    }
    let records = node.stats().records;
    // Whose registration was refused may be there, too, and nobody knows their key.
    if records < found.known || !refused && records > found.known {
        return Err(format!("{records} clients, and only {} are known", found.known));
    }
    let (asked, expected): (Vec<_>, Vec<_>) = pulses.into_iter().unzip();
    let mut codes = vec![];
    node.pulses(&asked, &mut codes);
    if codes != expected {
        return Err(format!("pulses are answered {codes:?} instead of {expected:?}"));
    }
    Ok((disk, found))
}
