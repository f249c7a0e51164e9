//! What was found: tables for people on standard output, and a file for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::outcome::Outcome;

/// How much of a core others may use before figures are not to be trusted.
const QUIET: f64 = 0.05;

/// Everything that a run found.
#[derive(Default)]
pub(crate) struct Report {
    figures: Map<String, Value>,
    wrong: Vec<String>,
    disturbances: Map<String, Value>,
}

/// A table: names of columns, and rows of as many cells.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Report {
    /// Begins what is printed with this line.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(crate) fn title(&self, text: &str) -> Outcome<()> {
        print(&format!("\n## {text}\n"))
    }

    /// Prints a paragraph.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(crate) fn text(&self, text: &str) -> Outcome<()> {
        print(text)
    }

    /// Prints a table.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(crate) fn table(&self, table: &Table) -> Outcome<()> {
        print(&table.render())
    }

    /// Figures for the file, under the name of a benchmark.
    pub(crate) fn figures(&mut self, benchmark: &str, figures: Value) {
        self.figures.insert(benchmark.into(), figures);
    }

    /// Others used so many cores' worth of time while the figures of this benchmark were taken.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(crate) fn disturbance(&mut self, benchmark: &str, cores: f64) -> Outcome<()> {
        let verdict = if cores > QUIET { ": run this again on a quiet machine" } else { "" };
        self.disturbances.insert(benchmark.to_lowercase(), json!(cores));
        print(&format!("Meanwhile others used {cores:.2} cores{verdict}."))
    }

    /// Something that must not be, which makes the whole run fail.
    pub(crate) fn wrong(&mut self, what: String) {
        crate::progress::say(format_args!("WRONG: {what}"));
        self.wrong.push(what);
    }

    /// Counts wrong answers, of which there must be none.
    pub(crate) fn wrong_answers(&mut self, who: &str, number: u64) {
        if number > 0 {
            self.wrong(format!("{who}: {number} wrong answers"));
        }
    }

    /// Writes the file. Says whether all was right.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn finish(mut self, file: &Path) -> Outcome<bool> {
        let right = self.wrong.is_empty();
        self.figures.insert("cores_used_by_others".into(), self.disturbances.into());
        self.figures.insert("wrong".into(), json!(self.wrong));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, serde_json::to_string_pretty(&self.figures)? + "\n")?;
        Ok(right)
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&name| name.into()).collect(), rows: vec![] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table in Markdown: the first column to the left, numbers to the right.
    fn render(&self) -> String {
        let width = |index: usize| {
            let cells = self.rows.iter().chain([&self.columns]).filter_map(|row| row.get(index));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let mut text = line(&self.columns, &widths);
        for (index, width) in widths.iter().enumerate() {
            let rule = "-".repeat(width + 1);
            let _ = if index == 0 { write!(text, "|{rule}-") } else { write!(text, "|{rule}:") };
        }
        text.push_str("|\n");
        for row in &self.rows {
            text.push_str(&line(row, &widths));
        }
        text
    }
}

/// p50, p99, p99.9 and the longest of a histogram, for a table.
pub(crate) fn tail(times: &Histogram<u64>) -> [String; 4] {
    [
        duration(times.value_at_quantile(0.5)),
        duration(times.value_at_quantile(0.99)),
        duration(times.value_at_quantile(0.999)),
        duration(times.max()),
    ]
}

/// The same for the file, in microseconds.
pub(crate) fn tail_figures(times: &Histogram<u64>) -> Value {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    json!({
        "p50_us": micros(times.value_at_quantile(0.5)),
        "p99_us": micros(times.value_at_quantile(0.99)),
        "p99.9_us": micros(times.value_at_quantile(0.999)),
        "p99.99_us": micros(times.value_at_quantile(0.9999)),
        "max_us": micros(times.max()),
        "count": times.len(),
    })
}

/// A time given in nanoseconds, as people write it.
pub(crate) fn duration(nanos: u64) -> String {
    match nanos as f64 {
        short if short < 1e3 => format!("{short:.0} ns"),
        short if short < 1e6 => format!("{:.1} µs", short / 1e3),
        middle if middle < 1e9 => format!("{:.2} ms", middle / 1e6),
        long => format!("{:.2} s", long / 1e9),
    }
}

/// A number with a space between its thousands.
pub(crate) fn thousands(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A rate a second.
pub(crate) fn rate(per_second: f64) -> String {
    thousands(per_second.round() as u64)
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let _ =
            if index == 0 { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
    }
    text + "|\n"
}

fn print(text: &str) -> Outcome<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["who", "µs"]);
        table.row(["echo".into(), "3.20".into()]);
        assert_eq!(table.render(), "| who  |   µs |\n|------|-----:|\n| echo | 3.20 |\n");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [thousands(7_u32), thousands(1000_u32), thousands(12_345_678_u32)],
            ["7", "1 000", "12 345 678"]
        );
        assert_eq!([duration(950), duration(1500), duration(2_340_000)], ["950 ns", "1.5 µs", "2.34 ms"]);
    }
}
