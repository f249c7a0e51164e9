//! Runs a property on many values.

use std::fmt::Debug;
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};
use rendezvous_model::link::page_link;
use rendezvous_model::size::Size;
use rendezvous_wasm::world::{Action, Scenario};

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
    run(file, quick, strategy, property, |_| String::new());
}

fn run<S: Strategy>(
    file: &'static str,
    quick: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), String>,
    report: impl Fn(&S::Value) -> String,
) where
    S::Value: Debug,
{
    let mut config = Config::with_source_file(file);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = quick * factor();
    }
    config.failure_persistence =
        Some(Box::new(FileFailurePersistence::SourceParallel("proptest-regressions")));
    if let Err(failure) = run_with(config, strategy, property, report) {
        panic!("{failure}");
    }
}

/// Returns what to say of the smallest value that fails.
fn run_with<S: Strategy>(
    config: Config,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), String>,
    report: impl Fn(&S::Value) -> String,
) -> Result<(), String>
where
    S::Value: Debug,
{
    let mut runner = TestRunner::new(config);
    let result = runner.run(&strategy, |value| property(value).map_err(TestCaseError::fail));
    result.map_err(|failure| match &failure {
        TestError::Fail(_, value) => format!("{failure}\n{}", report(value)),
        TestError::Abort(_) => failure.to_string(),
    })
}

/// The same for scenarios. The smallest one that fails is also saved, and shown as a link to the simulator page.
pub(crate) fn check_scenarios(
    file: &'static str,
    quick: u32,
    strategy: impl Strategy<Value = Scenario>,
    property: impl Fn(Scenario) -> Result<(), String>,
) {
    run(file, quick, strategy, property, |scenario| report(scenario, env!("CARGO_TARGET_TMPDIR")));
}

/// What to do with a scenario that fails.
fn report(scenario: &Scenario, folder: &str) -> String {
    let json = scenario.to_json();
    let path = Path::new(folder).join(format!("failed-{:08x}.json", crc32fast::hash(json.as_bytes())));
    let saved = match std::fs::write(&path, &json) {
        Ok(()) => format!("saved as {}", path.display()),
        Err(error) => format!("not saved as {}: {error}", path.display()),
    };
    format!(
        "scenario: {json}\n{saved}\nto look at it, run host-wasm/simulator and open\n{}",
        page_link(scenario)
    )
}

#[test]
fn a_scenario_that_fails_is_printed_saved_and_linked() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let failing = |scenario: Scenario| {
        let registers = scenario.actions.iter().any(|action| matches!(action, Action::Register { .. }));
        if registers { Err("somebody registers".into()) } else { Ok(()) }
    };
    let steps = rendezvous_model::strategy::scenario(60);
    let mut config = Config::with_cases(500);
    config.failure_persistence = None;
    let failed = run_with(config, steps, failing, |scenario| report(scenario, folder)).unwrap_err();
    let line = |start: &str| {
        failed.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{failed}"))
    };
    let printed = Scenario::from_json(line("scenario: ")).unwrap();
    assert!(failed.contains("somebody registers"), "{failed}");
    // Whoever is there from the beginning registers and pulses, which is one thing to proptest.
    assert!(printed.actions.len() <= 2, "it is shrunk: {failed}");
    let saved = std::fs::read_to_string(line("saved as ")).unwrap();
    assert_eq!(Scenario::from_json(&saved), Ok(printed.clone()));
    let link = line("http://127.0.0.1:5026/simulator/#j=");
    let linked = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(link).unwrap();
    assert_eq!(Scenario::from_json(str::from_utf8(&linked).unwrap()), Ok(printed));
}

/// How many times as many cases as are quick.
fn factor() -> u32 {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    *FACTOR.get_or_init(|| {
        Size::get().pick("the cases of every property, as a multiple of what is quick", 1, 5, 50)
    })
}
