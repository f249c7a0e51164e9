//! The options, once: clap reads them from flags and the environment, serde from the file.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use rendezvous_protocol::{
    DEFAULT_ERROR_TIME, DEFAULT_PULSE_GRACE, DEFAULT_PULSE_INTERVAL, ReplyWidth, Timing,
};
use serde::{Deserialize, Deserializer};

use super::commands::Command;
use super::values::{HumanDuration, LogFormat, LogLevel, Store};
use super::{
    DEFAULT_ADMIN_PORT, DEFAULT_HTTP_PORT, DEFAULT_UDP_PORT, InvalidSettings, LogSettings, Settings,
};

/// What the program is to do.
#[derive(Debug)]
pub enum Invocation {
    /// Serve.
    Serve(Box<Settings>),
    /// Something else.
    Run(Command),
}

/// Why there are no settings.
#[derive(Debug)]
pub enum Exit {
    /// Help or the version was asked for: here it is.
    Help(String),
    /// Something is wrong: here is what, in one line.
    Invalid(InvalidSettings),
}

/// What the arguments of this process, its environment and the file named by `--config` ask for.
///
/// # Errors
/// [`Exit`]
pub fn from_process() -> Result<Invocation, Exit> {
    read(CommandLine::command(), std::env::args_os())
}

/// The settings that these arguments (the first is the program's name) and the file named by `--config` add up to,
/// whatever the environment. They must not ask for anything but serving.
///
/// # Errors
/// [`Exit`]
pub fn from_args(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Settings, Exit> {
    match read(CommandLine::command().mut_args(|arg| arg.env(None::<&str>)), args)? {
        Invocation::Serve(settings) => Ok(*settings),
        Invocation::Run(_) => Err(Exit::Invalid(InvalidSettings("these arguments are no server's".into()))),
    }
}

fn read(
    command: clap::Command,
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Invocation, Exit> {
    let parsed =
        command.try_get_matches_from(args).and_then(|matches| CommandLine::from_arg_matches(&matches));
    let command_line = parsed.map_err(|error| {
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // Its text is the whole help.
            Exit::Invalid(InvalidSettings(
                "which command: store check, store export or store import? (see --help)".into(),
            ))
        } else if error.use_stderr() {
            Exit::Invalid(InvalidSettings(one_line(&error)))
        } else {
            Exit::Help(error.to_string())
        }
    })?;
    if let Some(command) = command_line.command {
        return Ok(Invocation::Run(command));
    }
    let file = command_line.config.as_deref().map(read_file).transpose().map_err(Exit::Invalid)?;
    let settings = command_line.options.or(file.unwrap_or_default()).check().map_err(Exit::Invalid)?;
    Ok(Invocation::Serve(Box::new(settings)))
}

/// A rendezvous server: clients behind NATs register over HTTP, keep a UDP mapping alive with a pulse, and look up
/// each other's public address and liveness, to connect peer to peer.
///
/// Every option can also be set in the environment (--pulse-interval is RENDEZVOUS_PULSE_INTERVAL) and in the file
/// named by --config (pulse-interval = "30s"). A flag wins over the environment, the environment over the file.
#[derive(Debug, Parser)]
#[command(name = "rendezvous", version, mut_args(|arg| arg.hide_env(true)), disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
struct CommandLine {
    /// Serves without one.
    #[command(subcommand)]
    command: Option<Command>,

    /// A TOML file with more options
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_CONFIG")]
    config: Option<PathBuf>,

    #[command(flatten)]
    options: Options,
}

/// Every option is optional here: what is not given may be in the next source.
#[derive(Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Options {
    /// Receive pulses here; may repeat. The IPv6 wildcard takes IPv4 too, unless that has the same port [default: 0.0.0.0:5024]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_UDP_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    udp_listen: Option<Vec<SocketAddr>>,

    /// Threads for the pulses of each address, each with a socket of its own [default: as many as there are processors to run on]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_UDP_THREADS")]
    udp_threads: Option<NonZeroUsize>,

    /// Accept HTTP here; may repeat. The IPv6 wildcard takes IPv4 too, unless that has the same port [default: 0.0.0.0:5025]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_HTTP_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    http_listen: Option<Vec<SocketAddr>>,

    /// Serve the operator's pages here; may repeat. Whoever reaches it may read them [default: 127.0.0.1:5026]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_ADMIN_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    admin_listen: Option<Vec<SocketAddr>>,

    /// The folder of the built simulator page, served at /simulator/ to the operator [default: none]
    #[arg(long, value_name = "FOLDER", env = "RENDEZVOUS_SIMULATOR")]
    simulator: Option<PathBuf>,

    /// The UDP port that clients are told at registration [default: the first UDP port]
    #[arg(long, value_name = "PORT", env = "RENDEZVOUS_ADVERTISE_UDP_PORT")]
    advertise_udp_port: Option<u16>,

    /// How often a client is to pulse [default: 30s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_PULSE_INTERVAL")]
    pulse_interval: Option<HumanDuration>,

    /// What a pulse may be late by and still be on time; shorter than the error time [default: 1s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_PULSE_GRACE")]
    pulse_grace: Option<HumanDuration>,

    /// How long after a missed interval a client is forgotten [default: 3m]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_ERROR_TIME")]
    error_time: Option<HumanDuration>,

    /// How many bytes carry the answer to a pulse: 1, 2 or 4 [default: 2]
    #[arg(long, value_name = "BYTES", env = "RENDEZVOUS_REPLY_WIDTH")]
    reply_width: Option<u8>,

    /// Where to keep clients: redb:PATH is a file, memory: forgets them at a restart [default: redb:rendezvous.redb]
    #[arg(long, value_name = "STORE", env = "RENDEZVOUS_STORE")]
    store: Option<Store>,

    /// What to log at least [default: info]
    #[arg(long, value_name = "LEVEL", env = "RENDEZVOUS_LOG_LEVEL")]
    log_level: Option<LogLevel>,

    /// How to log [default: text on a terminal, json elsewhere]
    #[arg(long, value_name = "FORMAT", env = "RENDEZVOUS_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

impl Options {
    /// These options, and where they say nothing, `other`'s.
    fn or(self, other: Self) -> Self {
        Self {
            udp_listen: self.udp_listen.or(other.udp_listen),
            udp_threads: self.udp_threads.or(other.udp_threads),
            http_listen: self.http_listen.or(other.http_listen),
            admin_listen: self.admin_listen.or(other.admin_listen),
            simulator: self.simulator.or(other.simulator),
            advertise_udp_port: self.advertise_udp_port.or(other.advertise_udp_port),
            pulse_interval: self.pulse_interval.or(other.pulse_interval),
            pulse_grace: self.pulse_grace.or(other.pulse_grace),
            error_time: self.error_time.or(other.error_time),
            reply_width: self.reply_width.or(other.reply_width),
            store: self.store.or(other.store),
            log_level: self.log_level.or(other.log_level),
            log_format: self.log_format.or(other.log_format),
        }
    }

    /// Fills in the defaults and checks what can be checked before anything is bound.
    fn check(self) -> Result<Settings, InvalidSettings> {
        let millis = |option: Option<HumanDuration>, default| option.map_or(default, |duration| duration.0);
        let timing = Timing::new(
            millis(self.pulse_interval, DEFAULT_PULSE_INTERVAL),
            millis(self.pulse_grace, DEFAULT_PULSE_GRACE),
            millis(self.error_time, DEFAULT_ERROR_TIME),
        )
        .map_err(|error| {
            InvalidSettings(format!("{error} (see --pulse-interval, --pulse-grace and --error-time)"))
        })?;
        if self.advertise_udp_port == Some(0) {
            return Err(InvalidSettings("--advertise-udp-port: 0 is not a port to send pulses to".into()));
        }
        let reply_width = match self.reply_width {
            None => ReplyWidth::default(),
            Some(bytes) => ReplyWidth::from_bytes(bytes)
                .ok_or_else(|| InvalidSettings(format!("--reply-width: {bytes} is not 1, 2 or 4")))?,
        };
        Ok(Settings {
            udp_listen: addresses("--udp-listen", self.udp_listen, EVERYWHERE, DEFAULT_UDP_PORT)?,
            udp_threads: self.udp_threads.unwrap_or_else(processors),
            http_listen: addresses("--http-listen", self.http_listen, EVERYWHERE, DEFAULT_HTTP_PORT)?,
            admin_listen: addresses(
                "--admin-listen",
                self.admin_listen,
                Ipv4Addr::LOCALHOST,
                DEFAULT_ADMIN_PORT,
            )?,
            simulator: self.simulator.map(page_of).transpose()?,
            advertise_udp_port: self.advertise_udp_port,
            timing,
            reply_width,
            store: self.store.unwrap_or_default(),
            log: LogSettings { level: self.log_level.unwrap_or(LogLevel::Info), format: self.log_format },
        })
    }
}

/// How many processors this process may run on. If the system does not tell, one is a safe guess.
fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

const EVERYWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// The folder of a page, if there is one in it.
fn page_of(folder: PathBuf) -> Result<PathBuf, InvalidSettings> {
    if folder.join("index.html").is_file() {
        return Ok(folder);
    }
    Err(InvalidSettings(format!(
        "--simulator: there is no index.html in {}; host-wasm/build-page makes one",
        folder.display()
    )))
}

fn addresses(
    flag: &str,
    given: Option<Vec<SocketAddr>>,
    default: Ipv4Addr,
    default_port: u16,
) -> Result<Vec<SocketAddr>, InvalidSettings> {
    match given {
        None => Ok(vec![SocketAddr::from((default, default_port))]),
        Some(addresses) if addresses.is_empty() => {
            Err(InvalidSettings(format!("{flag}: at least one address is needed")))
        }
        Some(addresses) => Ok(addresses),
    }
}

fn read_file(path: &Path) -> Result<Options, InvalidSettings> {
    let invalid = |what: String| InvalidSettings(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.as_bytes().get(..span.start));
        let line = before.map(|before| before.iter().filter(|&&byte| byte == b'\n').count() + 1);
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        invalid(format!("{line}{}", error.message().replace('\n', " ")))
    })
}

/// A single value or a list of them, so that `udp-listen = "[::]:5024"` does what it looks like.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<SocketAddr>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an address such as \"0.0.0.0:5024\", or a list of them")]
    enum OneOrMany {
        One(SocketAddr),
        Many(Vec<SocketAddr>),
    }
    Ok(Some(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(address) => vec![address],
        OneOrMany::Many(addresses) => addresses,
    }))
}

/// clap explains at length; the first paragraph says it.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    format!("{} (see --help)", first.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
