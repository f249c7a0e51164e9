//! The benchmark suite: the server side by side with yardsticks, in one run on one machine.

use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

mod disk;
mod exchange;
mod http;
mod load;
mod machine;
mod mmsg;
mod options;
mod outcome;
mod peers;
mod progress;
mod register;
mod report;
mod server;
mod stats;
mod stock;
mod suite;
mod system;
mod yardstick;

use machine::{Machine, Others};
use options::{Benchmark, Command, Options};
use outcome::{Outcome, failure};
use report::Report;
use suite::Bench;
use system::{LOAD_CORE, SERVER_CORE, pin};

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress::say(error);
            ExitCode::FAILURE
        }
    }
}

/// Says whether every answer was right.
fn run(options: Options) -> Outcome<bool> {
    if let Some(Command::Yardstick { yardstick }) = options.command {
        return yardstick::run(yardstick).map(|()| true);
    }
    let machine = Machine::this()?;
    let sizes = options.sizes();
    if !options.server.is_file() {
        let path = options.server.display();
        return Err(failure(format!("there is no server at {path}: tests/bench builds it")));
    }
    let mut bench = Bench {
        program: options.server.clone(),
        store_folder: options.store_folder.clone(),
        sizes,
        peers: if options.peers { &peers::PEERS } else { &[] },
        report: Report::default(),
    };
    bench.report.title("Benchmarks")?;
    bench.report.text(&format!(
        "{}. The server runs on core {SERVER_CORE}, the load on core {LOAD_CORE}, over the loopback interface.",
        machine.describe()
    ))?;
    bench.say_reductions()?;
    bench.report.figures("machine", machine.figures());
    bench.report.figures(
        "sizes",
        json!({
            "slices": sizes.slices, "slice_s": sizes.slice.as_secs_f64(), "clients": sizes.clients,
            "most_clients": sizes.most_clients, "open_s": sizes.open.as_secs_f64(),
        }),
    );
    pin(&[LOAD_CORE])?;
    if !options.peers {
        bench.report.text("left out: other programs; --peers installs them and measures them too\n")?;
    }
    for (benchmark, run) in [
        (Benchmark::Pulse, suite::pulse::run as fn(&mut Bench) -> Outcome<()>),
        (Benchmark::Lookup, suite::lookup::run),
        (Benchmark::Growth, suite::growth::run),
        (Benchmark::Pauses, suite::pauses::run),
        (Benchmark::Expiry, suite::expiry::run),
        (Benchmark::Threads, suite::threads::run),
        (Benchmark::Flood, suite::flood::run),
        (Benchmark::Store, suite::store::run),
        (Benchmark::Restart, suite::restart::run),
        (Benchmark::Shared, suite::shared::run),
    ] {
        if options.wants(benchmark) {
            let others = Others::watch()?;
            // What fails is told, and the others are still measured.
            if let Err(error) = run(&mut bench) {
                bench.report.wrong(format!("{benchmark:?}: {error}"));
            }
            bench.report.disturbance(&format!("{benchmark:?}"), others.used()?)?;
        }
    }
    bench.report.finish(&options.json)
}
