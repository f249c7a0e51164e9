//! `hardening.md`: every threat is held by tests that exist, or explained in a section that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::traceability::{root, tests, unknown};

/// B1 to B42.
const THREATS: usize = 42;

#[test]
fn every_threat_is_held_by_tests_or_explained() {
    let table = fs::read_to_string(root().join("tests/hardening.md")).unwrap();
    let policy = fs::read_to_string(root().join(".github/SECURITY.md")).unwrap();
    let found = complaints(&table, &tests(), &headings(&policy));
    assert!(found.is_empty(), "tests/hardening.md:\n{}", found.join("\n"));
}

/// A check that nothing can fail proves nothing.
#[test]
fn a_table_of_threats_that_is_wrong_is_told_what_is_wrong_with_it() {
    let rest: String = (5..=THREATS).map(|n| format!("| B{n} | Bad | held | `b` | |\n")).collect();
    let good = format!(
        "| id | threat | state | tests | section |\n|---|---|---|---|---|\n| B1 | Worse | held | `a` `b` | One |\n\
         | B2 | Sad | in part | `a` | Two words |\n| B3 | Mad | open | | One |\n| B4 | Odd | does not apply | `b` | One |\n{rest}"
    );
    let known = ["a", "b"].map(String::from).into();
    let sections = headings("# Title\n\n## One\n\ntext\n\n### Two words\n");
    let judge = |table: &str| complaints(table, &known, &sections);
    assert_eq!(judge(&good), [""; 0]);
    for (from, to, says) in [
        ("`a` `b` | One", " | One", "B1 is held by no test"),
        ("`a` `b` | One", "`a` `c` | One", "B1: there is no test `c`"),
        ("`a` `b` | One", "a | One", "B1: a is no name in backticks"),
        ("held | `a` `b` | One", "done | `a` `b` | One", "B1: \"done\" is no state"),
        ("| One |\n| B2", "| Title |\n| B2", "B1: there is no section \"Title\""),
        ("| `a` | Two words |", "| | Two words |", "B2 is held by no test"),
        ("| `a` | Two words |", "| `a` | |", "B2 is explained nowhere"),
        ("open | | One |", "open | | |", "B3 is explained nowhere"),
        ("open | | One |", "open | | Three |", "B3: there is no section \"Three\""),
        ("apply | `b` | One |", "apply | `b` | |", "B4 is explained nowhere"),
        ("| Mad |", "| |", "B3 says nothing"),
        ("| B9 | Bad | held | `b` | |\n", "", "B9 is there 0 times"),
        ("| B9 |", "| B8 |", "B8 is there 2 times\nB9 is there 0 times"),
        ("| B42 |", "| B43 |", "B42 is there 0 times\nB43 is none of the threats"),
        (
            "| B9 | Bad | held |",
            "| B9 | held |",
            "| B9 | held | `b` | |: not a row of five cells\nB9 is there 0 times",
        ),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good, "{from:?}");
        assert_eq!(judge(&wrong).join("\n"), says, "{from:?} replaced by {to:?}");
    }
}

/// What is wrong with the table, given the names of all tests and of all sections.
fn complaints(table: &str, tests: &BTreeSet<String>, sections: &BTreeSet<String>) -> Vec<String> {
    let mut found = vec![];
    let mut times: BTreeMap<usize, usize> = (1..=THREATS).map(|n| (n, 0)).collect();
    let mut strange = vec![];
    for line in table.lines().map(str::trim).filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let &["", id, threat, state, names, section, ""] = cells.as_slice() else {
            found.push(format!("{line}: not a row of five cells"));
            continue;
        };
        if id == "id" || id.starts_with("---") {
            continue;
        }
        match id.strip_prefix('B').and_then(|number| times.get_mut(&number.parse().ok()?)) {
            Some(times) => *times += 1,
            None => strange.push(format!("{id} is none of the threats")),
        }
        if threat.is_empty() {
            found.push(format!("{id} says nothing"));
        }
        let (needs_tests, needs_section) = match state {
            "held" => (true, false),
            "in part" => (true, true),
            "open" | "does not apply" => (false, true),
            _ => {
                found.push(format!("{id}: {state:?} is no state"));
                continue;
            }
        };
        if needs_tests && names.is_empty() {
            found.push(format!("{id} is held by no test"));
        }
        found.extend(names.split_whitespace().filter_map(|name| unknown(id, name, tests)));
        if section.is_empty() {
            found.extend(needs_section.then(|| format!("{id} is explained nowhere")));
        } else if !sections.contains(section) {
            found.push(format!("{id}: there is no section {section:?}"));
        }
    }
    let wrong = times.into_iter().filter(|&(_, times)| times != 1);
    found.extend(wrong.map(|(n, times)| format!("B{n} is there {times} times")));
    found.extend(strange);
    found
}

/// The sections of a document, its title left out.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with("##"));
    titles.map(|line| line.trim_start_matches('#').trim().to_owned()).collect()
}
