//! The integration tests, one binary.

#![expect(clippy::unwrap_used, reason = "what fails in a helper is to fail the test that called it")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs the tests with --nocapture")]

mod absence;
mod abuse;
mod addresses;
mod admin;
mod admin_metrics;
mod admin_routes;
mod authorization;
mod client;
mod client_commands;
mod command_line;
mod connect_command;
mod crash_disk;
mod crowd_restart;
mod damage;
mod datagrams;
mod description;
mod directory;
mod disk_faults;
mod fleet;
mod golden;
mod kill;
mod logs;
mod lookups;
mod operation;
mod original;
mod panics;
mod raw_http;
mod rebinding;
mod restart;
mod secrets_everywhere;
mod shared;
mod shutdown;
mod spec;
mod store_commands;
mod stored;
mod strangers;
mod systemd;
mod threads;
