//! Pulses over UDP: the server, side by side with a bare echo and with other programs.

use serde_json::{Value, json};

use super::Bench;
use crate::load::{ClosedLoop, OpenLoop, Pause, Plan, SINGLE, Shape, Slice, WINDOW};
use crate::outcome::Outcome;
use crate::progress::say;
use crate::report::{Table, rate, tail, tail_figures, thousands};
use crate::server::Pulses;
use crate::stats::{least, median, middle_half, ratios};
use crate::system::{SERVER_CORE, System};
use crate::yardstick::start_echo;

/// The yardstick, twice. They come first.
const ECHOES: [&str; 2] = ["echo A", "echo B"];
/// Requests a second of the open loop: far less than any of them can do.
const OPEN_RATE: u32 = 50_000;
/// Sockets of the open loop: the requests of 20 ms.
const OPEN_SOCKETS: usize = 1024;
/// Clients of the server on the wildcard address, at most.
const WILDCARD_CLIENTS: usize = 100_000;

/// Measures the server, the echo twice, and the peers that the run is to have.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let (server, keys) = bench.server_with(bench.sizes.clients, &[])?;
    let few = bench.sizes.clients.min(WILDCARD_CLIENTS);
    let (wildcard, few_keys) = bench.server_with(few, &["--udp-listen=0.0.0.0:0"])?;
    let mut systems = vec![];
    for name in ECHOES {
        systems.push(start_echo(name, keys.len(), Box::new(Pulses(keys.clone())))?);
    }
    systems.push(server.into_system("rendezvous", &keys));
    systems.push(wildcard.into_system("rendezvous on 0.0.0.0", &few_keys));
    for start in bench.peers {
        systems.push(start(SERVER_CORE, keys.len())?);
    }

    bench.report.title("Pulses over UDP")?;
    if !bench.peers.is_empty() {
        bench.report.text(
            "rndz forgets, every minute, whoever has not pinged for one, so of a million clients drawn at random most are \
             registered anew by their pings. aquatic has 10 clients in each torrent and lists none in its answers. coturn \
             keeps nothing for a client.\n",
        )?;
    }
    bench.report.text(
        "CPU: time of the server's process per answer, system calls included. Ratio: to echo A in the same round, \
         the median of all rounds; echo B is the same program again, so its ratio is the noise. Busy: share of the \
         time that the server, and the load, had work. Nobody is late: --pulse-interval=1h.\n",
    )?;
    let mut figures = serde_json::Map::new();
    // Before anything else: some forget clients after a minute.
    figures.insert("memory".into(), memory(bench, &systems)?);
    for shape in [WINDOW, SINGLE] {
        figures.insert(shape.name.into(), closed(bench, &mut systems, shape)?);
    }
    figures.insert("open".into(), open(bench, &mut systems)?);
    bench.report.figures("pulse", figures.into());
    Ok(())
}

/// Slices in turns: in each round every system gets one, and every other round goes the other way.
///
/// # Errors
/// What the slices say.
pub(super) fn alternate(bench: &mut Bench, systems: &mut [System], shape: Shape) -> Outcome<Vec<Vec<Slice>>> {
    let mut loops = vec![];
    for system in systems.iter() {
        loops.push(ClosedLoop::new(system, shape, Pause::Spin)?);
    }
    rounds(bench, systems, &mut loops, shape)
}

/// The same with loops that are there already.
///
/// # Errors
/// What the slices say.
pub(super) fn rounds(
    bench: &mut Bench,
    systems: &mut [System],
    loops: &mut [ClosedLoop],
    shape: Shape,
) -> Outcome<Vec<Vec<Slice>>> {
    let mut slices = vec![vec![]; systems.len()];
    for round in 0..=bench.sizes.slices {
        let mut order: Vec<_> = (0..systems.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let slice = loops[index].run(&mut systems[index], bench.sizes.slice)?;
            bench.report.wrong_answers(&systems[index].name, slice.wrong);
            // The first round warms up.
            if round > 0 {
                slices[index].push(slice);
            }
        }
        say(format_args!("{}: round {round} of {}", shape.name, bench.sizes.slices));
    }
    Ok(slices)
}

fn closed(bench: &mut Bench, systems: &mut [System], shape: Shape) -> Outcome<Value> {
    let slices = alternate(bench, systems, shape)?;
    tabulate(bench, systems, &slices, shape)
}

/// A table of these slices, whose ratios are to the first system.
///
/// # Errors
/// If nothing can be printed.
pub(super) fn tabulate(
    bench: &Bench,
    systems: &[System],
    slices: &[Vec<Slice>],
    shape: Shape,
) -> Outcome<Value> {
    let mut table = Table::new(&[
        &format!("closed loop, {}", shape.name),
        "clients",
        "answers/s",
        "CPU µs median",
        "CPU µs least",
        "ratio to echo A",
        "middle half",
        "lost",
        "busy",
        "load busy",
    ]);
    let costs: Vec<Vec<f64>> =
        slices.iter().map(|slices| slices.iter().map(Slice::cpu_per_answer).collect()).collect();
    let mut figures = vec![];
    for ((system, slices), costs_here) in systems.iter().zip(slices).zip(&costs) {
        let of = |figure: fn(&Slice) -> f64| median(&slices.iter().map(figure).collect::<Vec<_>>());
        let ratios = ratios(costs_here, &costs[0]);
        let (low, high) = middle_half(&ratios);
        let (lost, answers) =
            slices.iter().fold((0, 0), |sum, slice| (sum.0 + slice.lost, sum.1 + slice.answers));
        table.row([
            system.name.clone(),
            thousands(system.clients as u64),
            rate(of(Slice::rate)),
            format!("{:.2}", median(costs_here)),
            format!("{:.2}", least(costs_here)),
            format!("{:.3}", median(&ratios)),
            format!("{low:.3} to {high:.3}"),
            thousands(lost),
            format!("{:.2}", of(Slice::busy)),
            format!("{:.2}", of(Slice::load_busy)),
        ]);
        figures.push(json!({
            "system": system.name, "clients": system.clients, "answers_per_s": of(Slice::rate),
            "cpu_us": median(costs_here), "cpu_us_least": least(costs_here), "cpu_us_slices": costs_here,
            "ratio": median(&ratios), "ratio_middle_half": [low, high], "answers": answers, "lost": lost,
            "busy": of(Slice::busy), "load_busy": of(Slice::load_busy),
        }));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}

fn open(bench: &mut Bench, systems: &mut [System]) -> Outcome<Value> {
    let mut table = Table::new(&[
        &format!("open loop, {} a second", thousands(OPEN_RATE)),
        "p50",
        "p99",
        "p99.9",
        "longest",
        "sent late, p99.9",
        "lost",
    ]);
    let mut figures = vec![];
    for system in systems {
        say(format_args!("open loop: {}", system.name));
        let plan = Plan { rate: OPEN_RATE, time: bench.sizes.open, clients: system.clients, retry: false };
        let seen = OpenLoop::new(system, OPEN_SOCKETS)?.run(system, plan, || Ok(()))?;
        bench.report.wrong_answers(&system.name, seen.wrong);
        let [p50, p99, p999, longest] = tail(&seen.latencies());
        let [_, _, late, _] = tail(&seen.late);
        table.row([system.name.clone(), p50, p99, p999, longest, late, thousands(seen.lost)]);
        figures.push(json!({
            "system": system.name, "rate": OPEN_RATE, "due": seen.due, "lost": seen.lost,
            "latency": tail_figures(&seen.latencies()), "sent_late": tail_figures(&seen.late),
        }));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}

fn memory(bench: &Bench, systems: &[System]) -> Outcome<Value> {
    let mut table = Table::new(&["memory", "clients", "RSS MB", "RSS bytes / client"]);
    let mut figures = vec![];
    for system in systems.iter().skip(ECHOES.len()) {
        let resident = system.process.resident()?;
        table.row([
            system.name.clone(),
            thousands(system.clients as u64),
            format!("{:.1}", resident as f64 / 1e6),
            format!("{:.1}", resident as f64 / system.clients as f64),
        ]);
        figures.push(json!({"system": system.name, "clients": system.clients, "rss": resident}));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}
