//! The real program in a process of its own, for what only a process can show: signals, exit codes, output.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::local::reachable;
use crate::target::Target;

/// How long the program may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: OwnedChild,
    target: Target,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Process {
    /// Starts `rendezvous` with these flags, on free loopback ports and without a store unless they say otherwise, without limits
    /// but for those that they give (all defaults with `--no-limits=false`), and waits until it is ready.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = command();
        command.args(flags);
        Self::start_with(command)
    }

    /// The same with a command that was prepared with more than flags.
    pub fn start_with(mut command: Command) -> Self {
        let given: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        for name in ["--udp-listen", "--http-listen", "--admin-listen"] {
            if !given.iter().any(|flag| flag.starts_with(name)) {
                command.arg(format!("{name}=127.0.0.1:0"));
            }
        }
        if !given.iter().any(|flag| flag.starts_with("--store")) {
            command.arg("--store=memory:");
        }
        if !given.iter().any(|flag| flag.starts_with("--no-limits")) {
            command.arg("--no-limits");
        }
        command.arg("--log-format=json").stderr(Stdio::piped());
        let mut child = OwnedChild(command.spawn().expect("the program starts"));
        let log = Arc::new(Mutex::new(vec![]));
        let stderr = child.0.stderr.take().expect("a pipe");
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                written.lock().expect("no panic").push(entry);
            }
        });
        let mut process =
            Self { child, target: Target::new("http://nowhere", ([127, 0, 0, 1], 9).into()), log };
        process.wait_for("ready");
        let http = reachable(process.addresses("(http)")[0]);
        let udp = reachable(process.addresses("(udp)")[0]);
        process.target = Target::new(format!("http://{http}"), udp);
        process
    }

    /// Kills it, and returns when it is dead.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    /// The flags that make another process listen where this one does.
    pub fn same_ports(&self) -> Vec<String> {
        [("udp", "--udp-listen"), ("http", "--http-listen")]
            .map(|(what, flag)| format!("{flag}={}", self.addresses(&format!("({what})"))[0]))
            .into()
    }

    /// How to reach it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// The log so far, an object a line.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("no panic").clone()
    }

    /// The addresses of the log lines that contain `what`.
    pub fn addresses(&self, what: &str) -> Vec<SocketAddr> {
        let log = self.log();
        let lines =
            log.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.contains(what)));
        lines.filter_map(|line| line["address"].as_str()?.parse().ok()).collect()
    }

    /// Waits for a log line that contains `what`.
    pub fn wait_for(&self, what: &str) {
        let start = Instant::now();
        while !self.log().iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(what)))
        {
            assert!(start.elapsed() < PATIENCE, "no {what:?} in {:#?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits until it has ended, and says how.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait()
    }
}

/// Runs the program to its end, which must come soon: for flags with which it does not serve.
pub fn run_to_end(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
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
pub struct OwnedChild(Child);

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
            assert!(start.elapsed() < PATIENCE, "it does not end");
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

/// The program, with nothing of the caller's environment that it would take for its own.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RENDEZVOUS_") {
            command.env_remove(name);
        }
    }
    command
}

/// Where the program is, built as this test was.
pub fn program() -> &'static std::path::Path {
    binary()
}

/// Where an example of this package is, built as this test was.
pub fn example(name: &str) -> PathBuf {
    build(&format!("--example={name}"))
}

fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("--bin=rendezvous"))
}

/// Builds a program as this test was built, and says where it is. Cargo only builds those unasked that are in the test's own
/// package, and examples only for some ways to call it.
fn build(target: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // The whole workspace, so that its dependencies have the features they were built with for this test.
    build.args(["build", "--workspace", target, "--message-format=json"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the program does not build");
    output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where the program is")
}
