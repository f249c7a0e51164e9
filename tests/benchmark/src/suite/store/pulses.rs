//! Pulses of clients that stay where they are: next to memory: alone and a bare echo, and what of them comes to the disk.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{CORE, MEMORY, REDB, Sizes, Stocked, in_memory};
use crate::disk::size_and_time;
use crate::load::{ClosedLoop, Pause, STEADY, Slice};
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::report::{duration, thousands};
use crate::server::Pulses;
use crate::stats::{median, middle_half, ratios};
use crate::suite::Bench;
use crate::suite::pulse::{rounds, tabulate};
use crate::system::Process;
use crate::yardstick::start_echo;

/// For how long nothing is to be written until all is: longer than the server lets changes wait.
const QUIET: Duration = Duration::from_millis(1500);
/// How long writing all clients' first addresses may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures it.
///
/// # Errors
/// If something does not start, or ends early.
pub(super) fn run(bench: &mut Bench, stocked: &Stocked) -> Outcome<Value> {
    let clients = stocked.keys.len();
    let (memory, memory_keys) = in_memory(bench)?;
    let (redb, file) = stocked.server(bench, &CORE, "pulses.redb")?;
    let mut sizes = Sizes::new();
    sizes.row("memory:, once all are registered", clients, memory.process.resident()?, None)?;
    sizes.row("redb:, once all are loaded", clients, redb.process.resident()?, Some(&file))?;
    let mut systems = vec![
        start_echo("echo A", clients, Box::new(Pulses(memory_keys.clone())))?,
        start_echo("echo B", clients, Box::new(Pulses(memory_keys.clone())))?,
        memory.into_system(MEMORY, &memory_keys),
        redb.into_system(REDB, &stocked.keys),
    ];
    let redb = systems.len() - 1;
    let mut loops = vec![];
    for system in &mut systems {
        let mut load = ClosedLoop::new(system, STEADY, Pause::Spin)?;
        say(format_args!("every client moves once: {}", system.name));
        let wrong = load.settle(system)?;
        bench.report.wrong_answers(&system.name, wrong);
        loops.push(load);
    }
    let moved = wait_until_written(&systems[redb].process)?;
    sizes.row("memory:, after all moved", clients, systems[redb - 1].process.resident()?, None)?;
    sizes.row("redb:, after all moved", clients, systems[redb].process.resident()?, Some(&file))?;

    let before = Seen::of(&systems[redb].process, &file)?;
    let begun = Instant::now();
    let slices = rounds(bench, &mut systems, &mut loops, STEADY)?;
    let took = begun.elapsed();
    // What would be written behind them is to be seen, too.
    sleep(QUIET);
    let after = Seen::of(&systems[redb].process, &file)?;
    let written = after.written - before.written;
    let untouched = after.file == before.file;
    let pulses: u64 = slices[redb].iter().map(|slice| slice.answers).sum();
    if written > 0 || !untouched {
        bench.report.wrong(format!("{} steady pulses had {written} bytes written", thousands(pulses)));
    }

    bench.report.text(&format!(
        "Pulses of clients that each send from one socket, after all were heard once from there and that was written \
         ({:.1} MB). CPU and ratios as for the pulses over UDP, in turns. The {} pulses to redb:, in {}, had {written} bytes \
         written to any disk (`write_bytes` in proc(5)), and the file has {} length and time as before.\n",
        moved as f64 / 1e6,
        thousands(pulses),
        duration(took.as_nanos().try_into()?),
        if untouched { "the same" } else { "another" },
    ))?;
    let costs = |index: usize| slices[index].iter().map(Slice::cpu_per_answer).collect::<Vec<_>>();
    let to_memory = ratios(&costs(redb), &costs(redb - 1));
    let (low, high) = middle_half(&to_memory);
    let closed = tabulate(bench, &systems, &slices, STEADY)?;
    bench.report.text(&format!(
        "CPU of redb: to that of memory: in the same round: median {:.3}, middle half {low:.3} to {high:.3}.\n",
        median(&to_memory)
    ))?;
    sizes.row("redb:, after the pulses", clients, systems[redb].process.resident()?, Some(&file))?;
    bench.report.table(&sizes.0)?;
    Ok(json!({
        "closed": closed, "ratio_to_memory": median(&to_memory), "ratio_to_memory_middle_half": [low, high], "sizes": sizes.1, "steady_pulses": pulses, "steady_written_bytes": written,
        "steady_file_untouched": untouched, "written_bytes_for_all_moves": moved,
    }))
}

/// What can be seen of a server's writing.
struct Seen {
    written: u64,
    file: (u64, std::time::SystemTime),
}

impl Seen {
    fn of(process: &Process, file: &Path) -> Outcome<Self> {
        Ok(Self { written: process.written()?, file: size_and_time(file)? })
    }
}

/// Waits until nothing more is written. Returns how much was, in all.
pub(in crate::suite) fn wait_until_written(process: &Process) -> Outcome<u64> {
    let begun = Instant::now();
    let mut before = process.written()?;
    loop {
        sleep(QUIET);
        let now = process.written()?;
        if now == before {
            return Ok(now);
        }
        if begun.elapsed() > PATIENCE {
            return Err(failure("the server does not stop writing"));
        }
        say(format_args!("the server is still writing: {:.1} MB so far", now as f64 / 1e6));
        before = now;
    }
}
