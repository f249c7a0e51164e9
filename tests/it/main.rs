//! The tests of real servers, one program, in groups by what they need: `tests/run` runs each group at its time.

#![expect(clippy::unwrap_used, reason = "what fails in a helper is to fail the test that called it")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs the tests with --nocapture")]

mod fast;
mod load;
mod services;
mod stores;
mod timed;

mod exchange;
mod peers;
mod spec;
mod stored;
mod tls_client;
