//! The rendezvous server on real sockets: tokio and axum around [`rendezvous_protocol`].
//!
//! ```text
//! UDP ── udp (a thread per socket) ──┐
//!                                    ├──▶ node ── shards of protocol::Server
//! HTTP ── http (tokio, hyper, axum) ─┤     ├── clock, absence (did the process run?), entropy
//!                                    │     └── store (a thread) ── a file
//! timer ── housekeeping (a thread) ──┘
//! ```
//!
//! `sys` holds all calls of the system that have no safe wrapper.
//!
//! Everything that decides is in the protocol crate. This crate owns the sockets, the clocks and the entropy.

#[cfg(not(target_os = "linux"))]
compile_error!("the native host needs Linux: its boot-time clock, recvmmsg and IP_PKTINFO");

mod absence;
mod clock;
mod files;
mod histogram;
mod history;
mod housekeeping;
mod http;
mod limits;
mod listeners;
pub mod logging;
mod node;
mod panics;
mod run;
pub mod settings;
mod shards;
pub mod store;
mod supervisor;
mod sys;
mod tls;
mod udp;

pub use listeners::{BindError, Listeners};
pub use node::{Node, Refusal, Refused, Stats, Unconfirmed};
pub use panics::end_on_panic;
pub use run::{RunError, run, serve};
pub use settings::Settings;
pub use tls::TlsError;
