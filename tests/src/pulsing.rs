//! Pulses at a steady rate, of many clients at any of several nodes, by one thread.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rendezvous_crowd::{TestRng, scatter};
use rendezvous_protocol::{ClientId, PrivateKey, PulseCode};

/// Clients are told apart by the first byte of their id: those that have it in common share a socket.
const GROUPS: usize = 256;

/// How long to wait for answers once the last pulse is sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// The running thread.
#[derive(Debug)]
pub struct Pulsing {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answers>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Pulses that were sent.
    pub sent: u64,
    /// Answers 1020.
    pub on_time: u64,
    /// Answers 1050.
    pub late: u64,
    /// Answers 1060.
    pub unknown: u64,
    /// The longest time that a group of clients had no answer, until the last pulse.
    pub longest_silence: Duration,
    /// Groups that had none in the last second of it.
    pub still_silent: usize,
}

impl Pulsing {
    /// Lets the clients with these keys pulse in turn, so many a second, each time at any of the nodes.
    pub fn start(nodes: &[SocketAddr], keys: &[[u8; 32]], per_second: u32) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (stopped, nodes, keys) = (Arc::clone(&stop), nodes.to_vec(), keys.to_vec());
        let thread = thread::spawn(move || pulse(&nodes, &keys, per_second, &stopped));
        Self { stop, thread }
    }

    /// Ends it.
    pub fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("pulsing does not panic")
    }
}

/// The key of client `n`.
pub fn key(n: u64) -> [u8; 32] {
    let mut key = [0; 32];
    for (part, bytes) in key.chunks_mut(8).enumerate() {
        bytes.copy_from_slice(&scatter(n.wrapping_mul(4) + part as u64).to_le_bytes());
    }
    key
}

/// These clients as lines that a store imports: registered, and never heard.
pub fn lines(keys: &[[u8; 32]]) -> String {
    let line = |key: &[u8; 32]| {
        let id = ClientId::of(&PrivateKey::from_bytes(*key));
        format!("{{\"client_id\":\"{id}\",\"address\":null,\"last_seen\":null,\"last_pulse\":null}}\n")
    };
    keys.iter().map(line).collect()
}

struct Group {
    socket: UdpSocket,
    used: bool,
    heard: Instant,
}

fn pulse(nodes: &[SocketAddr], keys: &[[u8; 32]], per_second: u32, stop: &AtomicBool) -> Answers {
    let mut groups: Vec<Group> = (0..GROUPS).map(|_| Group::new()).collect();
    let group_of: Vec<usize> = keys
        .iter()
        .map(|key| usize::from(ClientId::of(&PrivateKey::from_bytes(*key)).as_bytes()[0]))
        .collect();
    for &group in &group_of {
        groups[group].used = true;
    }
    let (mut answers, mut rng, began) = (Answers::default(), TestRng::new(1), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as u64;
        while answers.sent < due {
            let client = answers.sent as usize % keys.len();
            // One that is being restarted refuses, and the pulse is lost.
            let _ = groups[group_of[client]].socket.send_to(&keys[client], rng.one_of(nodes));
            answers.sent += 1;
        }
        groups.iter_mut().for_each(|group| group.receive(&mut answers));
        thread::sleep(Duration::from_millis(1));
    }
    let ended = Instant::now();
    for group in groups.iter().filter(|group| group.used) {
        let silent = ended - group.heard;
        answers.longest_silence = answers.longest_silence.max(silent);
        answers.still_silent += usize::from(silent > Duration::from_secs(1));
    }
    while ended.elapsed() < PATIENCE {
        groups.iter_mut().for_each(|group| group.receive(&mut answers));
        thread::sleep(Duration::from_millis(10));
    }
    answers
}

impl Group {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        Self { socket, used: false, heard: Instant::now() }
    }

    fn receive(&mut self, answers: &mut Answers) {
        let mut reply = [0; 16];
        loop {
            let length = match self.socket.recv(&mut reply) {
                Ok(length) => length,
                // What the kernel tells of an earlier pulse.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            match PulseCode::decode(&reply[..length]).expect("an answer is a code") {
                PulseCode::OnTime => answers.on_time += 1,
                PulseCode::Reverify => answers.late += 1,
                PulseCode::NotFound => answers.unknown += 1,
            }
            answers.longest_silence = answers.longest_silence.max(self.heard.elapsed());
            self.heard = Instant::now();
        }
    }
}
