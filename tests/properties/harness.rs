//! Runs a property on many values.

use std::fmt::Debug;
use std::sync::OnceLock;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use rendezvous_tests::size::Size;

/// Checks `property` on values of `strategy`: `PROPTEST_CASES` of them or, if that is not set, `quick`, `5 * quick` or
/// `50 * quick`, depending on the size of the run. `file` is the caller's own `file!()`, by which its failures are kept.
///
/// # Panics
/// If the property does not hold: with the smallest value found for which it does not.
pub(crate) fn check<S: Strategy>(
    file: &'static str,
    quick: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), String>,
) where
    S::Value: Debug,
{
    let mut config = Config::with_source_file(file);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = quick * factor();
    }
    config.failure_persistence =
        Some(Box::new(FileFailurePersistence::SourceParallel("proptest-regressions")));
    let mut runner = TestRunner::new(config);
    let result = runner.run(&strategy, |value| property(value).map_err(TestCaseError::fail));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// How many times as many cases as are quick.
fn factor() -> u32 {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    *FACTOR.get_or_init(|| {
        Size::get().pick("the cases of every property, as a multiple of what is quick", 1, 5, 50)
    })
}
