//! Many clients at once, each with a socket of its own, all pulsing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rendezvous_protocol::ClientId;

use crate::target::{Client, Target};

/// Threads that the clients are spread over.
const THREADS: usize = 4;

/// File descriptors that are needed besides one for each client.
const SPARE_DESCRIPTORS: u64 = 200;

/// One of the clients, as others know it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its id.
    pub id: ClientId,
    /// From where it pulses.
    pub address: SocketAddr,
}

/// What became of the pulses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pulses answered 1020.
    pub on_time: u64,
    /// Pulses answered otherwise.
    pub other: u64,
    /// Pulses that had no answer when the next one was due.
    pub unanswered: u64,
    /// Pulses that the machine was too slow to send while they were on time.
    pub sent_late: u64,
}

/// Lets `count` clients join one after the other, each when its first pulse is answered and pulsing every `period` from
/// then on, until all of them have pulsed together for `duration`, and for longer if `meanwhile` says that it is not
/// done. `meanwhile` runs again and again during that time.
///
/// # Panics
/// If `meanwhile` is not done after four times `duration`.
pub fn pulse(
    target: &Target,
    count: usize,
    period: Duration,
    duration: Duration,
    mut meanwhile: impl FnMut(&[Member]) -> bool,
) -> Tally {
    raise_descriptor_limit(count as u64 + SPARE_DESCRIPTORS);
    let members = Mutex::new(Vec::with_capacity(count));
    let end = AtomicBool::new(false);
    scope(|scope| {
        // However this ends, the threads must: the scope waits for them.
        let _end = SetOnDrop(&end);
        let loads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let share = (thread..count).step_by(THREADS).len();
                let (members, end) = (&members, &end);
                scope.spawn(move || Load::new(target, share, period, members, end).run())
            })
            .collect();
        let mut tally = Tally::default();
        while members.lock().expect("no panic").len() < count {
            if let Some(failed) = loads.iter().position(std::thread::ScopedJoinHandle::is_finished) {
                panic!("thread {failed} ended before all clients had joined");
            }
            sleep(Duration::from_millis(10));
        }
        let members = members.lock().expect("no panic").clone();
        let start = Instant::now();
        let mut done = false;
        while !done || start.elapsed() < duration {
            assert!(
                start.elapsed() < 4 * duration,
                "the machine is too slow: not done after {:?}",
                start.elapsed()
            );
            if let Some(failed) = loads.iter().position(std::thread::ScopedJoinHandle::is_finished) {
                panic!("thread {failed} ended before its time");
            }
            done |= meanwhile(&members);
        }
        end.store(true, Ordering::Relaxed);
        for load in loads {
            tally += load.join().expect("no panic");
        }
        tally
    })
}

/// Guard that sets a flag on drop. The threads of a scope that read the flag end even if the scope panics.
#[derive(Debug)]
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The clients of one thread.
struct Load<'a> {
    target: &'a Target,
    /// How many clients are yet to join.
    to_join: usize,
    period: Duration,
    /// All clients of all threads.
    members: &'a Mutex<Vec<Member>>,
    /// Whether to stop.
    end: &'a AtomicBool,
    /// When each client pulses next, in that order: they all have the same period.
    due: VecDeque<(Instant, Client<'a>)>,
    tally: Tally,
}

impl<'a> Load<'a> {
    fn new(
        target: &'a Target,
        to_join: usize,
        period: Duration,
        members: &'a Mutex<Vec<Member>>,
        end: &'a AtomicBool,
    ) -> Self {
        Self { target, to_join, period, members, end, due: VecDeque::new(), tally: Tally::default() }
    }

    fn run(mut self) -> Tally {
        loop {
            let now = Instant::now();
            match self.due.front() {
                Some(&(due, _)) if due <= now => self.pulse_next(),
                _ if self.to_join > 0 => self.join(),
                Some(&(due, _)) => sleep(due - now),
                None => return self.tally,
            }
            if self.end.load(Ordering::Relaxed) {
                // As long as the answers before these had.
                sleep(self.period);
                for (_, client) in &self.due {
                    self.tally.take_answer(client);
                }
                return self.tally;
            }
        }
    }

    fn join(&mut self) {
        let client = self.target.register();
        let member = Member { id: client.id(), address: client.socket.local_addr().expect("a bound socket") };
        send_pulse(&client);
        // Others may look a member up. The answer stays for the tally, and if none comes, the tally says so.
        drop(client.socket.peek(&mut [0; 8]));
        client.socket.set_nonblocking(true).expect("a socket");
        self.due.push_back((Instant::now() + self.period, client));
        self.members.lock().expect("no panic").push(member);
        self.to_join -= 1;
    }

    fn pulse_next(&mut self) {
        let Some((due, client)) = self.due.pop_front() else { return };
        self.tally.take_answer(&client);
        let last = due - self.period;
        if last.elapsed() >= client.late_after() {
            self.tally.sent_late += 1;
        }
        send_pulse(&client);
        self.due.push_back((due + self.period, client));
    }
}

impl Tally {
    /// Takes the one answer that should have come since the last pulse.
    fn take_answer(&mut self, client: &Client<'_>) {
        let mut reply = [0; 8];
        match client.socket.recv(&mut reply) {
            Ok(2) if reply[..2] == [0x03, 0xFC] => self.on_time += 1,
            Ok(_) => self.other += 1,
            Err(_) => self.unanswered += 1,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.on_time += other.on_time;
        self.other += other.other;
        self.unanswered += other.unanswered;
        self.sent_late += other.sent_late;
    }
}

fn send_pulse(client: &Client<'_>) {
    client.socket.send(client.registration.private_id.reveal()).expect("a pulse is sent");
}

fn raise_descriptor_limit(needed: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    if soft < needed {
        assert!(
            hard >= needed,
            "{needed} file descriptors are needed, and the hard limit is {hard}: raise ulimit -Hn"
        );
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    }
}
