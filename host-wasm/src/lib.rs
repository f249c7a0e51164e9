//! The rendezvous protocol in a browser: the state machine of the server, driven by JSON.
//!
//! This is a host like the native one, without sockets: whoever embeds it decides what arrives and when. Inputs and
//! outputs are the protocol's own values ([`rendezvous_protocol::Input`], [`rendezvous_protocol::Output`]), so a run
//! that was recorded natively replays here, and the other way round.
//!
//! [`JsonServer`] and the [`world`] around it are plain Rust, so that native tests and fuzzers drive the same code;
//! `bindings` is a skin over them.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod bindings;
mod json_server;
mod one_line;
pub mod world;

pub use json_server::{InvalidInput, JsonServer};
