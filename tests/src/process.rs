//! The real program in a process of its own, for what only a process can show: signals, exit codes,
//! output.
//!
//! [`Process`] is the one launcher of the server in Rust, also for the laboratory and the benchmarks.

mod log;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub use self::log::Log;
pub use crate::built::{example, program};
use crate::local::reachable;
use crate::target::Target;

/// Timeout of the start of the program, of its end, and of a log line.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Flags of a server for which no other flags of the same name are given: free loopback ports, no
/// store, no limits.
const DEFAULTS: [&str; 5] = [
    "--udp-listen=127.0.0.1:0",
    "--http-listen=127.0.0.1:0",
    "--admin-listen=127.0.0.1:0",
    "--store=memory:",
    "--no-limits",
];

/// The running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: OwnedChild,
    target: Target,
    addresses: [Vec<SocketAddr>; 3],
    log: Arc<Log>,
}

impl Process {
    /// Starts `rendezvous` with these flags, and waits for the ready line.
    ///
    /// Unless the flags say otherwise, the server listens on free loopback ports and has no store
    /// and no limits; `--no-limits=false` brings the default limits back.
    ///
    /// # Panics
    /// If [`Process::launch`] fails.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = command();
        command.args(flags);
        Self::start_with(command)
    }

    /// Starts a command that was prepared with more than flags, as [`Process::start`] does.
    ///
    /// # Panics
    /// If [`Process::launch`] fails.
    pub fn start_with(command: Command) -> Self {
        Self::launch(command).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a prepared command, with the same defaults as [`Process::start`], and waits for the
    /// ready line.
    ///
    /// The command may run the program by way of another, such as `sh` or `ip netns exec`. From the
    /// caller's environment, the program inherits no variable that begins with `RENDEZVOUS_`.
    ///
    /// # Errors
    /// If the program cannot be started, or is not ready within 20 s.
    pub fn launch(mut command: Command) -> Result<Self, LaunchError> {
        let given: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        for default in DEFAULTS {
            let name = default.split('=').next().unwrap_or(default);
            if !given.iter().any(|flag| flag.starts_with(name)) {
                command.arg(default);
            }
        }
        command.arg("--log-format=json").stderr(Stdio::piped());
        let spawned = without_settings(&mut command).spawn();
        let mut child =
            OwnedChild(spawned.map_err(|error| LaunchError::Spawn(command.get_program().into(), error))?);
        let log = Log::read(child.take_stderr());
        let Some(ready) = log.wait_for("ready: ") else {
            return Err(LaunchError::NotReady { ended: log.ended(), log: log.text() });
        };
        let addresses = ["udp", "http", "admin"].map(|field| {
            let list = ready[field].as_str().unwrap_or_default();
            list.split(',').filter_map(|address| address.parse().ok()).collect::<Vec<_>>()
        });
        let first = |index: usize| addresses[index].first().copied().map(reachable);
        let (Some(udp), Some(http)) = (first(0), first(1)) else {
            return Err(LaunchError::NoAddress(ready.to_string()));
        };
        let target = Target::new(format!("http://{http}"), udp);
        Ok(Self { child, target, addresses, log })
    }

    /// Kills it, and returns when it is dead.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait();
    }

    /// Returns the process and its log separately.
    pub fn into_parts(self) -> (OwnedChild, Arc<Log>) {
        (self.child, self.log)
    }

    /// The flags that make another process listen where this one does.
    pub fn same_ports(&self) -> Vec<String> {
        [("--udp-listen", self.udp()), ("--http-listen", self.http())]
            .map(|(flag, addresses)| format!("{flag}={}", addresses[0]))
            .into()
    }

    /// How to reach it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Bound addresses for pulses, at least one.
    pub fn udp(&self) -> &[SocketAddr] {
        &self.addresses[0]
    }

    /// Bound addresses for requests, at least one.
    pub fn http(&self) -> &[SocketAddr] {
        &self.addresses[1]
    }

    /// Bound addresses for the operator.
    pub fn admin(&self) -> &[SocketAddr] {
        &self.addresses[2]
    }

    /// The operator's listener as a target, without UDP.
    pub fn operator(&self) -> Target {
        let address = self.admin()[0];
        Target::new(format!("http://{address}"), address)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes. `smaps_rollup` is exact; `VmRSS` in `status` is not.
    pub fn resident_bytes(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id())).expect("procfs");
        let kib = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a size in KiB") << 10
    }

    /// The log so far, an object a line.
    pub fn log(&self) -> Vec<Value> {
        self.log.entries()
    }

    /// Waits for a log line that contains `what`.
    ///
    /// # Panics
    /// If the log ends without such a line, or 20 s pass.
    pub fn wait_for(&self, what: &str) {
        assert!(self.log.wait_for(what).is_some(), "no {what:?} in the log:\n{}", self.log.text());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits until it has ended and its log has been read to the end, and says how it ended.
    ///
    /// # Panics
    /// If either takes longer than 20 s.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait();
        self.log.wait_for_end();
        status
    }
}

/// Reason why a server was not launched.
#[derive(Debug)]
pub enum LaunchError {
    /// The program of this name could not be started.
    Spawn(OsString, io::Error),
    /// The program ended early, or was not ready in time.
    NotReady {
        /// Whether the program ended.
        ended: bool,
        /// Text that the program wrote to standard error.
        log: String,
    },
    /// This ready line names no address for pulses or none for requests.
    NoAddress(String),
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(program, error) => write!(f, "cannot start {}: {error}", program.display()),
            Self::NotReady { ended: true, log } => {
                write!(f, "the server ended before it was ready; its log:\n{log}")
            }
            Self::NotReady { ended: false, log } => {
                write!(f, "the server was not ready within {TIMEOUT:?}; its log:\n{log}")
            }
            Self::NoAddress(line) => write!(f, "no udp or no http address in the ready line: {line}"),
        }
    }
}

impl std::error::Error for LaunchError {}

/// Runs the program to its end, which must come soon: for flags with which it does not serve.
pub fn run_to_end(mut command: Command) -> Output {
    without_settings(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = OwnedChild(command.spawn().expect("the program starts"));
    let status = running.wait();
    let mut output = Output { status, stdout: vec![], stderr: vec![] };
    let OwnedChild(child) = &mut running;
    child.stdout.take().expect("a pipe").read_to_end(&mut output.stdout).expect("readable");
    child.stderr.take().expect("a pipe").read_to_end(&mut output.stderr).expect("readable");
    output
}

/// Starts the program, waits until it is ready, stops it, and returns the lines that it wrote to standard error. With
/// `reads_on` false, nobody reads what it writes once it is ready.
pub fn log_until_stopped(mut command: Command, reads_on: bool) -> (ExitStatus, Vec<String>) {
    let mut running = OwnedChild(command.stderr(Stdio::piped()).spawn().expect("the program starts"));
    let mut log = BufReader::new(running.0.stderr.take().expect("a pipe")).lines();
    let mut lines = vec![];
    for line in log.by_ref() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.contains("ready")) {
            break;
        }
    }
    let rest = reads_on.then_some(log);
    running.signal(Signal::SIGTERM);
    lines.extend(rest.into_iter().flatten().map(|line| line.expect("text")));
    (running.wait(), lines)
}

/// A child that does not outlive the test.
#[derive(Debug)]
pub struct OwnedChild(pub Child);

impl OwnedChild {
    /// Starts it.
    pub fn spawn(mut command: Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its standard output, which must be a pipe.
    pub fn take_stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().expect("a pipe")
    }

    /// Its standard input, which must be a pipe.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.0.stdin.take().expect("a pipe")
    }

    /// Its standard error, which must be a pipe.
    pub fn take_stderr(&mut self) -> ChildStderr {
        self.0.stderr.take().expect("a pipe")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().expect("a process id")), signal).expect("it is there");
    }

    /// Waits until it has ended, and says how.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < TIMEOUT, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for OwnedChild {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Command of the program, without the settings in the caller's environment.
pub fn command() -> Command {
    let mut command = Command::new(program());
    without_settings(&mut command);
    command
}

/// Removes settings of the server from the environment that `command` inherits.
fn without_settings(command: &mut Command) -> &mut Command {
    let set: Vec<OsString> = command.get_envs().map(|(name, _)| name.into()).collect();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RENDEZVOUS_") && !set.contains(&name) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_process_that_has_ended_is_whole() {
        // What the program leaves in the pipe is read after its end: here it is even written then.
        let script = r#"echo '{"message":"ready: ","udp":"127.0.0.1:1","http":"127.0.0.1:1"}' >&2
            (sleep 0.3; echo '{"message":"the last line"}' >&2) & "#;
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut process = Process::start_with(command);
        assert!(process.wait().success());
        let log = process.log();
        assert_eq!(log.last().unwrap()["message"], "the last line", "{log:?}");
    }
}
