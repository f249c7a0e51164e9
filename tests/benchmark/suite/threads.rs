//! Two UDP threads on two cores against one on one core.

use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::Bench;
use crate::load::{ClosedLoop, Pause, SINGLE, Slice};
use crate::outcome::Outcome;
use crate::progress::say;
use crate::register::register;
use crate::report::{Table, rate};
use crate::server::{Key, PATIENT, Server};
use crate::stats::{least, median};
use crate::system::{LOAD_CORE, SERVER_CORE, System, pin};

/// The option in question.
const FLAG: &str = "--udp-threads";

/// Measures it, if the server knows the option.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.report.title("Threads")?;
    let help = Command::new(&bench.program).arg("--help").output()?;
    if !String::from_utf8_lossy(&help.stdout).contains(FLAG) {
        return bench.report.text(&format!("left out: this server has no {FLAG}"));
    }
    let both = [SERVER_CORE, LOAD_CORE];
    let mut systems = [
        start(bench, "1 thread, a core of its own", 1, &[SERVER_CORE])?,
        start(bench, "1 thread, both cores shared", 1, &both)?,
        start(bench, "2 threads, both cores shared", 2, &both)?,
    ];
    let mut loops = [
        ClosedLoop::new(&systems[0], SINGLE, Pause::Spin)?,
        ClosedLoop::new(&systems[1], SINGLE, Pause::Sleep)?,
        ClosedLoop::new(&systems[2], SINGLE, Pause::Sleep)?,
    ];
    let cores_of_load = [&[LOAD_CORE][..], &both, &both];
    let mut slices: [Vec<Slice>; 3] = Default::default();
    for round in 0..=bench.sizes.slices {
        for index in 0..systems.len() {
            pin(cores_of_load[index])?;
            let slice = loops[index].run(&mut systems[index], bench.sizes.slice);
            pin(&[LOAD_CORE])?;
            let slice = slice?;
            bench.report.wrong_answers(&systems[index].name, slice.wrong);
            // The first round warms up.
            if round > 0 {
                slices[index].push(slice);
            }
        }
        say(format_args!("threads: round {round} of {}", bench.sizes.slices));
    }

    let costs = slices.each_ref().map(|slices| slices.iter().map(Slice::cpu_per_answer).collect::<Vec<_>>());
    let scaling = |one: usize| 2.0 * median(&costs[one]) / median(&costs[2]);
    let (to_alone, to_sharing) = (scaling(0), scaling(1));
    bench.report.text(
        "Two threads need both cores, so the load shares them, and their rate says little. CPU time is that of the \
         server's process alone, whoever shares its cores. Scaling is what two cores of their own would carry: 2 x \
         (CPU per pulse of one thread) / (CPU per pulse of two). One thread is measured twice: with a core to itself, \
         where its batches are full, and sharing both cores with the load as two threads must.\n",
    )?;
    let mut table = Table::new(&[
        &format!("closed loop, {}", SINGLE.name),
        "answers/s",
        "CPU µs median",
        "CPU µs least",
        "busy cores",
        "scaling from here to 2 threads",
    ]);
    let mut figures = vec![];
    for (index, system) in systems.iter().enumerate() {
        let of = |figure: fn(&Slice) -> f64| median(&slices[index].iter().map(figure).collect::<Vec<_>>());
        table.row([
            system.name.clone(),
            rate(of(Slice::rate)),
            format!("{:.2}", median(&costs[index])),
            format!("{:.2}", least(&costs[index])),
            format!("{:.2}", of(Slice::busy)),
            if index < 2 { format!("{:.2}", scaling(index)) } else { "-".into() },
        ]);
        figures.push(json!({
            "system": system.name, "answers_per_s": of(Slice::rate), "cpu_us": median(&costs[index]),
            "cpu_us_slices": costs[index], "busy": of(Slice::busy),
        }));
    }
    bench.report.table(&table)?;
    bench.report.figures("threads", json!({ "systems": figures, "scaling_from_own_core": to_alone, "scaling_from_shared_cores": to_sharing }));
    Ok(())
}

fn start(bench: &Bench, name: &str, threads: usize, cores: &[usize]) -> Outcome<System> {
    let flag = format!("{FLAG}={threads}");
    let server = Server::start(&bench.program, cores, &[&PATIENT[..], &[&flag]].concat())?;
    let keys: Arc<[Key]> = register(server.http, bench.sizes.clients)?.into();
    Ok(server.into_system(name, &keys))
}
