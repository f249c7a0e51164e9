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
//!
//! [`client`] is the other side: a client of such a server, for programs that want to be reached. It needs neither the server nor
//! Linux (`default-features = false, features = ["client"]`).

#[cfg(all(feature = "server", not(target_os = "linux")))]
compile_error!("the server needs Linux: its boot-time clock, recvmmsg and IP_PKTINFO");

#[cfg(feature = "server")]
mod absence;
#[cfg(feature = "client")]
pub mod client;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(feature = "server")]
mod files;
#[cfg(feature = "server")]
mod histogram;
#[cfg(feature = "server")]
mod history;
#[cfg(feature = "server")]
mod housekeeping;
#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
mod limits;
#[cfg(feature = "server")]
mod listeners;
#[cfg(feature = "server")]
pub mod logging;
#[cfg(feature = "server")]
mod node;
#[cfg(feature = "server")]
mod panics;
#[cfg(feature = "server")]
mod run;
#[cfg(feature = "server")]
pub mod settings;
#[cfg(feature = "server")]
mod shards;
#[cfg(feature = "server")]
pub mod shared;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
mod supervisor;
#[cfg(feature = "server")]
mod sys;
#[cfg(feature = "server")]
mod tls;
#[cfg(feature = "server")]
mod udp;

#[cfg(feature = "server")]
pub use listeners::{BindError, Listeners};
#[cfg(feature = "server")]
pub use node::{Node, Refusal, Refused, Stats, Unconfirmed};
#[cfg(feature = "server")]
pub use panics::end_on_panic;
#[cfg(feature = "server")]
pub use run::{RunError, run, serve};
#[cfg(feature = "server")]
pub use settings::Settings;
#[cfg(feature = "server")]
pub use tls::TlsError;
