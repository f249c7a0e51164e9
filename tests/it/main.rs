//! The integration tests, one binary.

mod spec;
