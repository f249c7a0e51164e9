//! What the tests share: servers to test, clients to test them with, and the conformance suite.
//!
//! The suite needs no more than the address of a server, so it can judge any: `cargo run -p rendezvous-tests
//! --example conformance -- http://127.0.0.1:5025 127.0.0.1:5024`.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test that called it")]

pub mod conformance;
pub mod fleet;
pub mod fuzzing;
pub mod local;
pub mod process;
pub mod size;
pub mod target;
pub mod timing;
