//! Shared code of the tests of real servers: servers to test, clients to test them with, and the conformance suite.
//!
//! That suite needs no more than the address of a server, so it can judge any: `cargo run -p rendezvous-tests
//! --example conformance -- http://127.0.0.1:5025 127.0.0.1:5024`.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test that called it")]

pub mod built;
pub mod conformance;
pub mod directory;
pub mod disk;
pub mod fleet;
pub mod local;
pub mod process;
pub mod pulsing;
pub mod redis;
pub mod slow;
pub mod target;
pub mod timing;
