//! The property tests, one binary: what must hold of any run, checked on many that chance makes.
//!
//! `PROPTEST_CASES` sets how many. A run that fails is shrunk, printed as a scenario, and kept in `proptest-regressions`,
//! where it is tried first from then on.

#![expect(clippy::unwrap_used, reason = "what fails in a helper is to fail the test that called it")]

mod client;
mod codecs;
mod corpus;
mod crowds;
mod deadlines;
mod hardening;
mod harness;
mod leftovers;
mod lifecycle;
mod limits;
mod model;
mod presets;
mod punch;
mod recency;
mod regressions;
mod replay;
mod secrets;
mod seeds;
mod shards;
mod silence;
mod ticks;
mod traceability;
mod vectors;
mod worlds;
