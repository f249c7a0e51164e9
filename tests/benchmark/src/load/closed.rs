//! The closed loop: so many requests are under way, and each answer is followed by the next request.

use std::hint::spin_loop;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use super::socket_to;
use crate::mmsg::Batch;
use crate::outcome::Outcome;
use crate::system::System;
use rendezvous_crowd::TestRng;

/// How many sockets, and how many requests are under way on each.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// What the tables call it.
    pub(crate) name: &'static str,
    sockets: usize,
    window: usize,
    /// Whether each client always sends from the same socket, and all do so once, in order, before any is drawn.
    steady: bool,
}

/// Few sockets with many requests each: the cheapest load.
pub(crate) const WINDOW: Shape = Shape { name: "8 sockets x 64", sockets: 8, window: 64, steady: false };
/// Many sockets with one request each: no two datagrams in a row have the same source.
pub(crate) const SINGLE: Shape = Shape { name: "512 sockets x 1", sockets: 512, window: 1, steady: false };
/// As [`WINDOW`], with clients that do not move. There must be as many as sockets.
pub(crate) const STEADY: Shape =
    Shape { name: "8 sockets x 64, no client moves", sockets: 8, window: 64, steady: true };

/// Datagrams that are sent, or received, at a time.
const BATCH: usize = 64;
/// In what steps clients are let be heard for the first time.
const SETTLING: Duration = Duration::from_millis(100);
/// No client.
const NONE: usize = usize::MAX;
/// The longest request or answer of any system.
const LONGEST: usize = 512;
/// What is not answered after this is lost.
const LOST_AFTER: Duration = Duration::from_millis(250);
/// Sockets in a row without an answer after which no more are expected for now.
const MISSES: usize = 8;
/// How long to let answers gather once few are left to fetch: far less than the server needs for what is under way.
const PAUSE: Duration = Duration::from_micros(50);

/// What the load does while it has nothing to do.
#[derive(Clone, Copy)]
pub(crate) enum Pause {
    /// Keeps its core.
    Spin,
    /// Leaves it to others, for the one case in which the system runs there, too.
    Sleep,
}

/// What one slice of load saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    /// Right answers.
    pub(crate) answers: u64,
    /// Other answers.
    pub(crate) wrong: u64,
    /// Requests without an answer.
    pub(crate) lost: u64,
    /// How long it took.
    pub(crate) wall: Duration,
    /// The CPU time that the system used.
    pub(crate) cpu: Duration,
    /// How long the load had nothing to do but wait.
    pub(crate) idle: Duration,
}

/// The sockets of one system's load.
pub(crate) struct ClosedLoop {
    window: usize,
    steady: bool,
    pause: Pause,
    sockets: Vec<Waiting>,
    /// Where the next answer is expected.
    next: usize,
    requests: Batch,
    answers: Batch,
    random: TestRng,
    request: Vec<u8>,
}

struct Waiting {
    socket: UdpSocket,
    under_way: usize,
    /// If clients are steady: the next that was not heard yet, of those that send from here.
    first: usize,
    /// When there last was an answer or, if nothing was under way, a request.
    progress: Instant,
}

impl ClosedLoop {
    /// Sockets to this system.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(system: &System, shape: Shape, pause: Pause) -> Outcome<Self> {
        let mut sockets = vec![];
        for index in 0..shape.sockets {
            let socket = socket_to(system.address)?;
            let first = if shape.steady { index } else { NONE };
            sockets.push(Waiting { socket, under_way: 0, first, progress: Instant::now() });
        }
        Ok(Self {
            window: shape.window,
            steady: shape.steady,
            pause,
            sockets,
            next: 0,
            requests: Batch::new(BATCH, LONGEST),
            answers: Batch::new(BATCH, LONGEST),
            random: TestRng::new(1),
            request: vec![],
        })
    }

    /// Lets every client be heard once, if clients are steady, from where it sends from then on. Returns how many answers
    /// were wrong.
    ///
    /// # Errors
    /// As [`ClosedLoop::run`].
    pub(crate) fn settle(&mut self, system: &mut System) -> Outcome<u64> {
        let mut wrong = 0;
        while self.sockets.iter().any(|socket| socket.first < system.clients) {
            wrong += self.run(system, SETTLING)?.wrong;
        }
        Ok(wrong)
    }

    /// Keeps the system busy for `time`, and then waits until all is answered or lost.
    ///
    /// # Errors
    /// What the operating system says, and if the process ended.
    pub(crate) fn run(&mut self, system: &mut System, time: Duration) -> Outcome<Slice> {
        system.process.check_alive()?;
        let mut seen = Slice::default();
        let cpu_before = system.process.cpu_time()?;
        let start = Instant::now();
        for socket in &mut self.sockets {
            socket.progress = start;
        }
        let mut fetched = 0;
        loop {
            let now = Instant::now();
            let ending = now - start >= time;
            // If the next answers are not where they should be, they are looked for everywhere.
            let patience = if fetched == 0 { self.sockets.len() } else { MISSES };
            fetched = self.sweep(system, now, !ending, patience, &mut seen)?;
            if ending && self.sockets.iter().all(|socket| socket.under_way == 0) {
                break;
            }
            if fetched < BATCH {
                seen.idle += self.pause.take();
            }
        }
        seen.wall = start.elapsed();
        seen.cpu = system.process.cpu_time()? - cpu_before;
        system.process.check_alive()?;
        Ok(seen)
    }

    /// Goes from socket to socket, takes answers and sends requests instead, until so many sockets in a row had none.
    /// Answers come in the order of the requests, mostly: the next sweep begins where this one found the last.
    fn sweep(
        &mut self,
        system: &System,
        now: Instant,
        refill: bool,
        patience: usize,
        seen: &mut Slice,
    ) -> Outcome<usize> {
        let (begin, number) = (self.next, self.sockets.len());
        let (mut fetched, mut misses) = (0, 0);
        for step in 0..number {
            let index = (begin + step) % number;
            let here = self.fetch(system, index, now, seen)?;
            if refill {
                self.refill(system, index, now)?;
            }
            fetched += here;
            if here > 0 {
                misses = 0;
                self.next = (index + 1) % number;
            } else {
                misses += 1;
                if misses == patience {
                    break;
                }
            }
        }
        Ok(fetched)
    }

    /// Takes the answers that are there; what is overdue is lost.
    fn fetch(&mut self, system: &System, index: usize, now: Instant, seen: &mut Slice) -> Outcome<usize> {
        let waiting = &mut self.sockets[index];
        if waiting.under_way == 0 {
            return Ok(0);
        }
        let fetched = if self.window == 1 {
            self.answers.receive_one(&waiting.socket)?
        } else {
            self.answers.receive(&waiting.socket, waiting.under_way)?
        };
        if fetched > 0 {
            waiting.progress = now;
            waiting.under_way -= fetched;
        } else if now.saturating_duration_since(waiting.progress) > LOST_AFTER {
            seen.lost += waiting.under_way as u64;
            waiting.under_way = 0;
        }
        for answer in 0..fetched {
            if system.exchange.is_right(self.answers.received(answer)) {
                seen.answers += 1;
            } else {
                seen.wrong += 1;
            }
        }
        Ok(fetched)
    }

    fn refill(&mut self, system: &System, index: usize, now: Instant) -> Outcome<()> {
        let number = (self.window - self.sockets[index].under_way).min(BATCH);
        if number == 0 {
            return Ok(());
        }
        for request in 0..number {
            let client = self.client(index, system.clients);
            system.exchange.request(client, &mut self.request);
            self.requests.set(request, &self.request);
        }
        let waiting = &mut self.sockets[index];
        if waiting.under_way == 0 {
            waiting.progress = now;
        }
        waiting.under_way += if self.window == 1 {
            self.requests.send_one(&waiting.socket)?
        } else {
            self.requests.send(&waiting.socket, number)?
        };
        Ok(())
    }

    /// Who sends next from this socket.
    fn client(&mut self, index: usize, clients: usize) -> usize {
        if !self.steady {
            return self.random.below(clients);
        }
        let sockets = self.sockets.len();
        let first = &mut self.sockets[index].first;
        if *first < clients {
            let client = *first;
            *first += sockets;
            return client;
        }
        index + sockets * self.random.below((clients - index).div_ceil(sockets))
    }
}

impl Pause {
    /// Takes about as long as the answers need to gather. Returns how long.
    pub(super) fn take(self) -> Duration {
        let start = Instant::now();
        match self {
            Self::Spin => {
                while start.elapsed() < PAUSE {
                    spin_loop();
                }
            }
            Self::Sleep => thread::sleep(PAUSE),
        }
        start.elapsed()
    }
}

impl Slice {
    /// CPU time of the system for each answer, in microseconds.
    pub(crate) fn cpu_per_answer(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answers.max(1) as f64
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.wall.as_secs_f64()
    }

    /// How much of the time the system was at work; more than 1 on several cores.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// How much of the time the load was at work.
    pub(crate) fn load_busy(&self) -> f64 {
        1.0 - self.idle.as_secs_f64() / self.wall.as_secs_f64()
    }
}
