//! The commands of a client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rendezvous_protocol::ClientId;

/// What a script can do as a client.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum ClientCommand {
    /// Register, and keep the key in the key file
    Register {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
        /// Write over a key file that is there: nobody can be its client any more
        #[arg(long)]
        force: bool,
    },
    /// Send one pulse, and print the code that answers it: 1020, 1050 or 1060; the exit code is 0 for 1020 only. The address that peers find
    /// is that of this pulse's socket, which is closed again: `run` keeps one open
    Pulse {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
        /// Verify first, as a client must that was silent for too long
        #[arg(long)]
        verify: bool,
    },
    /// Print how a client stands: ONLINE or PENDING
    Status {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
        /// Its id [default: one's own]
        peer: Option<ClientId>,
    },
    /// Print the public UDP address of a client
    Address {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
        /// Its id [default: one's own]
        peer: Option<ClientId>,
    },
    /// Log out, and remove the key file
    Logout {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
    },
    /// Stay reachable, and print what happens, until interrupted. Registers if there is no key file, and writes a new one if the
    /// server has forgotten the client. It stays registered at the end, for as long as the server waits for it
    Run {
        /// As which client, of which server
        #[command(flatten)]
        options: ClientOptions,
    },
}

/// As which client, of which server.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct ClientOptions {
    /// The server
    #[arg(long, value_name = "URL", env = "RENDEZVOUS_SERVER", default_value = "http://127.0.0.1:5025")]
    pub server: String,
    /// Who one is: a file that only its owner may read, made by register
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_KEY_FILE", default_value = "rendezvous.key")]
    pub key_file: PathBuf,
    /// How it reaches the server, and how it prints
    #[command(flatten)]
    pub common: CommonOptions,
}

/// How a client reaches the server, and how it prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct CommonOptions {
    /// Whom to trust beside whom the system trusts, as PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Bind the UDP socket there [default: any port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub udp_bind: Option<SocketAddr>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// What `rendezvous connect` is to do.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct ConnectOptions {
    /// The peer's id, which it prints [default: the first line of standard input]
    pub peer: Option<ClientId>,
    /// The server
    #[arg(long, value_name = "URL", env = "RENDEZVOUS_SERVER", default_value = "http://127.0.0.1:5025")]
    pub server: String,
    /// Be this client, and stay it [default: register anew, and log out at the end]
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// How it reaches the server, and how it prints
    #[command(flatten)]
    pub common: CommonOptions,
    /// How long to wait for the peer to appear, and to try once it did. A round of three attempts takes 10 s
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    /// End so long after standard input did [default: when interrupted, or the peer has not answered for 30 s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub quit_after_eof: Option<Duration>,
}
