//! Many clients at once, each with a socket of its own, pulsing in turn.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::target::{Client, Target};

/// Threads that the clients are spread over.
const THREADS: usize = 4;

/// File descriptors that are needed besides one for each client.
const SPARE_DESCRIPTORS: u64 = 200;

/// What became of the pulses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pulses answered 1020.
    pub on_time: u64,
    /// Pulses answered otherwise.
    pub other: u64,
    /// Pulses that got no answer before the next one.
    pub unanswered: u64,
    /// Pulses that the machine was too slow to send within the interval and grace of the one before.
    pub sent_late: u64,
}

/// Registers `count` clients, over a few connections at a time.
pub fn register(target: &Target, count: usize) -> Vec<Client<'_>> {
    raise_descriptor_limit(count as u64 + SPARE_DESCRIPTORS);
    let clients = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let clients = &clients;
            scope.spawn(move || {
                for _ in (thread..count).step_by(THREADS) {
                    let client = target.register();
                    // The first pulse follows at once, as a client's should: the others take a while to register.
                    assert_eq!(client.pulse(), 1020);
                    clients.lock().expect("no panic").push(client);
                }
            });
        }
    });
    clients.into_inner().expect("no panic")
}

/// Lets each client pulse every `period` for `duration`, all of them evenly spread, while `meanwhile` runs again
/// and again.
pub fn pulse(
    clients: &[Client<'_>],
    period: Duration,
    duration: Duration,
    mut meanwhile: impl FnMut(),
) -> Tally {
    let start = Instant::now();
    thread::scope(|scope| {
        let share = clients.len().div_ceil(THREADS);
        let loads: Vec<_> = clients
            .chunks(share)
            .map(|clients| scope.spawn(move || pulse_in_turn(clients, period, start + duration)))
            .collect();
        while start.elapsed() < duration {
            meanwhile();
        }
        let mut sum = Tally::default();
        for load in loads {
            let tally = load.join().expect("no panic");
            sum.on_time += tally.on_time;
            sum.other += tally.other;
            sum.unanswered += tally.unanswered;
            sum.sent_late += tally.sent_late;
        }
        sum
    })
}

fn pulse_in_turn(clients: &[Client<'_>], period: Duration, end: Instant) -> Tally {
    let mut tally = Tally::default();
    let late_after = clients[0].late_after();
    let start = Instant::now();
    let step = period / u32::try_from(clients.len()).expect("a moderate number");
    let mut last: Vec<Option<Instant>> = vec![None; clients.len()];
    for round in 0.. {
        for (n, client) in clients.iter().enumerate() {
            let due = start + round * period + u32::try_from(n).expect("a moderate number") * step;
            if due >= end {
                collect_all(clients, &last, &mut tally);
                return tally;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Some(sent) = last[n] {
                tally.take(&client.socket);
                if sent.elapsed() >= late_after {
                    tally.sent_late += 1;
                }
            }
            client.socket.send(client.registration.private_id.reveal()).expect("a pulse is sent");
            last[n] = Some(Instant::now());
        }
    }
    tally
}

/// The answers to the last pulses.
fn collect_all(clients: &[Client<'_>], last: &[Option<Instant>], tally: &mut Tally) {
    thread::sleep(Duration::from_millis(200));
    for (client, _) in clients.iter().zip(last).filter(|(_, sent)| sent.is_some()) {
        tally.take(&client.socket);
    }
}

impl Tally {
    /// Takes the one answer that should have come meanwhile.
    fn take(&mut self, socket: &UdpSocket) {
        let mut reply = [0; 8];
        socket.set_nonblocking(true).expect("a socket");
        match socket.recv(&mut reply) {
            Ok(2) if reply[..2] == [0x03, 0xFC] => self.on_time += 1,
            Ok(_) => self.other += 1,
            Err(_) => self.unanswered += 1,
        }
        socket.set_nonblocking(false).expect("a socket");
    }
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
