//! The command `rendezvous`: settings from the command line, then serve until told to stop.

use std::process::ExitCode;

use rendezvous_native::settings::{self, Settings};
use rendezvous_native::{Listeners, logging, run};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The command line, the environment or the configuration file is wrong.
const EXIT_USAGE: u8 = 2;
/// The server could not start, or had to stop.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    let settings = match settings::from_process() {
        Ok(settings) => settings,
        Err(settings::Exit::Help(text)) => {
            print_help(&text);
            return ExitCode::SUCCESS;
        }
        Err(settings::Exit::Invalid(error)) => return fail(&error, EXIT_USAGE),
    };
    logging::init(&settings.log);
    match serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn serve(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let listeners = Listeners::bind(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Installed before the first line is printed: whoever waits for that line may signal at once.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        run(listeners, settings, async { stop_signal(&mut terminate, &mut interrupt).await }).await?;
        Ok(())
    })
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("{name}: stopping");
}

/// One line, whatever the log format: it is for whoever typed the command.
#[expect(clippy::print_stderr, reason = "the program's own output")]
fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("rendezvous: {error}");
    ExitCode::from(code)
}

#[expect(clippy::print_stdout, reason = "the program's own output")]
fn print_help(text: &str) {
    print!("{text}");
}
