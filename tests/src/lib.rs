//! What the tests share: the reference model and the strategies of the property tests, the bodies of the fuzz targets,
//! servers to test, clients to test them with, and the conformance suite.
//!
//! That suite needs no more than the address of a server, so it can judge any: `cargo run -p rendezvous-tests
//! --example conformance -- http://127.0.0.1:5025 127.0.0.1:5024`.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test that called it")]

pub mod bytes;
pub mod casts;
pub mod check;
#[cfg(feature = "native")]
pub mod conformance;
pub mod crowd;
pub mod dice;
#[cfg(feature = "native")]
pub mod disk;
#[cfg(feature = "native")]
pub mod fleet;
pub mod fuzzing;
pub mod inputs;
pub mod link;
#[cfg(feature = "native")]
pub mod local;
pub mod model;
#[cfg(feature = "native")]
pub mod process;
#[cfg(feature = "native")]
pub mod pulsing;
pub mod reach;
#[cfg(feature = "native")]
pub mod redis;
pub mod secrets;
pub mod serial;
pub mod size;
#[cfg(feature = "native")]
pub mod slow;
pub mod steps;
pub mod strategy;
#[cfg(feature = "native")]
pub mod target;
pub mod ticks;
#[cfg(feature = "native")]
pub mod timing;
pub mod wire;
