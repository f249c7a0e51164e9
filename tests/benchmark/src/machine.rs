//! The machine that the figures are of.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use serde_json::{Value, json};

use crate::outcome::{Outcome, failure};

/// What is worth knowing of the machine.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    model: String,
    kernel: String,
    /// `net.core.rmem_max`, in bytes.
    receive_buffer: String,
}

impl Machine {
    /// This machine.
    ///
    /// # Errors
    /// If it does not say how many cores it has.
    pub(crate) fn this() -> Outcome<Self> {
        let read =
            |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let model = read("/proc/cpuinfo").lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            model: model.unwrap_or_else(|| "unknown".into()),
            kernel: read("/proc/sys/kernel/osrelease"),
            receive_buffer: read("/proc/sys/net/core/rmem_max"),
        })
    }

    /// In a line.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} cores of {}, Linux {}, net.core.rmem_max {}",
            self.cores, self.model, self.kernel, self.receive_buffer
        )
    }

    /// For the file.
    pub(crate) fn figures(&self) -> Value {
        json!({
            "cores": self.cores,
            "model": self.model,
            "kernel": self.kernel,
            "rmem_max": self.receive_buffer,
        })
    }
}

/// How much of the machine others use meanwhile: what they take is missing from the figures, or bends them.
pub(crate) struct Others {
    start: Instant,
    machine: Duration,
    ours: Duration,
}

impl Others {
    /// Begins to watch.
    ///
    /// # Errors
    /// If the system does not tell.
    pub(crate) fn watch() -> Outcome<Self> {
        Ok(Self { start: Instant::now(), machine: machine_busy()?, ours: ours()? })
    }

    /// How many cores' worth of time others used since then, the hypervisor included. What was started meanwhile must
    /// have ended, or it counts as somebody else's.
    ///
    /// # Errors
    /// If the system does not tell.
    pub(crate) fn used(&self) -> Outcome<f64> {
        let machine = machine_busy()?.saturating_sub(self.machine);
        let others = machine.saturating_sub(ours()?.saturating_sub(self.ours));
        Ok(others.as_secs_f64() / self.start.elapsed().as_secs_f64())
    }
}

/// The time for which the cores were not idle, all added up, including what the hypervisor took (proc(5), `cpu`).
fn machine_busy() -> Outcome<Duration> {
    const IDLE: [usize; 2] = [3, 4];
    const STEAL: usize = 7;
    let ticks_a_second = sysconf(SysconfVar::CLK_TCK)?.ok_or_else(|| failure("no CLK_TCK"))?;
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let mut ticks = 0;
    for (index, field) in fields.take(STEAL + 1).enumerate() {
        if !IDLE.contains(&index) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_a_second as f64))
}

/// The CPU time of this process, and of what it started and has ended.
fn ours() -> Outcome<Duration> {
    let mut sum = Duration::ZERO;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        for time in [Usage::user_time(&usage), Usage::system_time(&usage)] {
            sum += Duration::from_micros(time.num_microseconds().try_into()?);
        }
    }
    Ok(sum)
}
