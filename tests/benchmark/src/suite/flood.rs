//! Good clients in a flood of noise: keys that nobody has, and datagrams of wrong lengths.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use serde_json::json;

use super::Bench;
use crate::load::{OpenLoop, Plan, Seen, flooding_socket_to};
use crate::mmsg::Batch;
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::report::{Table, rate, tail, tail_figures, thousands};
use rendezvous_crowd::TestRng;

/// Good clients.
const GOOD: usize = 1000;
/// Their pulses, together, a second.
const RATE: u32 = 5000;
/// Sockets: enough for all pulses of two seconds to be unanswered.
const SOCKETS: usize = 10_000;
/// Datagrams of noise that are sent with one call: the good ones wait no longer than that takes.
const BATCH: usize = 64;
/// The lengths of noise. Of a pulse's length are keys that nobody has.
const LENGTHS: [usize; 5] = [32, 31, 32, 33, 0];

/// Measures it.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let (server, keys) = bench.server_with(bench.sizes.clients, &[])?;
    let udp = server.udp;
    let mut system = server.into_system("rendezvous", &keys);
    let plan = Plan { rate: RATE, time: bench.sizes.open, clients: GOOD.min(keys.len()), retry: true };
    let mut sockets = OpenLoop::new(&system, SOCKETS)?;
    say("flood: calm");
    let calm = sockets.run(&mut system, plan, || Ok(()))?;
    let before = system.process.resident()?;
    let drops_before = kernel_drops(udp)?;
    say("flood: noise");
    let mut flood = Flood::to(udp)?;
    let start = Instant::now();
    let noisy = sockets.run(&mut system, plan, || flood.send())?;
    let noise = flood.sent as f64 / start.elapsed().as_secs_f64();
    let drops = kernel_drops(udp)? - drops_before;
    let after = system.process.resident()?;

    bench.report.title("Flood")?;
    bench.report.text(&format!(
        "{GOOD} good clients pulse {} times a second, open loop, and try once more after a second without an answer. \
         Noise: keys that nobody has, and datagrams of 0, 31 and 33 bytes, {} a second, from the same core as the \
         good ones, which are sent between batches of {BATCH}. The kernel dropped {} datagrams that the server's \
         socket had no room for. Memory before: {:.1} MB, after: {:.1} MB.\n",
        thousands(RATE),
        rate(noise),
        thousands(drops),
        before as f64 / 1e6,
        after as f64 / 1e6,
    ))?;
    let mut table = Table::new(&[
        "good pulses",
        "sent",
        "single pulses lost",
        "answered within one retry",
        "p50",
        "p99",
        "p99.9",
        "longest",
        "p99 of those answered at once",
    ]);
    let mut figures = json!({
        "noise_per_s": noise, "kernel_drops": drops, "rss_before": before, "rss_after": after,
    });
    for (name, seen) in [("calm", &calm), ("noise", &noisy)] {
        bench.report.wrong_answers("rendezvous", seen.wrong);
        let [p50, p99, p999, longest] = tail(&seen.latencies());
        let [_, p99_at_once, _, _] = tail(&seen.at_once);
        table.row([
            name.into(),
            thousands(seen.due),
            percent(seen.lost, seen.due),
            percent(answered(seen), seen.due),
            p50,
            p99,
            p999,
            longest,
            p99_at_once,
        ]);
        figures[name] = json!({
            "due": seen.due, "lost": seen.lost, "first": seen.first, "second": seen.second,
            "unanswered": seen.unanswered, "latency": tail_figures(&seen.latencies()),
            "latency_at_once": tail_figures(&seen.at_once),
        });
    }
    bench.report.table(&table)?;
    bench.report.figures("flood", figures);
    Ok(())
}

struct Flood {
    sockets: Vec<UdpSocket>,
    batch: Batch,
    random: TestRng,
    sent: u64,
    turn: usize,
}

impl Flood {
    fn to(address: SocketAddr) -> Outcome<Self> {
        let mut sockets = vec![];
        for _ in 0..4 {
            sockets.push(flooding_socket_to(address)?);
        }
        Ok(Self { sockets, batch: Batch::new(BATCH, 33), random: TestRng::new(1), sent: 0, turn: 0 })
    }

    fn send(&mut self) -> Outcome<()> {
        let mut payload = [0; 33];
        for index in 0..BATCH {
            for bytes in payload[..32].chunks_exact_mut(8) {
                bytes.copy_from_slice(&self.random.number().to_le_bytes());
            }
            self.batch.set(index, &payload[..LENGTHS[index % LENGTHS.len()]]);
        }
        self.turn += 1;
        let socket = &self.sockets[self.turn % self.sockets.len()];
        self.sent += self.batch.send(socket, BATCH)? as u64;
        Ok(())
    }
}

fn answered(seen: &Seen) -> u64 {
    seen.first + seen.second
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", part as f64 * 100.0 / whole.max(1) as f64)
}

/// Datagrams that the kernel dropped because the socket at this address had no room (the last column of its list).
fn kernel_drops(address: SocketAddr) -> Outcome<u64> {
    let port = format!(":{:04X}", address.port());
    let sockets = fs::read_to_string("/proc/net/udp")?;
    let line =
        sockets.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|it| it.ends_with(&port)));
    let drops = line.and_then(|line| line.split_whitespace().last()?.parse().ok());
    drops.ok_or_else(|| failure("the kernel does not list the server's socket in /proc/net/udp"))
}
