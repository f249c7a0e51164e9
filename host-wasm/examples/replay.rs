//! Runs a scenario from standard input and prints its log: `cargo run -p rendezvous-wasm --example replay <scenario.json`.
//!
//! It runs as a native program and, for the target `wasm32-wasip1`, under Node; both print the same bytes.

use std::io::{Read, Write, stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A failure to write this would have nowhere to go.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut json = String::new();
    stdin().read_to_string(&mut json)?;
    let log = rendezvous_wasm::world::replay_json(&json)?;
    stdout().write_all(log.as_bytes())?;
    Ok(())
}
