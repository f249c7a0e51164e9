//! How things fail here: with a text for whoever started the benchmark.

use std::error::Error;

/// A result whose error ends the run.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// An error that says this.
pub(crate) fn failure(what: impl Into<String>) -> Box<dyn Error + Send + Sync> {
    what.into().into()
}
