//! From the arguments of the process to what it is to do: the flags and the environment by clap, the file by serde.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use super::commands::Command;
use super::options::Options;
use super::{InvalidSettings, Settings};

/// What the program is to do.
#[derive(Debug)]
pub enum Invocation {
    /// Serve.
    Serve(Box<Settings>),
    /// Say whether it could serve with these settings, as far as one can tell without binding or opening anything.
    Check(Box<Settings>),
    /// Print the settings.
    Print(Box<Settings>),
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
        Invocation::Check(_) | Invocation::Print(_) | Invocation::Run(_) => {
            Err(Exit::Invalid(InvalidSettings("these arguments are no server's".into())))
        }
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
            Exit::Invalid(InvalidSettings("which command? (see --help)".into()))
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
    let settings = Box::new(settings);
    Ok(match (command_line.check_config, command_line.print_config) {
        (true, _) => Invocation::Check(settings),
        (false, true) => Invocation::Print(settings),
        (false, false) => Invocation::Serve(settings),
    })
}

/// A rendezvous server: clients behind NATs register over HTTP, keep a UDP mapping alive with a pulse, and look up
/// each other's public address and liveness, to connect peer to peer.
///
/// Every option can also be set in the environment (--pulse-interval is RENDEZVOUS_PULSE_INTERVAL) and in the file
/// named by --config (pulse-interval = "30s"). A flag wins over the environment, the environment over the file.
#[derive(Debug, Parser)]
#[command(name = "rendezvous", version, mut_args(|arg| arg.hide_env(true)), disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
pub(super) struct CommandLine {
    /// Serves without one.
    #[command(subcommand)]
    command: Option<Command>,

    /// A TOML file with more options
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_CONFIG")]
    config: Option<PathBuf>,

    /// Say whether the settings are fine, and do not serve
    #[arg(long, conflicts_with = "print_config")]
    check_config: bool,

    /// Print the settings that all of this adds up to, as such a file, and do not serve
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    options: Options,
}

pub(super) fn read_file(path: &Path) -> Result<Options, InvalidSettings> {
    let invalid = |what: String| InvalidSettings(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.as_bytes().get(..span.start));
        let line = before.map(|before| before.iter().filter(|&&byte| byte == b'\n').count() + 1);
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        invalid(format!("{line}{}", error.message().replace('\n', " ")))
    })
}

/// clap explains at length; the first paragraph says it.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    format!("{} (see --help)", first.split_whitespace().collect::<Vec<_>>().join(" "))
}
