//! What pulses and clients cost, without sockets: the figures that a noisy machine cannot blur, and one that it can.
//!
//! ```text
//! rendezvous-costs pulses COUNT       handles COUNT pulses, in batches of 64, of 10,000 clients: for an instruction counter
//! rendezvous-costs host-pulses COUNT  the same through the native host's shards and locks, as a UDP thread does it
//! rendezvous-costs allocations        allocations of 1,000,000 such pulses, late and unknown ones among them
//! rendezvous-costs bytes CLIENTS      bytes on the heap for each of CLIENTS clients
//! rendezvous-costs time CLIENTS       nanoseconds a pulse, in batches and one by one, and of the hash
//! ```
#![expect(clippy::print_stdout, reason = "a program for people and scripts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant as Stopwatch;

use rendezvous_crowd::{Crowd, at, server_of};
use rendezvous_native::{Node, settings};
use rendezvous_protocol::{ClientId, PrivateKey, Pulse, PulseCode, Server, Timing, decode_pulse};

/// As many as a UDP thread of the server takes at a time.
const BATCH: usize = Server::BATCH;

/// Clients of the counted runs: small enough for an instruction counter, and enough for the table to have many pages.
const FEW: u64 = 10_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let count = |text: &String| text.replace('_', "").parse::<u64>().ok();
    match (args.first().map(String::as_str), args.get(1).map(count)) {
        (Some("pulses"), Some(Some(pulses))) => println!("{}", handle(pulses)),
        (Some("host-pulses"), Some(Some(pulses))) => println!("{}", handle_in_host(pulses)),
        (Some("allocations"), None) => println!("{}", allocations()),
        (Some("bytes"), Some(Some(clients))) => println!("{:.1}", bytes(clients)),
        (Some("time"), Some(Some(clients))) => time(clients),
        _ => {
            println!(
                "usage: rendezvous-costs pulses COUNT | host-pulses COUNT | allocations | bytes CLIENTS | time CLIENTS"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// How many of these pulses are answered 1020: all of them.
fn handle(pulses: u64) -> u64 {
    let mut server = server_of(FEW);
    let mut crowd = Crowd::new(0, FEW);
    // Made before, so that nearly all that is counted is the server's.
    let batches: Vec<_> = (0..1024).map(|_| crowd.batch::<BATCH>()).collect();
    let mut on_time = 0;
    for batch in batches.iter().cycle().take(pulses as usize / BATCH) {
        server.pulse_batch(at(1), batch, &mut |_, outcome| {
            on_time += u64::from(outcome.answer == PulseCode::OnTime);
        });
    }
    assert_eq!(on_time, pulses / BATCH as u64 * BATCH as u64);
    on_time
}

/// The same in a node.
fn handle_in_host(pulses: u64) -> u64 {
    let (node, batches) = node_and_batches();
    let (mut codes, mut on_time) = (Vec::with_capacity(BATCH), 0);
    for batch in batches.iter().cycle().take(pulses as usize / BATCH) {
        node.pulses(batch, &mut codes);
        on_time += codes.iter().filter(|&&code| code == PulseCode::OnTime).count() as u64;
    }
    assert_eq!(on_time, pulses / BATCH as u64 * BATCH as u64);
    on_time
}

/// A node with clients, and pulses of them.
fn node_and_batches() -> (Node, Vec<[Pulse; BATCH]>) {
    // An instruction counter takes minutes: nobody is to be late meanwhile.
    let Ok(settings) = settings::from_args([
        "rendezvous",
        "--no-limits",
        "--store=memory:",
        "--pulse-interval=1h",
        "--error-time=2h",
    ]) else {
        panic!("these settings are valid")
    };
    let node = Node::open(&settings, settings::DEFAULT_UDP_PORT).expect("memory needs nothing");
    let ids: Vec<_> = (0..FEW)
        .map(|_| node.register().and_then(|body| body.wait()).expect("there is entropy").client_id)
        .collect();
    let mut crowd = Crowd::new(0, FEW);
    let batches = (0..1024)
        .map(|_| {
            crowd.batch::<BATCH>().map(|Pulse { source, .. }| {
                // The number of the client is in its address.
                let SocketAddr::V4(address) = source else { panic!("a crowd is in 10.0.0.0/8") };
                let [_, b, c, d] = address.ip().octets();
                Pulse { id: ids[u32::from_be_bytes([0, b, c, d]) as usize], source }
            })
        })
        .collect();
    (node, batches)
}

/// How often a million pulses allocate memory in the state machine, and a million in the host.
fn allocations() -> u64 {
    let mut server = server_of(FEW);
    // A tenth of the clients is unknown; after the first half all are late.
    let mut crowd = Crowd::new(0, FEW + FEW / 10);
    let batches = (0..1_000_000 / BATCH).map(|_| crowd.batch::<BATCH>()).collect::<Vec<_>>();
    let late = at(Timing::default().late_after().0 + 1);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let half = batches.len() / 2;
    for (n, batch) in batches.iter().enumerate() {
        let now = if n < half { at(1) } else { late };
        server.pulse_batch(now, batch, &mut |_, outcome| {
            black_box(outcome.answer);
        });
    }
    let mut allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let counters = server.counters();
    assert!(counters.pulses_on_time > 0 && counters.pulses_late > 0 && counters.pulses_unknown > 0);

    let (node, batches) = node_and_batches();
    let mut codes = Vec::with_capacity(BATCH);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for batch in batches.iter().cycle().take(1_000_000 / BATCH) {
        node.pulses(batch, &mut codes);
    }
    allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
    allocations
}

/// Bytes that the allocator was asked for, for each client.
fn bytes(clients: u64) -> f64 {
    let before = BYTES.load(Ordering::Relaxed);
    let server = server_of(clients);
    let bytes = BYTES.load(Ordering::Relaxed) - before;
    assert_eq!(server.records() as u64, clients);
    bytes as f64 / clients as f64
}

fn time(clients: u64) {
    const ROUNDS: usize = 15;
    const BATCHES: usize = 4096;
    let mut server = server_of(clients);
    let mut crowd = Crowd::new(0, clients);
    let mut batches = vec![];
    let (mut batched, mut single, mut hash) = (vec![], vec![], vec![]);
    for _ in 0..=ROUNDS {
        batches.clear();
        batches.extend((0..BATCHES).map(|_| crowd.batch::<BATCH>()));
        batched.push(nanoseconds(BATCHES, || {
            for batch in &batches {
                server.pulse_batch(at(1), batch, &mut |_, outcome| {
                    black_box(outcome.answer);
                });
            }
        }));
        batches.clear();
        batches.extend((0..BATCHES).map(|_| crowd.batch::<BATCH>()));
        single.push(nanoseconds(BATCHES, || {
            for pulse in batches.iter().flatten() {
                black_box(server.pulse(at(1), pulse.id, pulse.source).answer);
            }
        }));
        hash.push(nanoseconds(BATCHES, || {
            for pulse in batches.iter().flatten() {
                let mut key = [0; PrivateKey::LEN];
                key[..ClientId::LEN].copy_from_slice(pulse.id.as_bytes());
                black_box(decode_pulse(pulse.source, black_box(&key))).expect("a pulse");
            }
        }));
    }
    for (what, mut times) in [("batched", batched), ("one by one", single), ("hash alone", hash)] {
        times.remove(0); // The first warms up.
        times.sort_by(f64::total_cmp);
        println!("{what}: median {:.1} ns, fastest {:.1} ns", times[times.len() / 2], times[0]);
    }
}

fn nanoseconds(batches: usize, work: impl FnOnce()) -> f64 {
    let begun = Stopwatch::now();
    work();
    begun.elapsed().as_nanos() as f64 / (batches * BATCH) as f64
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, and a count of what is asked of it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator can be replaced in no other way")]
// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(size as u64, Ordering::Relaxed);
        BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
