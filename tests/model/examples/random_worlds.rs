//! Writes random scenarios with clients, NATs and bad networks, always the same ones, for whoever wants to compare what two
//! builds make of them: `random_worlds FOLDER COUNT`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rendezvous_model::casts;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(Ok(count))) = (arguments.next(), arguments.next().map(|count| count.parse()))
    else {
        let _ = writeln!(io::stderr(), "usage: random_worlds FOLDER COUNT");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder), count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, count: usize) -> io::Result<()> {
    let mut runner = TestRunner::deterministic();
    let strategy = casts::scenario(40);
    for number in 0..count {
        let scenario = strategy.new_tree(&mut runner).expect("a strategy without rejections").current();
        std::fs::write(folder.join(format!("random-{number:02}.json")), scenario.to_json())?;
    }
    Ok(())
}
