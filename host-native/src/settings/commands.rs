//! The commands beside serving.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap_complete::Shell;

use super::{DEFAULT_STORE_PREFIX, InvalidSettings, SharedSettings};
use crate::shared::{SharedOptions, StoreAddress};

mod client;

pub use client::{ClientCommand, ClientOptions, CommonOptions, ConnectOptions};

/// What else the program can do.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Look at a store, save it, or make one
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

/// What can be done with a store.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum StoreCommand {
    /// Read all of a store, and say how many clients it holds, or what is wrong with it
    Check {
        /// The store's file, which no server may have open, or the address of one that nodes share
        store: StoreName,
        /// How to use one that nodes share.
        #[command(flatten)]
        access: StoreAccess,
    },
    /// Write all clients of a store as JSON, one a line
    Export {
        /// The store's file, which no server may have open, or the address of one that nodes share
        store: StoreName,
        /// A new file to write to [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// How to use one that nodes share.
        #[command(flatten)]
        access: StoreAccess,
    },
    /// Make a new store of clients as export writes them
    Import {
        /// The store's file, which must not be there yet, or the address of one that nodes share, without clients
        store: StoreName,
        /// The file to read [default: standard input]
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
        /// How to use one that nodes share.
        #[command(flatten)]
        access: StoreAccess,
    },
}

/// A store that an operator names: its file, or the address of one that nodes share, as `--store` wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreName {
    /// A path, or redb: and a path.
    File(PathBuf),
    /// With a scheme such as redis://.
    Shared(StoreAddress),
}

impl FromStr for StoreName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return text.parse().map(Self::Shared);
        }
        Ok(Self::File(text.strip_prefix("redb:").unwrap_or(text).into()))
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Shared(address) => address.fmt(f),
        }
    }
}

/// How to use a store that nodes share; of no meaning for a file.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Stores that nodes share")]
pub struct StoreAccess {
    /// The user to be to the store [default: the store's default user]
    #[arg(long, value_name = "NAME", env = "RENDEZVOUS_STORE_USER", hide_env = true)]
    store_user: Option<String>,

    /// A file with the password; RENDEZVOUS_STORE_PASSWORD may hold it instead [default: no password]
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_STORE_PASSWORD_FILE", hide_env = true)]
    store_password_file: Option<PathBuf>,

    /// What the keys of the service begin with
    #[arg(long, value_name = "TEXT", env = "RENDEZVOUS_STORE_PREFIX", hide_env = true, default_value = DEFAULT_STORE_PREFIX)]
    store_prefix: String,
}

impl StoreAccess {
    /// What these options come to for the store at `address`; reads the password.
    ///
    /// # Errors
    /// [`InvalidSettings`] if the file with the password cannot be read.
    pub fn options(self, address: StoreAddress) -> Result<SharedOptions, InvalidSettings> {
        let Self { store_user: user, store_password_file: password_file, store_prefix: prefix } = self;
        // An operator waits longer than a pulse.
        let timeout = Duration::from_secs(10);
        SharedSettings { user, password_file, prefix, timeout, replicas: 0 }.options(address)
    }
}
