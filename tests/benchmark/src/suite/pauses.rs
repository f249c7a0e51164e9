//! How long a batch of pulses waits for the node while clients are registered as fast as it can: for its locks, and
//! for whatever growing its tables takes. No sockets, no other process: what is measured is the node.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rendezvous_native::{Node, settings};
use rendezvous_protocol::{ClientId, Pulse, PulseCode};
use serde_json::json;

use super::Bench;
use crate::outcome::{Outcome, failure};
use crate::progress::Progress;
use crate::report::{Table, duration, tail_figures, thousands};
use crate::server::PATIENT;
use crate::stats::latencies;
use crate::system::{LOAD_CORE, SERVER_CORE, pin};
use rendezvous_crowd::TestRng;

/// Pulses that are handled together.
const BATCH: usize = 64;
/// How long to look at the machine itself, at most.
const NOISE: Duration = Duration::from_secs(60);
/// Clients that there are before the first batch.
const HEAD_START: usize = 1000;

/// Measures it.
///
/// # Errors
/// If a client is refused.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let clients = bench.sizes.most_clients;
    pin(&[SERVER_CORE, LOAD_CORE])?;
    let measured = grow(clients);
    let compared = measured.map(|found| {
        let noise = noise(found.time.min(NOISE), Duration::from_nanos(found.batches.value_at_quantile(0.5)));
        (found, noise)
    });
    pin(&[LOAD_CORE])?;
    let (Found { batches, wrong, time }, noise) = compared?;
    bench.report.wrong_answers("the node", wrong);

    bench.report.title("Pauses while the tables grow")?;
    bench.report.text(&format!(
        "One thread registers {} clients as fast as it can ({:.0} a second), another has {BATCH} pulses of clients \
         registered so far handled at a time: the times are of whole batches, locks and handling. Both cores are \
         used. The machine itself: as much time, a minute at most, spent on nothing but looking at the clock, with both cores \
         busy.\n",
        thousands(clients as u64),
        clients as f64 / time.as_secs_f64(),
    ))?;
    let mut table =
        Table::new(&["a batch takes", "batches", "p50", "p99", "p99.9", "p99.99", "longest", "over 1 ms"]);
    for (name, times) in [("the node", &batches), ("the machine itself", &noise)] {
        let quantile = |share| duration(times.value_at_quantile(share));
        table.row([
            name.into(),
            thousands(times.len()),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            quantile(0.9999),
            duration(times.max()),
            thousands(over_a_millisecond(times)),
        ]);
    }
    bench.report.table(&table)?;
    bench.report.figures(
        "pauses",
        json!({
            "clients": clients, "batch": BATCH, "seconds": time.as_secs_f64(),
            "node": tail_figures(&batches), "machine": tail_figures(&noise),
            "node_over_1_ms": over_a_millisecond(&batches), "machine_over_1_ms": over_a_millisecond(&noise),
        }),
    );
    Ok(())
}

struct Found {
    batches: Histogram<u64>,
    wrong: u64,
    time: Duration,
}

/// The ids registered so far. One thread adds to it and another reads, and neither ever waits.
struct Registered {
    /// The halves of each id.
    ids: Box<[[AtomicU64; 2]]>,
    number: AtomicUsize,
}

fn grow(clients: usize) -> Outcome<Found> {
    let arguments = ["rendezvous", "--store=memory:", "--no-limits"].into_iter().chain(PATIENT);
    let settings = settings::from_args(arguments).map_err(|exit| failure(format!("{exit:?}")))?;
    let node =
        Node::open(&settings, settings::DEFAULT_UDP_PORT).map_err(|error| failure(error.to_string()))?;
    let registered = Registered::with_room(clients);
    let stopped = AtomicBool::new(false);
    let start = Instant::now();
    thread::scope(|scope| {
        let registering = scope.spawn(|| {
            let result = registered.fill(&node);
            stopped.store(true, Ordering::Release);
            result
        });
        let mut random = TestRng::new(1);
        let (mut pulses, mut codes) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let (mut batches, mut wrong) = (latencies(), 0);
        let mut progress = Progress::new("growing", clients);
        while !stopped.load(Ordering::Acquire) {
            let number = registered.number.load(Ordering::Acquire);
            if number < HEAD_START.min(clients) {
                continue;
            }
            pulses.clear();
            for _ in 0..BATCH {
                let client = random.below(number);
                let port = 1024 + (client % 60_000) as u16;
                pulses.push(Pulse { id: registered.id(client), source: ([127, 0, 0, 1], port).into() });
            }
            let begun = Instant::now();
            node.pulses(&pulses, &mut codes);
            batches.saturating_record(begun.elapsed().as_nanos().try_into()?);
            wrong += codes.iter().filter(|&&code| code != PulseCode::OnTime).count() as u64;
            progress.at(number);
        }
        progress.end(registered.number.load(Ordering::Acquire));
        registering.join().map_err(|_| failure("registering panicked"))??;
        Ok(Found { batches, wrong, time: start.elapsed() })
    })
}

/// What is measured on this machine where nothing waits: the same for as long, with steps of about the same length.
fn noise(time: Duration, step: Duration) -> Histogram<u64> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                spin_loop();
            }
        });
        let mut steps = latencies();
        let start = Instant::now();
        while start.elapsed() < time {
            let begun = Instant::now();
            while begun.elapsed() < step {
                black_box(());
            }
            steps.saturating_record(begun.elapsed().as_nanos().try_into().unwrap_or(u64::MAX));
        }
        stop.store(true, Ordering::Relaxed);
        steps
    })
}

fn over_a_millisecond(times: &Histogram<u64>) -> u64 {
    times.count_between(1_000_000, u64::MAX)
}

impl Registered {
    /// Touches all of its memory, so that nobody waits for the kernel to provide it later.
    fn with_room(clients: usize) -> Self {
        let empty = || [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)];
        Self { ids: (0..clients).map(|_| empty()).collect(), number: AtomicUsize::new(0) }
    }

    fn fill(&self, node: &Node) -> Outcome<()> {
        for (number, [low, high]) in self.ids.iter().enumerate() {
            let body = node
                .register()
                .and_then(|body| body.wait())
                .map_err(|error| failure(format!("not registered: {error:?}")))?;
            let id = u128::from_le_bytes(*body.client_id.as_bytes());
            low.store(id as u64, Ordering::Relaxed);
            high.store((id >> 64) as u64, Ordering::Relaxed);
            self.number.store(number + 1, Ordering::Release);
        }
        Ok(())
    }

    fn id(&self, client: usize) -> ClientId {
        let [low, high] = &self.ids[client];
        let (low, high) = (low.load(Ordering::Relaxed), high.load(Ordering::Relaxed));
        ClientId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_le_bytes())
    }
}
