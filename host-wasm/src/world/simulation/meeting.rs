//! How two clients try to reach each other: look the other up, send it probes, answer its probes.
//!
//! It is as little as is needed to see what a NAT does to it.

use std::net::SocketAddrV4;

/// How often it looks for a peer that is not found, in milliseconds.
const LOOK_EVERY: u64 = 2_000;
/// How often it sends a probe, and how many.
const PROBE_EVERY: u64 = 500;
const PROBES: u32 = 20;

#[derive(Debug)]
pub(super) struct Meeting {
    peer: u16,
    at: Option<u64>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Looking,
    Probing { to: SocketAddrV4, left: u32 },
    Over,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    LookUp(u16),
    Probe(SocketAddrV4),
    GiveUp,
}

impl Meeting {
    pub(super) fn new(peer: u16, now: u64) -> Self {
        Self { peer, at: Some(now + LOOK_EVERY), stage: Stage::Looking }
    }

    pub(super) fn peer(&self) -> u16 {
        self.peer
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.at
    }

    pub(super) fn wake(&mut self, now: u64) -> Option<Move> {
        self.at.take_if(|at| *at <= now)?;
        match &mut self.stage {
            Stage::Looking => {
                self.at = Some(now + LOOK_EVERY);
                Some(Move::LookUp(self.peer))
            }
            Stage::Probing { left: 0, .. } => {
                self.stage = Stage::Over;
                Some(Move::GiveUp)
            }
            Stage::Probing { to, left } => {
                *left -= 1;
                self.at = Some(now + PROBE_EVERY);
                Some(Move::Probe(*to))
            }
            Stage::Over => None,
        }
    }

    /// The server says where `peer` is. Returns whether that was wanted.
    pub(super) fn found(&mut self, now: u64, peer: u16, address: SocketAddrV4) -> bool {
        let wanted = peer == self.peer && matches!(self.stage, Stage::Looking);
        if wanted {
            self.stage = Stage::Probing { to: address, left: PROBES };
            self.at = Some(now);
        }
        wanted
    }

    /// The peer is heard, perhaps from another port than the server said. Returns whether both have now heard each other.
    pub(super) fn heard(&mut self, now: u64, from: SocketAddrV4, answer: bool) -> bool {
        let Stage::Probing { to, .. } = &mut self.stage else { return false };
        if to.ip() != from.ip() {
            return false;
        }
        if answer {
            self.stage = Stage::Over;
            self.at = None;
            return true;
        }
        if *to != from {
            *to = from;
            self.at = Some(now);
        }
        false
    }
}
