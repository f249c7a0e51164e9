//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures the server, side by side with yardsticks, on the loopback interface of this machine.
#[derive(Debug, Parser)]
#[command(name = "tests/bench")]
pub(crate) struct Options {
    /// Small sizes, for a look whether all of it works
    #[arg(long, conflicts_with = "long")]
    pub(crate) quick: bool,

    /// Full sizes: up to 10,000,000 clients
    #[arg(long)]
    pub(crate) long: bool,

    /// Measure other programs of the same trade, too
    #[arg(long)]
    pub(crate) peers: bool,

    /// Only these benchmarks
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<Benchmark>,

    /// Where to write the figures for programs
    #[arg(long, value_name = "FILE", default_value = "target/bench.json", overrides_with = "json")]
    pub(crate) json: PathBuf,

    /// How many slices each system gets, in turns [default: 15, with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slices: Option<u32>,

    /// How long a slice is, in seconds [default: 1, with --quick 0.2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) slice_time: Option<Duration>,

    /// The server's program
    #[arg(long, value_name = "FILE", default_value = "target/release/rendezvous")]
    pub(crate) server: PathBuf,

    /// Where stores are put, in a folder of their own, which is removed in the end: on the disk to be measured
    #[arg(long, value_name = "FOLDER", default_value = "target", overrides_with = "store_folder")]
    pub(crate) store_folder: PathBuf,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else this program is.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Be a yardstick: for the benchmarks themselves
    #[command(hide = true)]
    Yardstick {
        #[command(subcommand)]
        yardstick: Yardstick,
    },
}

/// The least that a program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Yardstick {
    /// Answer every datagram with two bytes
    Echo,
    /// Answer every request with this body
    Route { body: String },
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// Pulses, side by side with a bare UDP echo
    Pulse,
    /// Lookups over HTTP, side by side with a bare route
    Lookup,
    /// Few clients against very many, and the memory they take
    Growth,
    /// How long a pulse waits while the tables grow
    Pauses,
    /// What others notice when a great many clients expire at once
    Expiry,
    /// Two UDP threads against one
    Threads,
    /// Good clients in a flood of noise
    Flood,
    /// What a store in a file costs: registrations, pulses, memory
    Store,
    /// How long after its start the server answers, with a store full of clients
    Restart,
    /// Nodes that share a store on Redis, one server and a cluster: pulses, memory
    Shared,
}

/// How large everything is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Slices for each system.
    pub(crate) slices: u32,
    /// How long a slice is.
    pub(crate) slice: Duration,
    /// Clients of most benchmarks.
    pub(crate) clients: usize,
    /// Clients where growth is the question.
    pub(crate) most_clients: usize,
    /// How long an open loop runs.
    pub(crate) open: Duration,
}

impl Options {
    /// The sizes that were asked for.
    pub(crate) fn sizes(&self) -> Sizes {
        let (slices, slice) =
            if self.quick { (3, Duration::from_millis(200)) } else { (15, Duration::from_secs(1)) };
        let clients = if self.quick { 20_000 } else { FULL_CLIENTS };
        Sizes {
            slices: self.slices.unwrap_or(slices),
            slice: self.slice_time.unwrap_or(slice),
            clients,
            most_clients: if self.long { FULL_MOST_CLIENTS } else { clients },
            open: Duration::from_secs(if self.quick { 2 } else { 10 }),
        }
    }

    /// Whether this benchmark was asked for.
    pub(crate) fn wants(&self, benchmark: Benchmark) -> bool {
        self.only.is_empty() || self.only.contains(&benchmark)
    }
}

/// Clients in the full size of most benchmarks.
pub(crate) const FULL_CLIENTS: usize = 1_000_000;
/// Clients in the full size of the benchmarks of growth.
pub(crate) const FULL_MOST_CLIENTS: usize = 10_000_000;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("a slice takes some time".into()) } else { Ok(duration) }
}
