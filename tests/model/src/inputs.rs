//! Bytes as inputs of the protocol's server itself: any timing, any time, and values that no decoder would make.

use std::net::SocketAddr;

use rendezvous_protocol::{
    ClientId, Clock, DatagramContent, DropReason, Input, Instant, Millis, Request, Timing, UnixTime,
};

/// The most inputs that bytes are read as.
const MAX_INPUTS: usize = 256;

/// What is left of the bytes. Each input is an opcode, operands, and how the clock stands to its last reading.
#[derive(Debug)]
pub struct Inputs<'a> {
    rest: &'a [u8],
    now: u64,
    left: usize,
}

impl<'a> Inputs<'a> {
    /// Reads the timing, and returns the inputs after it. `None` if the bytes hold no valid timing.
    pub fn read(bytes: &'a [u8]) -> Option<(Timing, Self)> {
        let mut inputs = Self { rest: bytes, now: 0, left: MAX_INPUTS };
        let mut duration = || inputs.number().map(Millis);
        let timing = Timing::new(duration()?, duration()?, duration()?).ok()?;
        Some((timing, inputs))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number of any size in few bytes: 16 bits of digits and how far to shift them.
    fn number(&mut self) -> Option<u64> {
        let [low, high, shift] = self.array()?;
        Some(u64::from(u16::from_le_bytes([low, high])) << (shift % 48))
    }

    fn id(&mut self) -> Option<ClientId> {
        let [byte] = self.array()?;
        Some(ClientId::from_bytes([byte % 8; 16]))
    }

    fn peer(&mut self) -> Option<Option<ClientId>> {
        let [byte] = self.array()?;
        Some((byte != u8::MAX).then(|| ClientId::from_bytes([byte % 8; 16])))
    }

    fn source(&mut self) -> Option<SocketAddr> {
        let [kind, last, port] = self.array()?;
        let port = u16::from(port);
        Some(match kind % 3 {
            0 => ([192, 0, 2, last], port).into(),
            1 => ([0, 0, 0, 0, 0, 0xFFFF, 0xC000, 0x0200 | u16::from(last)], port).into(),
            _ => ([0x2001, 0xDB8, 0, 0, 0, 0, 0, last.into()], port).into(),
        })
    }

    fn input(&mut self) -> Option<Input> {
        let [op] = self.array()?;
        let forward = op & 0x10 == 0;
        // A quarter of all inputs comes at the time of the one before.
        if op & 0x60 != 0 {
            let by = self.number()?;
            self.now = if forward { self.now.saturating_add(by) } else { self.now.saturating_sub(by) };
        }
        Some(match op & 0x0F {
            0..=2 => Input::Request(Request::Register { id: self.id()? }),
            3..=6 => Input::Datagram { content: DatagramContent::Pulse(self.id()?), source: self.source()? },
            7 => Input::Request(Request::Verify { caller: self.id()? }),
            8 => Input::Request(Request::Logout { caller: self.id()? }),
            9 => Input::Request(Request::PeerAddress { caller: self.id()?, peer: self.peer()? }),
            10 => Input::Request(Request::PeerStatus { caller: self.id()?, peer: self.peer()? }),
            11 | 12 => Input::Tick { budget: self.number()? as u32 },
            13 => Input::Resume { since: Instant::from_millis(self.number()?) },
            14 => Input::Resume { since: Instant::from_millis(self.now) },
            _ => {
                let reason = if forward { DropReason::WrongLength } else { DropReason::SourcePortZero };
                Input::Datagram { content: DatagramContent::Noise(reason), source: self.source()? }
            }
        })
    }
}

impl Iterator for Inputs<'_> {
    type Item = (Clock, Input);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let input = self.input()?;
        let unix = UnixTime::from_millis(self.now);
        Some((Clock { now: Instant::from_millis(self.now), unix }, input))
    }
}
