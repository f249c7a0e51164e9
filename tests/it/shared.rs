//! The store that several nodes share, against real Redis servers: that it conforms, that no serial order is violated, and what
//! happens when any of its parts fails.

use std::collections::BTreeMap;

use rendezvous_tests::process::Process;
use rendezvous_tests::target::Target;

mod cluster;
mod commands;
mod damage;
mod histories;
mod library;
mod model;
mod nodes;
mod outages;
mod settings;
mod spec;

/// What the node says of itself to Prometheus.
fn metrics(admin: &Target) -> BTreeMap<String, f64> {
    let answer = admin.send_raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    answer.lines().filter(|line| line.starts_with("rendezvous_")).filter_map(value).collect()
}

/// How the operator of a process reaches it.
fn admin_of(process: &Process) -> Target {
    let address = process.addresses("(admin)")[0];
    Target::new(format!("http://{address}"), address)
}
