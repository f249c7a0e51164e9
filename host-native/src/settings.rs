//! What the server was told to do: from flags, the environment and a file to one checked value.
//!
//! Each option has one name. `--pulse-interval` on the command line is `RENDEZVOUS_PULSE_INTERVAL` in the
//! environment and `pulse-interval` in the file. The first of these that has it wins; then comes the default.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use ipnet::IpNet;
use rendezvous_protocol::{ReplyWidth, Timing};

mod check;
mod commands;
mod invocation;
mod limits;
mod manual;
mod options;
mod print;
mod shared;
mod values;

pub use commands::{
    ClientCommand, ClientOptions, Command, CommonOptions, ConnectOptions, StoreAccess, StoreCommand,
    StoreName,
};
pub use invocation::{Exit, Invocation, from_args, from_process};
pub use limits::{ConnectionLimits, RateLimit, RateLimits};
pub use manual::{completions, man_page};
pub use shared::{DEFAULT_STORE_PREFIX, SharedSettings};
pub use values::{LogFormat, LogLevel, Store};

/// Port of the pulses (specification, UDP Heartbeating).
pub const DEFAULT_UDP_PORT: u16 = 5024;
/// Port of the HTTP routes (specification, Routes).
pub const DEFAULT_HTTP_PORT: u16 = 5025;
/// Port of what is for the operator only, on the loopback interface unless told otherwise.
pub const DEFAULT_ADMIN_PORT: u16 = 5026;

/// The checked settings of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to receive pulses; at least one address. Port 0 lets the system choose.
    pub udp_listen: Vec<SocketAddr>,
    /// How many threads, each with a socket of its own, take the pulses of each address.
    pub udp_threads: NonZeroUsize,
    /// Where to accept HTTP connections; at least one address. Port 0 lets the system choose.
    pub http_listen: Vec<SocketAddr>,
    /// Where to accept HTTP connections of the operator; at least one address. Port 0 lets the system choose.
    pub admin_listen: Vec<SocketAddr>,
    /// The folder of the built simulator page, which is served to the operator; `None` serves none.
    pub simulator: Option<PathBuf>,
    /// The `udp_port` that a registration is told; `None` for that of the first UDP socket.
    pub advertise_udp_port: Option<u16>,
    /// The durations of the protocol.
    pub timing: Timing,
    /// How many bytes a pulse is answered with.
    pub reply_width: ReplyWidth,
    /// Where records are kept.
    pub store: Store,
    /// How many clients there may be at once.
    pub max_clients: NonZeroUsize,
    /// How often things may happen.
    pub rates: RateLimits,
    /// What connections may take.
    pub connections: ConnectionLimits,
    /// With what to speak HTTPS; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether keys may cross networks in clear without a warning.
    pub allow_plain_http: bool,
    /// Who is believed about whom it speaks for.
    pub proxies: Proxies,
    /// How to use a store that nodes share; of no meaning for the others.
    pub shared: SharedSettings,
    /// How to log.
    pub log: LogSettings,
}

/// The files of HTTPS, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The proxies in front of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<IpNet>,
    /// Whether their connections begin with a header of the PROXY protocol. If not, they send `X-Forwarded-For`.
    pub protocol: bool,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important level that is logged.
    pub level: LogLevel,
    /// `None` for text on a terminal and JSON elsewhere.
    pub format: Option<LogFormat>,
}

/// A setting that cannot be used: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSettings(pub(crate) String);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSettings {}
