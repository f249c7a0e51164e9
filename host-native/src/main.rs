//! The command `rendezvous`: settings from the command line, then serve until told to stop, or see to a store.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;

use rendezvous_native::settings::{self, Command, Invocation, Settings};
use rendezvous_native::{Listeners, Node, end_on_panic, logging, run};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

mod client_command;
mod connect_command;
mod health_command;
mod store_command;

/// The command line, the environment or the configuration file is wrong.
const EXIT_USAGE: u8 = 2;
/// The server could not start, or had to stop.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    end_on_panic();
    let done = match settings::from_process() {
        Ok(Invocation::Serve(settings)) => {
            logging::init(&settings.log);
            serve(&settings)
        }
        Ok(Invocation::Check(settings)) => match settings.check_files() {
            Ok(()) => print(b"the settings are fine\n"),
            Err(error) => return fail(&error, EXIT_USAGE),
        },
        Ok(Invocation::Print(settings)) => match settings.to_toml() {
            Ok(text) => print(text.as_bytes()),
            Err(error) => return fail(&error, EXIT_USAGE),
        },
        Ok(Invocation::Run(command)) => match run_command(command) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Err(settings::Exit::Help(text)) => {
            let _ = write!(io::stdout(), "{text}");
            Ok(())
        }
        Err(settings::Exit::Invalid(error)) => return fail(&error, EXIT_USAGE),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, EXIT_FAILURE),
    }
}

fn run_command(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Client(command) => return client_command::run(command),
        Command::Connect(options) => return connect_command::run(options),
        Command::Store(command) => store_command::run(command)?,
        Command::Health { url } => {
            health_command::run(url, std::env::var("RENDEZVOUS_ADMIN_LISTEN").ok())?;
            print(b"ready\n")?;
        }
        Command::Completions { shell } => print(&settings::completions(shell))?,
        Command::Man => print(&settings::man_page()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}

fn serve(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    {
        let _within = runtime.enter();
        // From here on SIGHUP does not end the process, however long the store takes to load.
        drop(signal(SignalKind::hangup())?);
    }
    // Bound first: pulses that come while the store is loaded wait in the sockets. (SIGTERM meanwhile just ends the process.)
    let listeners = Listeners::bind(settings)?;
    let port = listeners.udp_addresses()?.first().map_or(0, SocketAddr::port);
    let node = Node::open(settings, port)?;
    runtime.block_on(async {
        // Installed before the first line is printed: whoever waits for that line may signal at once.
        let mut signals = StopSignals::install()?;
        let stop = Notify::new();
        let mut serving = pin!(run(node, listeners, settings, stop.notified()));
        tokio::select! {
            result = &mut serving => return Ok(result?),
            signal = signals.next() => tracing::info!("{signal}: stopping; another signal stops at once"),
        }
        stop.notify_one();
        tokio::select! {
            result = &mut serving => Ok(result?),
            signal = signals.next() => {
                let _ = fail(&format!("{signal} while stopping: requests may be cut off, and changes of the last second unwritten"), EXIT_FAILURE);
                // Not by returning: that would wait for the store.
                std::process::exit(EXIT_FAILURE.into())
            }
        }
    })
}

/// The signals that ask the server to stop.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// One line, whatever the log format: it is for whoever typed the command. If nobody reads it, so be it.
fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "rendezvous: {error}");
    ExitCode::from(code)
}
