//! The machines of a client, driven by any bytes: what must hold whatever the network, the server and the clock do.

use std::collections::HashSet;
use std::net::SocketAddr;

use rendezvous_protocol::client::{Answer, Client, Event, Output, REQUEST_TIMEOUT, Request, State};
use rendezvous_protocol::punch::{ATTEMPT, Event as PunchEvent, Kind, MAX_PROBES, Probe, Punch};
use rendezvous_protocol::{ClientId, Instant, Millis, PulseCode, Timing};

/// How long an answer of a peer allows to send to it (RFC 7675).
const CONSENT: Millis = Millis::from_secs(30);

/// A client machine through any calls.
pub fn client(data: &[u8]) {
    let first = drive_client(data);
    assert_eq!(first, drive_client(data), "the same inputs, the same outputs");
}

/// A punch machine through any calls.
pub fn punch(data: &[u8]) {
    let first = drive_punch(data);
    assert_eq!(first, drive_punch(data), "the same inputs, the same outputs");
}

/// Bytes as choices; when they are used up, all are zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How far time goes on: to either side of what is due, often, and sometimes much further.
    fn advance(&mut self, now: Instant, due: Option<Instant>) -> Instant {
        let due = due.unwrap_or(now).max(now);
        match self.next() % 8 {
            0 => now,
            1 => Instant::from_millis(due.as_millis().saturating_sub(1)).max(now),
            2..=4 => due,
            5 => due + Millis(1),
            6 => now + Millis(u64::from(self.next()) * 40),
            _ => now + Millis(u64::from(self.next()) * 10_000),
        }
    }
}

fn id(number: u8) -> ClientId {
    ClientId::from_bytes([number; 16])
}

fn drive_client(data: &[u8]) -> Vec<Output> {
    let mut choices = Choices(data);
    let mut now = Instant::from_millis(1_000);
    let seed = u64::from(choices.next());
    let timing = if choices.next() % 2 == 0 {
        Timing::default()
    } else {
        Timing::new(Millis(1), Millis(0), Millis(1)).expect("as short as can be")
    };
    let mut machine = if choices.next() % 2 == 0 {
        Client::new(now, seed)
    } else {
        Client::resume(now, id(0), timing, seed)
    };
    let mut made = vec![];
    let mut numbers = HashSet::new();
    let mut open: Vec<(u32, Request, Instant)> = vec![];
    let mut ended = false;
    let mut check = |machine: &mut Client, now: Instant, open: &mut Vec<_>, most_pulses: usize| {
        let mut pulses = 0;
        while let Some(output) = machine.poll_output() {
            assert!(!ended, "{output:?} after the end");
            made.push(output);
            match output {
                Output::Pulse { .. } => pulses += 1,
                Output::Request { number, request } => {
                    assert!(numbers.insert(number), "{number} twice");
                    open.push((number, request, now + REQUEST_TIMEOUT));
                }
                Output::Resolve => {}
            }
        }
        assert!(pulses <= most_pulses, "{pulses} pulses at once");
        assert!(pulses == 0 || machine.id().is_some(), "a pulse needs a key");
        while let Some(event) = machine.poll_event() {
            assert!(!ended, "{event:?} after the end");
            ended = matches!(event, Event::LoggedOut { .. });
        }
        assert_eq!(ended, machine.state() == State::Ended);
        assert!(!ended || machine.poll_timeout().is_none(), "it has ended, and wants to be woken");
        assert!(ended || machine.poll_timeout().is_some(), "nothing wakes it any more");
    };
    check(&mut machine, now, &mut open, 0);
    while !choices.is_empty() {
        let before = machine.id();
        let mut may_change = false;
        let most_pulses;
        match choices.next() % 8 {
            0..=2 => {
                now = choices.advance(now, machine.poll_timeout());
                machine.handle_timeout(now);
                assert!(machine.poll_timeout().is_none_or(|next| next > now), "it stands still at {now}");
                most_pulses = 1;
            }
            3 => {
                machine.handle_code(now, PulseCode::ALL[usize::from(choices.next()) % 3]);
                most_pulses = 0;
            }
            4 | 5 => {
                let (number, request, until) = if open.is_empty() {
                    (u32::from(choices.next()), Request::Register, now)
                } else {
                    open.swap_remove(usize::from(choices.next()) % open.len())
                };
                let answer = match choices.next() % 6 {
                    0 => Answer::Registered { id: id(choices.next()), timing },
                    1 => Answer::Done,
                    2 => Answer::Unknown,
                    3 => Answer::Address(([192, 0, 2, choices.next()], 4000).into()),
                    4 => Answer::Refused { retry_after: Some(Millis(u64::from(choices.next()) * 1_000)) },
                    _ => Answer::Failed,
                };
                may_change = now < until
                    && match request {
                        Request::Register => matches!(answer, Answer::Registered { .. }),
                        Request::Verify => answer == Answer::Unknown,
                        Request::Logout | Request::OwnAddress => false,
                    };
                machine.handle_answer(now, number, answer);
                most_pulses = 1;
            }
            6 => {
                machine.network_changed(now);
                most_pulses = 1;
            }
            _ => {
                // Seldom, or nothing else is ever tried.
                if choices.next() % 16 == 0 {
                    machine.logout(now);
                }
                most_pulses = 0;
            }
        }
        assert!(machine.id() == before || may_change, "{before:?} became {:?}", machine.id());
        check(&mut machine, now, &mut open, most_pulses);
        let decides = |request: Request| request != Request::OwnAddress;
        let deciding = open.iter().filter(|(_, request, until)| decides(*request) && *until > now).count();
        // A logout does not wait for the answer to what was asked before; nor does a registration for that of the verify.
        assert!(deciding <= 3, "{open:?}");
    }
    made
}

fn drive_punch(data: &[u8]) -> Vec<(SocketAddr, Probe)> {
    let (me, peer, stranger) = (id(1), id(2), id(3));
    let mut choices = Choices(data);
    let mut now = Instant::from_millis(1_000);
    let target: SocketAddr = ([192, 0, 2, 7], 4000).into();
    let begun = now;
    let mut machine = Punch::new(now, me, peer, target, u64::from(choices.next()));
    let mut made = vec![];
    let mut nonces: Vec<u64> = vec![];
    let mut asked: Vec<u64> = vec![];
    let (mut probes, mut connected, mut over) = (0, None::<Instant>, false);
    let mut owed = 0_usize;
    loop {
        // What it wants done.
        while let Some(transmit) = machine.poll_transmit() {
            assert!(!over, "{transmit:?} after the end");
            assert_eq!(transmit.destination.ip(), target.ip(), "only the peer's host is sent anything");
            assert_ne!(transmit.destination.port(), 0);
            let Probe { kind, sender, receiver, nonce } = transmit.probe;
            assert_eq!((sender, receiver), (me, peer));
            assert_eq!(Probe::decode(&transmit.probe.encode()), Some(transmit.probe));
            match kind {
                Kind::Probe => {
                    nonces.push(nonce);
                    // Who was asked too often since is not waited for any more.
                    if asked.len() == MAX_PROBES as usize {
                        asked.remove(0);
                    }
                    asked.push(nonce);
                    probes += u32::from(connected.is_none());
                    if let Some(answered) = connected {
                        assert!(now.since(answered) < CONSENT, "a probe without consent");
                    }
                }
                Kind::Answer => owed = owed.checked_sub(1).expect("an answer to nothing"),
            }
            made.push((transmit.destination, transmit.probe));
        }
        assert!(probes <= MAX_PROBES, "{probes} probes");
        while let Some(event) = machine.poll_event() {
            assert!(!over, "{event:?} after the end");
            match event {
                PunchEvent::Probing { sent } => assert!(sent <= MAX_PROBES),
                PunchEvent::Connected { address, .. } | PunchEvent::Moved { address } => {
                    assert_eq!(connected, Some(now), "it connects when an answer comes");
                    assert_eq!(machine.address(), Some(address));
                    assert!(machine.is_from_peer(address));
                }
                PunchEvent::Failed { .. } => {
                    assert!(connected.is_none() && now.since(begun) >= ATTEMPT);
                    over = true;
                }
                PunchEvent::Closed => {
                    assert!(connected.is_some_and(|answered| now.since(answered) >= CONSENT));
                    over = true;
                }
            }
        }
        assert_eq!(over, machine.poll_timeout().is_none());
        assert!(!over || !machine.is_from_peer(target));
        if choices.is_empty() {
            return made;
        }
        if choices.next() % 2 == 0 {
            now = choices.advance(now, machine.poll_timeout());
            machine.handle_timeout(now);
            assert!(machine.poll_timeout().is_none_or(|next| next > now), "it stands still at {now}");
            continue;
        }
        // A datagram.
        let source: SocketAddr = match choices.next() % 8 {
            0 => ([198, 51, 100, 9], 4000).into(),
            1 => ([192, 0, 2, 7], 0).into(),
            2 | 3 => ([192, 0, 2, 7], 4000 + u16::from(choices.next())).into(),
            _ => target,
        };
        let nonce = match usize::from(choices.next()) {
            255 => 7,
            at => nonces[at % nonces.len()],
        };
        let kind = if choices.next() % 2 == 0 { Kind::Probe } else { Kind::Answer };
        let (sender, receiver) = match choices.next() % 16 {
            0 => (stranger, me),
            1 => (peer, stranger),
            2 => (me, peer),
            _ => (peer, me),
        };
        let mut bytes = Probe { kind, sender, receiver, nonce }.encode();
        if choices.next() % 16 == 0 {
            let at = usize::from(choices.next()) % bytes.len();
            bytes[at] ^= choices.next();
        }
        let Some(probe) = Probe::decode(&bytes) else { continue };
        let counts = (probe.sender, probe.receiver) == (peer, me)
            && source.ip() == target.ip()
            && source.port() != 0
            && !over;
        let is_answer = counts && probe.kind == Kind::Answer;
        let waited_for = asked.iter().position(|nonce| is_answer && *nonce == probe.nonce);
        owed += usize::from(counts && probe.kind == Kind::Probe);
        if let Some(at) = waited_for {
            asked.remove(at);
            connected = Some(now);
        }
        let before = machine.address();
        machine.handle_probe(now, source, &probe);
        let expected = if waited_for.is_some() { Some(source) } else { before };
        assert_eq!(
            machine.address(),
            expected,
            "only an answer to a probe of ours connects, and each does once"
        );
    }
}
