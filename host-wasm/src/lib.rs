//! The rendezvous protocol in a browser: the state machine of the server, driven by JSON.
//!
//! This is a host like the native one, without sockets: whoever embeds it decides what arrives and when. Inputs and
//! outputs are the protocol's own values ([`rendezvous_protocol::Input`], [`rendezvous_protocol::Output`]), so a run
//! that was recorded natively replays here, and the other way round.
//!
//! [`JsonServer`] is plain Rust, so that native tests drive the same code; `bindings` is a skin over it.

#[cfg(target_arch = "wasm32")]
mod bindings;
mod json_server;

pub use json_server::{InvalidInput, JsonServer};
