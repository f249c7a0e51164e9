//! Shared code of the tests that needs no socket: the reference model, the strategies of the property tests, the bodies of the fuzz
//! targets.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test that called it")]

pub mod bytes;
pub mod casts;
pub mod check;
pub mod fuzzing;
pub mod inputs;
pub mod link;
pub mod model;
pub mod reach;
pub mod secrets;
pub mod serial;
pub mod size;
pub mod steps;
pub mod strategy;
pub mod ticks;
pub mod wire;
