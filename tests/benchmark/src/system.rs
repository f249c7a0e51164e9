//! A system under load: a process of its own, pinned to a core, that answers datagrams.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use rendezvous_tests::process::OwnedChild;

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};

/// The core that systems under load run on, unless a benchmark says otherwise.
pub(crate) const SERVER_CORE: usize = 0;
/// The core that the load comes from.
pub(crate) const LOAD_CORE: usize = 1;

/// What answers the load. Dropping it ends its process.
pub(crate) struct System {
    /// What the tables call it.
    pub(crate) name: String,
    /// Its process.
    pub(crate) process: Process,
    /// Where it takes datagrams.
    pub(crate) address: SocketAddr,
    /// What to send there, and what to expect.
    pub(crate) exchange: Box<dyn Exchange>,
    /// How many clients the exchange knows.
    pub(crate) clients: usize,
}

/// A process that was started here. Dropping this kills it.
pub(crate) struct Process(pub(crate) OwnedChild);

impl Process {
    /// Starts `command` on these cores.
    ///
    /// # Errors
    /// If the program cannot be started, or there are no such cores.
    pub(crate) fn start_on(cores: &[usize], command: &mut Command) -> Outcome<Self> {
        on_cores(cores, command)?;
        let child = command
            .spawn()
            .map_err(|error| failure(format!("cannot start {}: {error}", command.get_program().display())))?;
        Ok(Self(OwnedChild(child)))
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0.0
    }

    /// The CPU time that all its threads used so far.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn cpu_time(&self) -> Outcome<Duration> {
        let clock = clock_getcpuclockid(self.pid())?;
        Ok(Duration::from_nanos(clock_gettime(clock)?.num_nanoseconds().try_into()?))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        self.memory("VmRSS:")
    }

    /// The most resident memory that it ever had, in bytes.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn peak_resident(&self) -> Outcome<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Outcome<u64> {
        let kibibytes = self.number("status", name, " kB")?;
        kibibytes.map(|size| size * 1024).ok_or_else(|| failure("the process has no memory: did it end?"))
    }

    /// How many bytes it caused to be written to a disk: those of sockets and pipes are not among them (proc(5), `io`).
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn written(&self) -> Outcome<u64> {
        self.number("io", "write_bytes:", "")?
            .ok_or_else(|| failure("the process does not say what it writes"))
    }

    /// How many bytes its threads of this name asked to have written, to anything. What [`Process::written`] counts is more: all of
    /// each piece of the page cache that was touched, up to a megabyte for a few bytes.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn written_by(&self, thread: &str) -> Outcome<u64> {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let task = task?;
            let file = |name: &str| std::fs::read_to_string(task.path().join(name));
            if file("comm")?.trim() == thread {
                let number = self.number(&format!("task/{}/io", task.file_name().display()), "wchar:", "")?;
                sum += number.ok_or_else(|| failure("a thread does not say what it writes"))?;
            }
        }
        Ok(sum)
    }

    /// The number that follows `name` on a line of a file about the process.
    fn number(&self, file: &str, name: &str, unit: &str) -> Outcome<Option<u64>> {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.and_then(|line| line.trim().strip_suffix(unit)?.parse().ok()))
    }

    /// Has it killed once this time is over, whatever is going on then.
    pub(crate) fn kill_in(&self, time: Duration) -> JoinHandle<nix::Result<()>> {
        // Nobody else gets this number: the process is only waited for when this is dropped.
        let pid = self.pid();
        thread::spawn(move || {
            thread::sleep(time);
            kill(pid, Signal::SIGKILL)
        })
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it is no longer there.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        Ok(kill(self.pid(), signal)?)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// How it ended.
    pub(crate) fn check_alive(&mut self) -> Outcome<()> {
        match self.child().try_wait()? {
            None => Ok(()),
            Some(status) => Err(failure(format!("the process ended in the middle: {status}"))),
        }
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn wait(&mut self) -> Outcome<()> {
        let status = self.child().wait()?;
        if status.success() { Ok(()) } else { Err(failure(format!("the process failed: {status}"))) }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

/// Pins `command` to these cores, and has the kernel kill the process when the thread that starts
/// the process ends.
///
/// # Errors
/// If the numbers of the cores are too large. If this machine lacks the cores, `command` fails to start.
#[expect(unsafe_code, reason = "the child can only ask for this itself, between fork and exec")]
pub(crate) fn on_cores(cores: &[usize], command: &mut Command) -> Outcome<()> {
    let set = cpu_set(cores)?;
    let in_child = move || {
        sched_setaffinity(Pid::from_raw(0), &set)?;
        Ok(set_pdeathsig(Signal::SIGKILL)?)
    };
    // SAFETY: the closure makes two system calls, and neither allocates nor takes a lock.
    unsafe { command.pre_exec(in_child) };
    Ok(())
}

/// Keeps the calling thread, and those that it starts from now on, to these cores.
///
/// # Errors
/// If there are no such cores.
pub(crate) fn pin(cores: &[usize]) -> Outcome<()> {
    sched_setaffinity(Pid::from_raw(0), &cpu_set(cores)?).map_err(|error| {
        failure(format!("cannot run on the cores {cores:?} ({error}): two cores are needed"))
    })
}

fn cpu_set(cores: &[usize]) -> nix::Result<CpuSet> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core)?;
    }
    Ok(set)
}
