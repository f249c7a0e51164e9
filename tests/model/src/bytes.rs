//! A scenario as a fuzzer sees it: bytes of which any make one, and into which any scenario can be put.
//!
//! A step is an opcode and its operands. Small operands are indexes into what is known to matter, so that a flipped bit
//! gives another interesting step; an operand that begins with a byte from 0xF0 on is spelled out in full, so that
//! traces can become seeds. What is cut off at the end is not a step.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use rendezvous_protocol::{Millis, ReplyWidth, Timing};
use rendezvous_wasm::world::{Action, Scenario, Setup, WRITE_BEHIND};

use crate::steps::{Boundary, Step, TIMINGS, concrete, timing};
use crate::strategy::SOURCES;

/// The most steps that bytes are read as.
pub const MAX_STEPS: usize = 256;

/// How many clients the short operand knows.
const CLIENTS: u8 = 6;

/// From this byte on an operand is spelled out.
const IN_FULL: u8 = 0xF0;
/// A path without an id.
const NO_PEER: u8 = 0xEF;

/// Durations that a stall or a restart may take: nothing, around a second, around a long grace, and long.
const ABSENCES: [u64; 8] = [0, 999, 1_000, 1_001, 5_000, 5_001, 209_999, 1_000_000];
/// Time that passes: so many indexes are eighths of the pulse interval, and these follow.
const EIGHTHS: u8 = 10;
const PASSES: [i64; 6] = [1, 7, 1_000, 100_000, -1, -40_000];
/// What ticks look at.
const BUDGETS: [u32; 4] = [u32::MAX, 0, 1, 2];

/// For how long before a crash nothing was written.
const UNWRITTEN: [u64; 8] = [0, 1, 37, 250, 500, WRITE_BEHIND - 1, WRITE_BEHIND, WRITE_BEHIND + 1];

/// The flags of a restart. Two bits make one forget, since most are not to. One makes it a crash, which forgets nothing.
const REBOOTED: u8 = 1;
const FORGETS: u8 = 2 | 4;
const CRASHES: u8 = 32;

/// The opcodes.
mod op {
    pub(super) const REGISTER: u8 = 0;
    pub(super) const PULSE: u8 = 1;
    pub(super) const DATAGRAM: u8 = 2;
    pub(super) const VERIFY: u8 = 3;
    pub(super) const LOGOUT: u8 = 4;
    pub(super) const LOOK_UP: u8 = 5;
    pub(super) const STATUS: u8 = 6;
    pub(super) const AIM: u8 = 7;
    pub(super) const ADVANCE: u8 = 8;
    pub(super) const STEP_WALL_CLOCK: u8 = 9;
    pub(super) const TICK: u8 = 10;
    pub(super) const STALL: u8 = 11;
    pub(super) const RESTART: u8 = 12;
    pub(super) const COUNT: u8 = 13;
}

/// Reads any bytes as a scenario.
pub fn scenario(bytes: &[u8]) -> Scenario {
    let mut reader = Reader(bytes);
    let setup = reader.setup().unwrap_or_else(|| Setup::new(Timing::default()));
    let steps = std::iter::from_fn(|| reader.step()).take(MAX_STEPS);
    let actions = concrete(&setup, steps);
    Scenario::new(setup, actions)
}

/// Writes a scenario so that [`scenario`] reads it back. Its clocks and its seed must be the usual ones, and it may
/// have no more than [`MAX_STEPS`] actions.
///
/// # Panics
/// If they are not.
pub fn of(scenario: &Scenario) -> Vec<u8> {
    let Setup { timing, reply_width, .. } = scenario.setup;
    assert_eq!(scenario.setup, Setup { reply_width, ..Setup::new(timing) }, "bytes have no room for these");
    assert!(scenario.actions.len() <= MAX_STEPS, "{} actions are too many", scenario.actions.len());
    let mut bytes = vec![];
    write_setup(&mut bytes, &scenario.setup);
    for action in &scenario.actions {
        write(&mut bytes, action);
    }
    bytes
}

/// Takes operands off the front; `None` at the end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn setup(&mut self) -> Option<Setup> {
        let [timing_byte, width] = self.array()?;
        let timing = if timing_byte < IN_FULL {
            timing(timing_byte.into())
        } else {
            let (interval, grace, error_time) = (self.u64()?, self.u64()?, self.u64()?);
            Timing::new(Millis(interval), Millis(grace), Millis(error_time)).unwrap_or_default()
        };
        let reply_width = ReplyWidth::ALL[usize::from(width) % ReplyWidth::ALL.len()];
        Some(Setup { reply_width, ..Setup::new(timing) })
    }

    fn step(&mut self) -> Option<Step> {
        Some(Step::Act(match self.byte()? % op::COUNT {
            op::REGISTER => Action::Register { client: self.client()? },
            op::PULSE => Action::Pulse { client: self.client()?, from: self.source()? },
            op::DATAGRAM => {
                Action::Datagram { from: self.source()?, payload: self.payload()?.to_vec().into() }
            }
            op::VERIFY => Action::Verify { client: self.client()? },
            op::LOGOUT => Action::Logout { client: self.client()? },
            op::LOOK_UP => Action::LookUp { client: self.client()?, peer: self.peer()? },
            op::STATUS => Action::Status { client: self.client()?, peer: self.peer()? },
            op::AIM => return self.aim(),
            op::ADVANCE => return self.advance(),
            op::STEP_WALL_CLOCK => Action::StepWallClock { millis: self.step_of_a_clock()? },
            op::TICK => Action::Tick { budget: self.budget()? },
            op::STALL => Action::Stall { millis: self.absence()? },
            _ => {
                let flags = self.byte()?;
                let (rebooted, forgets) = (flags & REBOOTED != 0, flags & FORGETS == FORGETS);
                let down = self.absence()?;
                if flags & CRASHES == 0 {
                    Action::Restart { down, rebooted, forgets }
                } else {
                    Action::Crash { down, rebooted, unwritten: self.duration(&UNWRITTEN)? }
                }
            }
        }))
    }

    fn client(&mut self) -> Option<u16> {
        let byte = self.byte()?;
        self.client_from(byte)
    }

    fn client_from(&mut self, byte: u8) -> Option<u16> {
        if byte < IN_FULL { Some((byte % CLIENTS).into()) } else { self.array().map(u16::from_le_bytes) }
    }

    fn peer(&mut self) -> Option<Option<u16>> {
        match self.byte()? {
            NO_PEER => Some(None),
            byte => self.client_from(byte).map(Some),
        }
    }

    fn aim(&mut self) -> Option<Step> {
        let client = self.client()?;
        let byte = self.byte()?;
        let boundary =
            [Boundary::Late, Boundary::Gone, Boundary::Late, Boundary::Pending][usize::from(byte & 3)];
        Some(Step::Aim { client, boundary, offset: (byte >> 2) as i8 % 3 - 1 })
    }

    fn source(&mut self) -> Option<SocketAddr> {
        let byte = self.byte()?;
        if byte < IN_FULL {
            return Some(SOURCES[usize::from(byte) % SOURCES.len()]);
        }
        let ip = if byte == IN_FULL { IpAddr::from(self.array::<4>()?) } else { self.array::<16>()?.into() };
        let port = u16::from_le_bytes(self.array()?);
        Some(match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, u32::from_le_bytes(self.array()?)).into(),
        })
    }

    fn payload(&mut self) -> Option<&[u8]> {
        let byte = self.byte()?;
        let len = if byte < IN_FULL { byte.into() } else { u16::from_le_bytes(self.array()?).into() };
        let (payload, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(payload)
    }

    fn advance(&mut self) -> Option<Step> {
        let byte = self.byte()?;
        if byte >= IN_FULL {
            return self.millis().map(|millis| Step::Act(Action::Advance { millis }));
        }
        let index = byte % (EIGHTHS + PASSES.len() as u8);
        Some(match index.checked_sub(EIGHTHS) {
            None => Step::Pass { eighths: index },
            Some(index) => Step::Act(Action::Advance { millis: PASSES[usize::from(index)] }),
        })
    }

    fn step_of_a_clock(&mut self) -> Option<i64> {
        let byte = self.byte()?;
        if byte < IN_FULL { Some(PASSES[usize::from(byte) % PASSES.len()]) } else { self.millis() }
    }

    fn millis(&mut self) -> Option<i64> {
        let far = rendezvous_protocol::Instant::MAX.as_millis() as i64;
        self.u64().map(|millis| (millis as i64).clamp(-far, far))
    }

    fn budget(&mut self) -> Option<u32> {
        let byte = self.byte()?;
        if byte < IN_FULL {
            Some(BUDGETS[usize::from(byte) % BUDGETS.len()])
        } else {
            self.array().map(u32::from_le_bytes)
        }
    }

    fn absence(&mut self) -> Option<u64> {
        self.duration(&ABSENCES)
    }

    fn duration(&mut self, known: &[u64]) -> Option<u64> {
        let byte = self.byte()?;
        let far = rendezvous_protocol::Instant::MAX.as_millis();
        if byte < IN_FULL {
            Some(known[usize::from(byte) % known.len()])
        } else {
            self.u64().map(|millis| millis.min(far))
        }
    }
}

fn write_setup(bytes: &mut Vec<u8>, setup: &Setup) {
    let timing = &setup.timing;
    let triple = (timing.pulse_interval().0, timing.pulse_grace().0, timing.error_time().0);
    let width = ReplyWidth::ALL.iter().position(|known| *known == setup.reply_width).unwrap() as u8;
    match TIMINGS.iter().position(|known| *known == triple) {
        Some(index) => bytes.extend([index as u8, width]),
        None => {
            bytes.extend([IN_FULL, width]);
            for millis in [triple.0, triple.1, triple.2] {
                bytes.extend(millis.to_le_bytes());
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, action: &Action) {
    match *action {
        Action::Register { client } => write_clients(bytes, op::REGISTER, &[client]),
        Action::Verify { client } => write_clients(bytes, op::VERIFY, &[client]),
        Action::Logout { client } => write_clients(bytes, op::LOGOUT, &[client]),
        Action::LookUp { client, peer: Some(peer) } => write_clients(bytes, op::LOOK_UP, &[client, peer]),
        Action::Status { client, peer: Some(peer) } => write_clients(bytes, op::STATUS, &[client, peer]),
        Action::LookUp { client, peer: None } => {
            write_clients(bytes, op::LOOK_UP, &[client]);
            bytes.push(NO_PEER);
        }
        Action::Status { client, peer: None } => {
            write_clients(bytes, op::STATUS, &[client]);
            bytes.push(NO_PEER);
        }
        Action::Pulse { client, from } => {
            write_clients(bytes, op::PULSE, &[client]);
            write_source(bytes, from);
        }
        Action::Datagram { from, ref payload } => {
            bytes.push(op::DATAGRAM);
            write_source(bytes, from);
            let payload = payload.as_ref();
            match u8::try_from(payload.len()) {
                Ok(len) if len < IN_FULL => bytes.push(len),
                _ => {
                    bytes.push(IN_FULL);
                    bytes.extend((payload.len() as u16).to_le_bytes());
                }
            }
            bytes.extend(payload);
        }
        Action::Advance { millis } => write_full(bytes, &[op::ADVANCE], &millis.to_le_bytes()),
        Action::StepWallClock { millis } => write_full(bytes, &[op::STEP_WALL_CLOCK], &millis.to_le_bytes()),
        Action::Tick { budget } => write_full(bytes, &[op::TICK], &budget.to_le_bytes()),
        Action::Stall { millis } => write_full(bytes, &[op::STALL], &millis.to_le_bytes()),
        Action::Restart { down, rebooted, forgets } => {
            let flags = u8::from(rebooted) * REBOOTED + u8::from(forgets) * FORGETS;
            write_full(bytes, &[op::RESTART, flags], &down.to_le_bytes());
        }
        Action::Crash { down, rebooted, unwritten } => {
            let flags = u8::from(rebooted) * REBOOTED + CRASHES;
            write_full(bytes, &[op::RESTART, flags], &down.to_le_bytes());
            write_full(bytes, &[], &unwritten.to_le_bytes());
        }
        Action::Until { .. }
        | Action::Command { .. }
        | Action::Lose { .. }
        | Action::Link { .. }
        | Action::Rebind { .. } => panic!("bytes have no room for {action:?}"),
    }
}

fn write_clients(bytes: &mut Vec<u8>, op: u8, clients: &[u16]) {
    bytes.push(op);
    for &client in clients {
        match u8::try_from(client) {
            Ok(small) if small < CLIENTS => bytes.push(small),
            _ => write_full(bytes, &[], &client.to_le_bytes()),
        }
    }
}

fn write_full(bytes: &mut Vec<u8>, head: &[u8], operand: &[u8]) {
    bytes.extend(head);
    bytes.push(IN_FULL);
    bytes.extend(operand);
}

fn write_source(bytes: &mut Vec<u8>, source: SocketAddr) {
    let known = SOURCES.iter().position(|known| *known == source);
    match (known, source) {
        (Some(index), _) => bytes.push(index as u8),
        (None, SocketAddr::V4(v4)) => {
            write_full(bytes, &[], &v4.ip().octets());
            bytes.extend(v4.port().to_le_bytes());
        }
        (None, SocketAddr::V6(v6)) => {
            bytes.push(IN_FULL + 1);
            bytes.extend(v6.ip().octets());
            bytes.extend(v6.port().to_le_bytes());
            bytes.extend(v6.scope_id().to_le_bytes());
        }
    }
}
