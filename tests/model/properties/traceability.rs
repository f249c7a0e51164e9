//! `traceability.md`: every statement that the server is held to names the tests that hold it.
//!
//! A table that nobody checks is wrong within a month: tests get other names, and rows are left without any.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The section of what nothing implements: its rows have a reason in place of tests.
const LATER: &str = "Not in this version";

/// I1 to I10.
const INVARIANTS: usize = 10;

/// How many rows there are in all, so that none is dropped in passing: whoever adds or drops one says so here.
const ROWS: usize = 277;

#[test]
fn every_statement_names_tests_that_exist() {
    let table = fs::read_to_string(root().join("tests/traceability.md")).unwrap();
    let found = complaints(&table, &tests());
    assert!(found.is_empty(), "tests/traceability.md:\n{}", found.join("\n"));
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id ")).count();
    assert_eq!(rows, ROWS, "rows in tests/traceability.md");
}

/// A check that nothing can fail proves nothing.
#[test]
fn a_table_that_is_wrong_is_told_what_is_wrong_with_it() {
    let invariants: String = (1..INVARIANTS).map(|n| format!("| I{n} | Holds | `b` |\n")).collect();
    let good = format!(
        "# Title\n\n## Time\n\n| id | statement | tests |\n|---|---|---|\n| T-1 | It passes | `a` `b` |\n{invariants}\n\
         ## {LATER}\n\n| id | statement | why |\n|---|---|---|\n| I10 | Holds | It is hard |\n"
    );
    let known = ["a", "b"].map(String::from).into();
    assert_eq!(complaints(&good, &known), [""; 0]);
    for (from, to, says) in [
        ("`a` `b`", "", "T-1 has no test"),
        ("`a` `b`", "`a` `c`", "T-1: there is no test `c`"),
        ("`a` `b`", "`a` b", "T-1: b is no name in backticks"),
        ("`a` `b` |", "`a` `b`", "| T-1 | It passes | `a` `b`: not a row of three cells"),
        ("It passes", " ", "T-1 says nothing"),
        ("T-1", "I3", "I3 is there twice"),
        ("I3", "J3", "I3 is missing"),
        ("I10", "J10", "I10 is missing"),
        ("It is hard", "", "I10 has no reason"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good);
        assert_eq!(complaints(&wrong, &known), [says], "{from:?} replaced by {to:?}");
    }
}

#[test]
fn only_a_function_that_runs_as_a_test_counts() {
    for (source, names) in [
        ("#[test]\nfn a() {}\n\n#[test]\n#[expect(some::lint)]\nfn b() {}\n", &["a", "b"][..]),
        ("    #[test]\n    #[expect(\n        some::lint,\n    )]\n    // Why.\n    fn a() {}\n", &["a"]),
        ("#[test]\n#[ignore = \"slow\"]\nfn switched_off() {}\n", &[]),
        ("fn helper() {}\n#[cfg(test)]\nmod tests {\n    fn helper() {}\n}\n", &[]),
        ("// #[test]\n// fn switched_off() {}\nfn helper() {}\n", &[]),
        ("// #[test]\nfn switched_off() {}\n#[test]\nconst A: u8 = 0;\nfn helper() {}\n", &[]),
    ] {
        assert_eq!(functions(source), names, "{source}");
    }
    let spec = "macro_rules! conforms {\n}\nconforms! {\n one on x:\n a,\n b;\n two on y:\n c;\n}\nfn d() {}";
    assert_eq!(checks(spec), ["a", "b", "c"]);
}

/// What is wrong with the table, given the names of all tests.
fn complaints(table: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = vec![];
    let mut ids = BTreeSet::new();
    let mut section = "";
    for line in table.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        if !line.starts_with('|') {
            continue;
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let &["", id, statement, because, ""] = cells.as_slice() else {
            found.push(format!("{line}: not a row of three cells"));
            continue;
        };
        if id == "id" || id.starts_with("---") {
            continue;
        }
        if !ids.insert(id) {
            found.push(format!("{id} is there twice"));
        }
        if statement.is_empty() {
            found.push(format!("{id} says nothing"));
        }
        if because.is_empty() {
            found.push(format!("{id} has no {}", if section == LATER { "reason" } else { "test" }));
        } else if section != LATER {
            found.extend(because.split_whitespace().filter_map(|name| unknown(id, name, tests)));
        }
    }
    let missing = (1..=INVARIANTS).map(|n| format!("I{n}")).filter(|id| !ids.contains(id.as_str()));
    found.extend(missing.map(|id| format!("{id} is missing")));
    found
}

/// What is wrong with a name in a table, if anything is.
pub(crate) fn unknown(id: &str, quoted: &str, tests: &BTreeSet<String>) -> Option<String> {
    match quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        None => Some(format!("{id}: {quoted} is no name in backticks")),
        Some(name) if tests.contains(name) => None,
        Some(name) => Some(format!("{id}: there is no test `{name}`")),
    }
}

/// The names of all tests of the workspace.
pub(crate) fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for package in ["protocol", "host-native", "host-wasm", "tests"] {
        for source in sources(&root().join(package)) {
            names.extend(functions(&source).into_iter().map(String::from));
        }
    }
    for part in ["fast", "timed"] {
        let spec = fs::read_to_string(root().join("tests/it").join(part).join("spec.rs")).unwrap();
        names.extend(checks(&spec).into_iter().map(String::from));
    }
    names
}

/// The text of every Rust file in the folder and below.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        if path.is_dir() {
            // What is built and what is downloaded is nobody's test.
            if !matches!(name, "target" | "node_modules") {
                found.extend(sources(&path));
            }
        } else if name.ends_with(".rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The functions with `#[test]` above them, and at most other attributes and comments in between.
fn functions(source: &str) -> Vec<&str> {
    let mut names = vec![];
    let (mut is_test, mut in_attribute) = (false, false);
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if in_attribute || line.starts_with("#[") {
            in_attribute = !line.ends_with(']');
        } else if !line.starts_with("//") {
            let function = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            names.extend(function.filter(|_| is_test).map(|(name, _)| name));
            is_test = false;
        }
    }
    names
}

/// The conformance checks that `conforms!` makes tests of.
fn checks(spec: &str) -> Vec<&str> {
    let (_, block) = spec.split_once("\nconforms! {\n").unwrap();
    let (block, _) = block.split_once("\n}").unwrap();
    let modules = block.split(';').filter_map(|module| module.split_once(':'));
    modules.flat_map(|(_, names)| names.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
