//! The rendezvous server on real sockets: tokio and axum around [`rendezvous_protocol`].
//!
//! ```text
//! UDP ── udp (a thread per socket) ──┐
//!                                    ├──▶ node ── shards of protocol::Server
//! HTTP ── http (tokio, hyper, axum) ─┤     │
//!                                    │     └── clock, watch (did the process run?), entropy
//! timer ── housekeeping (a thread) ──┘
//! ```
//!
//! Everything that decides is in the protocol crate. This crate owns the sockets, the clocks and the entropy.

mod clock;
mod housekeeping;
mod http;
mod listeners;
pub mod logging;
mod node;
mod run;
pub mod settings;
mod udp;
mod watch;

pub use listeners::{BindError, Listeners};
pub use node::{Node, Stats};
pub use run::{run, serve};
pub use settings::Settings;
