//! The open loop: requests leave when they are due, whatever became of those before, and how long one took is counted
//! from when it was due. So a system that stalls is not spared the requests that would have come meanwhile.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::socket_to;
use crate::outcome::Outcome;
use crate::stats::latencies;
use crate::system::System;
use rendezvous_crowd::TestRng;

/// What to send, and what is asked of each request.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Requests a second.
    pub(crate) rate: u32,
    /// How long.
    pub(crate) time: Duration,
    /// How many of the system's clients send, counted from its first.
    pub(crate) clients: usize,
    /// Whether a request that is not answered in time is sent once more.
    pub(crate) retry: bool,
}

/// What the open loop saw.
pub(crate) struct Seen {
    /// How long requests took, in nanoseconds since they were due: those of each second by themselves.
    pub(crate) seconds: Vec<Histogram<u64>>,
    /// How long those took that were answered at the first try.
    pub(crate) at_once: Histogram<u64>,
    /// Requests that were due.
    pub(crate) due: u64,
    /// Right answers to a first try.
    pub(crate) first: u64,
    /// Right answers to the second.
    pub(crate) second: u64,
    /// First tries without an answer in time.
    pub(crate) lost: u64,
    /// Requests that got no answer at all.
    pub(crate) unanswered: u64,
    /// Other answers.
    pub(crate) wrong: u64,
    /// How late requests left, in nanoseconds: the load's own share of the latency.
    pub(crate) late: Histogram<u64>,
}

/// The sockets of an open loop, each with one request under way at most, so that an answer belongs to its request.
pub(crate) struct OpenLoop {
    sockets: Vec<Lane>,
    free: VecDeque<usize>,
    epoll: Epoll,
}

struct Lane {
    socket: UdpSocket,
    under_way: Option<Request>,
}

#[derive(Clone, Copy, PartialEq)]
struct Request {
    client: usize,
    due: Instant,
    sent: Instant,
    again: bool,
}

/// What is not answered after this is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);
/// The longest request or answer of any system.
const LONGEST: usize = 512;
/// Answers that are taken before looking whether a request is due.
const EVENTS: usize = 32;
/// Requests that are sent before looking whether there are answers.
const SENDS: usize = 8;

impl OpenLoop {
    /// So many sockets to this system: the most requests that can be under way.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn new(system: &System, sockets: usize) -> Outcome<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut lanes = vec![];
        for index in 0..sockets {
            let socket = socket_to(system.address)?;
            epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            lanes.push(Lane { socket, under_way: None });
        }
        Ok(Self { sockets: lanes, free: (0..sockets).collect(), epoll })
    }

    /// Sends by `plan`. Whenever nothing is due, `meanwhile` is called.
    ///
    /// # Errors
    /// What the operating system says, what `meanwhile` says, and if the process ended.
    pub(crate) fn run(
        &mut self,
        system: &mut System,
        plan: Plan,
        mut meanwhile: impl FnMut() -> Outcome<()>,
    ) -> Outcome<Seen> {
        system.process.check_alive()?;
        let mut seen = Seen::new();
        let mut random = TestRng::new(1);
        let mut payload = vec![];
        let mut waiting = VecDeque::new();
        let total = (plan.time.as_secs_f64() * f64::from(plan.rate)) as u64;
        let start = Instant::now();
        let due_at = |number: u64| start + Duration::from_secs_f64(number as f64 / f64::from(plan.rate));
        while seen.due < total || !waiting.is_empty() {
            let mut now = Instant::now();
            let mut idle = true;
            // A few only: when the load itself is behind, answers must not lie there until it has caught up.
            for _ in 0..SENDS {
                if seen.due == total || due_at(seen.due) > now {
                    break;
                }
                let Some(lane) = self.free.pop_front() else { break };
                let due = due_at(seen.due);
                seen.due += 1;
                let request = Request { client: random.below(plan.clients), due, sent: now, again: false };
                self.send(system, lane, request, &mut payload);
                waiting.push_back((lane, request));
                seen.late.saturating_record(nanos(now - due));
                now = Instant::now();
                idle = false;
            }
            idle &= !self.fetch(system, start, &mut seen)?;
            while let Some(&(lane, request)) = waiting.front()
                && (self.sockets[lane].under_way != Some(request) || request.sent + LOST_AFTER < now)
            {
                waiting.pop_front();
                if self.sockets[lane].under_way != Some(request) {
                    continue;
                }
                seen.lost += u64::from(!request.again);
                if plan.retry && !request.again {
                    let request = Request { sent: now, again: true, ..request };
                    self.send(system, lane, request, &mut payload);
                    waiting.push_back((lane, request));
                } else {
                    seen.unanswered += 1;
                    self.sockets[lane].under_way = None;
                    self.free.push_back(lane);
                }
            }
            if idle {
                meanwhile()?;
            }
        }
        system.process.check_alive()?;
        Ok(seen)
    }

    fn send(&mut self, system: &System, lane: usize, request: Request, payload: &mut Vec<u8>) {
        system.exchange.request(request.client, payload);
        let lane = &mut self.sockets[lane];
        lane.under_way = Some(request);
        // What cannot be sent is lost like what does not arrive, and is counted as that.
        let _ = lane.socket.send(payload);
    }

    /// Takes answers that are there. Says whether there were any.
    fn fetch(&mut self, system: &System, start: Instant, seen: &mut Seen) -> Outcome<bool> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
        let mut answer = [0; LONGEST];
        for event in &events[..ready] {
            let index = event.data() as usize;
            let lane = &mut self.sockets[index];
            let Ok(length) = lane.socket.recv(&mut answer) else { continue };
            // Nothing is under way if the answer comes after it was given up.
            let Some(request) = lane.under_way.take() else { continue };
            self.free.push_back(index);
            if !system.exchange.is_right(&answer[..length]) {
                seen.wrong += 1;
                continue;
            }
            let took = nanos(request.due.elapsed());
            if request.again {
                seen.second += 1;
            } else {
                seen.first += 1;
                seen.at_once.saturating_record(took);
            }
            let second = (request.due - start).as_secs() as usize;
            while seen.seconds.len() <= second {
                seen.seconds.push(latencies());
            }
            seen.seconds[second].saturating_record(took);
        }
        Ok(ready > 0)
    }
}

impl Seen {
    fn new() -> Self {
        Self {
            seconds: vec![],
            at_once: latencies(),
            due: 0,
            first: 0,
            second: 0,
            lost: 0,
            unanswered: 0,
            wrong: 0,
            late: latencies(),
        }
    }

    /// All seconds together.
    pub(crate) fn latencies(&self) -> Histogram<u64> {
        let mut all = latencies();
        for second in &self.seconds {
            all += second;
        }
        all
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}
