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
    let mut systems = [start(bench, 1, &[SERVER_CORE])?, start(bench, 2, &both)?];
    let mut loops = [
        ClosedLoop::new(&systems[0], SINGLE, Pause::Spin)?,
        ClosedLoop::new(&systems[1], SINGLE, Pause::Sleep)?,
    ];
    let cores_of_load = [&[LOAD_CORE][..], &both];
    let mut slices: [Vec<Slice>; 2] = Default::default();
    for round in 0..=bench.sizes.slices {
        for index in [0, 1] {
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
    let scaling = 2.0 * median(&costs[0]) / median(&costs[1]);
    bench.report.text(
        "One thread has a core to itself, and the load the other. Two threads share both cores with the load, so \
         that their rate says little. CPU time is that of the server's process alone, whoever shares its cores, and \
         scaling is what two cores of their own would carry: 2 x (CPU per pulse of one) / (CPU per pulse of two).\n",
    )?;
    let mut table = Table::new(&[
        &format!("closed loop, {}", SINGLE.name),
        "answers/s",
        "CPU µs median",
        "CPU µs least",
        "busy cores",
        "scaling",
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
            if index == 0 { "1.00".into() } else { format!("{scaling:.2}") },
        ]);
        figures.push(json!({
            "system": system.name, "answers_per_s": of(Slice::rate), "cpu_us": median(&costs[index]),
            "cpu_us_slices": costs[index], "busy": of(Slice::busy),
        }));
    }
    bench.report.table(&table)?;
    bench.report.figures("threads", json!({ "systems": figures, "scaling": scaling }));
    Ok(())
}

fn start(bench: &Bench, threads: usize, cores: &[usize]) -> Outcome<System> {
    let flag = format!("{FLAG}={threads}");
    let server = Server::start(&bench.program, cores, &[&PATIENT[..], &[&flag]].concat())?;
    let keys: Arc<[Key]> = register(server.http, bench.sizes.clients)?.into();
    let name = if threads == 1 { "1 thread, 1 core" } else { "2 threads, 2 cores" };
    Ok(server.into_system(name, &keys))
}
