//! The server as a whole. The helpers are here, the tests in the modules.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test that gets an unexpected output fails, whatever it is"
)]

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::lifecycle::Status;
use crate::{DropReason, Input, Millis, Output, Rejection, Request, Response, UnixTime};

mod absence;
mod answers;
mod batches;
mod leftovers;
mod recency;

const INTERVAL: u64 = 300;
const GRACE: u64 = 20;
const ERROR_TIME: u64 = 1700;
const LATE_AFTER: u64 = INTERVAL + GRACE;
const GONE_AFTER: u64 = INTERVAL + ERROR_TIME;

const HOME: &str = "192.0.2.7:4000";
const AWAY: &str = "198.51.100.9:5000";

/// A server, and the changes it reported.
struct World {
    server: Server,
    changes: Vec<Change>,
}

impl World {
    fn new() -> Self {
        let timing = Timing::new(Millis(INTERVAL), Millis(GRACE), Millis(ERROR_TIME)).unwrap();
        Self { server: Server::new(timing), changes: vec![] }
    }

    fn handle(&mut self, now: u64, input: Input) -> Output {
        let Self { server, changes } = self;
        server.handle(clock(now), input, &mut |change| changes.push(change))
    }

    fn request(&mut self, now: u64, request: Request) -> Output {
        self.handle(now, Input::Request(request))
    }

    fn register(&mut self, now: u64, id: ClientId) {
        let expected = Output::Registered { client_id: id, timestamp: unix(now) };
        assert_eq!(self.request(now, Request::Register { id }), expected);
    }

    fn pulse(&mut self, now: u64, id: ClientId, source: &str) -> PulseCode {
        match self.handle(now, pulse_input(id, source)) {
            Output::Transmit { destination, code } if destination == addr(source) => code,
            other => panic!("a pulse is answered with {other:?}"),
        }
    }

    fn look_up(&mut self, now: u64, caller: ClientId, peer: ClientId) -> Result<SocketAddr, Rejection> {
        match self.request(now, Request::PeerAddress { caller, peer: Some(peer) }) {
            Output::Response(Response::PeerAddress { client_id, address, timestamp, .. }) => {
                assert_eq!((client_id, timestamp), (peer, unix(now)));
                Ok(address)
            }
            Output::Rejection(rejection) => Err(rejection),
            other => panic!("a lookup is answered with {other:?}"),
        }
    }

    fn status(
        &mut self,
        now: u64,
        caller: ClientId,
        peer: ClientId,
    ) -> Result<(Status, Option<Millis>), Rejection> {
        match self.request(now, Request::PeerStatus { caller, peer: Some(peer) }) {
            Output::Response(Response::PeerStatus { client_id, status, last_online, timestamp }) => {
                assert_eq!((client_id, timestamp), (peer, unix(now)));
                Ok((status, last_online))
            }
            Output::Rejection(rejection) => Err(rejection),
            other => panic!("a status is answered with {other:?}"),
        }
    }

    fn tick(&mut self, now: u64) -> Progress {
        self.tick_with_budget(now, u32::MAX)
    }

    fn tick_with_budget(&mut self, now: u64, budget: u32) -> Progress {
        match self.handle(now, Input::Tick { budget }) {
            Output::Ticked(progress) => progress,
            other => panic!("a tick is answered with {other:?}"),
        }
    }

    /// Ticks one record at a time, and checks that this comes to an end.
    fn drain_until_idle(&mut self, now: u64) {
        for _ in 0..=self.server.records() {
            if self.tick_with_budget(now, 1) == Progress::Done {
                return;
            }
        }
        panic!("ticks do not come to an end");
    }
}

fn pulse_input(id: ClientId, source: &str) -> Input {
    Input::Datagram { source: addr(source), content: crate::DatagramContent::Pulse(id) }
}

fn response(response: Response) -> Output {
    Output::Response(response)
}

fn pulsed(address: &str, now: u64) -> Record {
    Record { address: Some(addr(address)), last_seen: Some(at(now)), last_pulse: Some(at(now)) }
}

fn id(n: u8) -> ClientId {
    ClientId::from_bytes([n; 16])
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The wall clock of these tests is 1000 s ahead of the decision clock.
fn unix(millis: u64) -> UnixTime {
    UnixTime::from_millis(millis.saturating_add(1_000_000))
}

fn clock(millis: u64) -> Clock {
    Clock { now: at(millis), unix: unix(millis) }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
