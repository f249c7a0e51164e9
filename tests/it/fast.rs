//! Tests that neither wait for deadlines nor load the machine.

mod addresses;
mod admin;
mod authorization;
mod client_commands;
mod command_line;
mod datagrams;
mod description;
mod forwarded;
pub(crate) mod golden;
mod logs;
mod lookup_limits;
mod lookups;
mod operation;
mod original;
mod rebinding;
mod secrets_everywhere;
mod spec;
mod store_commands;
mod strangers;
mod threads;
