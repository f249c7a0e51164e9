//! The integration tests, one binary.

#![expect(clippy::unwrap_used, reason = "what fails in a helper is to fail the test that called it")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs the tests with --nocapture")]

mod absence;
mod abuse;
mod addresses;
mod admin;
mod command_line;
mod crash_disk;
mod crowd_restart;
mod damage;
mod datagrams;
mod directory;
mod disk_faults;
mod fleet;
mod golden;
mod kill;
mod logs;
mod lookups;
mod restart;
mod shutdown;
mod spec;
mod store_commands;
mod stored;
mod threads;
