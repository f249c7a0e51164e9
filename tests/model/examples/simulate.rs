//! Plays a scenario: `cargo run -p rendezvous-model --example simulate -- SCENARIO.json [log|mermaid|verdict]`.
//!
//! Prints the log (a line of JSON for each event), a Mermaid sequence diagram, and what became of the invariants; or only
//! one of them. `-` reads the scenario from standard input. The exit code is 1 if an invariant is broken, and 2 if the
//! scenario is none.

use std::fs;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use rendezvous_wasm::world::{InvalidScenario, Simulation, mermaid};

/// How many events are played between two looks at the clock.
const CHUNK: u64 = 10_000;

const USAGE: &str = "usage: simulate SCENARIO.json|- [log|mermaid|verdict]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), part, None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return fail(USAGE);
    };
    let part = part.as_deref();
    if !matches!(part, None | Some("log" | "mermaid" | "verdict")) {
        return fail(USAGE);
    }
    let json = match read(&file) {
        Ok(json) => json,
        Err(error) => return fail(&format!("{file}: {error}")),
    };
    match play(&json, part) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) => fail(&format!("{file}: {error}")),
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn read(file: &str) -> io::Result<String> {
    if file == "-" {
        let mut json = String::new();
        io::stdin().read_to_string(&mut json)?;
        return Ok(json);
    }
    fs::read_to_string(file)
}

/// Prints what was asked for. Returns whether every invariant holds.
fn play(json: &str, part: Option<&str>) -> io::Result<Result<bool, InvalidScenario>> {
    let wants = |name| part.is_none_or(|part| part == name);
    let mut simulation = match Simulation::from_json(json) {
        Ok(simulation) => simulation,
        Err(error) => return Ok(Err(error)),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut last_told = std::time::Instant::now();
    while !simulation.done() {
        let log = simulation.run(CHUNK);
        if wants("log") {
            out.write_all(log.as_bytes())?;
        }
        if last_told.elapsed().as_secs() >= 2 {
            last_told = std::time::Instant::now();
            writeln!(io::stderr(), "at {} s of virtual time", simulation.elapsed() / 1000)?;
        }
    }
    if wants("mermaid") {
        match mermaid(json) {
            Ok(diagram) => write!(out, "{diagram}")?,
            Err(error) => return Ok(Err(error)),
        }
    }
    let summary = simulation.summary();
    if wants("verdict") {
        writeln!(out, "{}", summary.to_json())?;
        for (invariant, verdict) in &summary.invariants {
            match verdict.first {
                None => writeln!(out, "{} holds ({} checks)", invariant.name(), verdict.checks)?,
                Some(first) => writeln!(
                    out,
                    "{} IS BROKEN: {} of {} checks, first after {first} ms",
                    invariant.name(),
                    verdict.violations,
                    verdict.checks
                )?,
            }
        }
    }
    out.flush()?;
    Ok(Ok(summary.holds()))
}

fn fail(what: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{what}");
    ExitCode::from(2)
}
