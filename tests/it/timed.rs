//! Tests that wait: for deadlines of a short timing, for slow disks and for timers. They run beside each other.

mod absence;
mod admin_metrics;
mod admin_routes;
mod client;
mod connect_command;
mod disk_faults;
mod panics;
mod restart;
pub(crate) mod spec;
mod systemd;
