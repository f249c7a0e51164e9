//! The commands beside serving.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap_complete::Shell;

mod client;

pub use client::{ClientCommand, ClientOptions, CommonOptions, ConnectOptions};

/// What else the program can do.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Look at a store, save it, or make one. No server may have it open
    #[command(subcommand)]
    Store(StoreCommand),
    /// Ask a running server whether it is ready; the exit code is 0 if it is, and 1 if not
    Health {
        /// What to ask, http only [default: /readyz of the first address in RENDEZVOUS_ADMIN_LISTEN, or of 127.0.0.1:5026]
        url: Option<String>,
    },
    /// Be a client of a server, from a script
    #[command(subcommand)]
    Client(ClientCommand),
    /// Find a direct way to a peer, and pipe standard input and output through it, as nc -u does. What is read at once, up to 1200
    /// bytes, is one datagram. It is UDP: datagrams may be lost and reordered. Progress goes to standard error; the exit code is 3 if
    /// there is no direct way and a relay is needed
    Connect(ConnectOptions),
    /// Write what completes this program's options in a shell to standard output
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the manual page to standard output
    Man,
}

/// What can be done with a store that no server has open.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum StoreCommand {
    /// Read all of a store, and say how many clients it holds, or what is wrong with it
    Check {
        /// The store's file
        path: StorePath,
    },
    /// Write all clients of a store as JSON, one a line
    Export {
        /// The store's file
        path: StorePath,
        /// A new file to write to [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Make a new store of clients as export writes them
    Import {
        /// The store's file, which must not be there yet
        path: StorePath,
        /// The file to read [default: standard input]
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
    },
}

/// The file of a store: its path, or redb: and its path, as `--store` wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePath(pub PathBuf);

impl FromStr for StorePath {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.strip_prefix("redb:").unwrap_or(text).into()))
    }
}
