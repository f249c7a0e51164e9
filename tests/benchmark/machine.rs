//! The machine that the figures are of.

use std::fs;

use serde_json::{Value, json};

use crate::outcome::Outcome;

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
