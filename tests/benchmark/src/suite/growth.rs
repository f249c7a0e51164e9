//! What a great many clients cost: time per pulse against few clients, and memory.

use serde_json::json;

use super::Bench;
use super::pulse::alternate;
use crate::load::{Slice, WINDOW};
use crate::options::FULL_CLIENTS;
use crate::outcome::Outcome;
use crate::report::{Table, rate, thousands};
use crate::stats::{least, median, middle_half, ratios};

/// What few clients are.
const FEW: usize = 10_000;

/// Measures servers with few and with very many clients, in turns.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let mut sizes = vec![FEW, FULL_CLIENTS, bench.sizes.most_clients];
    sizes.retain(|&clients| clients <= bench.sizes.most_clients);
    sizes.dedup();
    let mut systems = vec![];
    let mut fresh = vec![];
    for &clients in &sizes {
        let (server, keys) = bench.server_with(clients, &[])?;
        fresh.push(server.process.resident()?);
        systems.push(server.into_system(&format!("{} clients", thousands(clients as u64)), &keys));
    }
    let slices = alternate(bench, &mut systems, WINDOW)?;

    bench.report.title("Growth")?;
    bench.report.text(
        "Servers of their own, all up at once. Memory: VmRSS of the process, all in, once all are registered, and \
         after the pulses; the bytes are per client.\n",
    )?;
    let mut table = Table::new(&[
        "pulses, closed loop",
        "answers/s",
        "CPU µs median",
        "CPU µs least",
        "ratio to the fewest",
        "middle half",
        "RSS MB",
        "bytes / client",
        "bytes / client after pulses",
    ]);
    let costs: Vec<Vec<f64>> =
        slices.iter().map(|slices| slices.iter().map(Slice::cpu_per_answer).collect()).collect();
    let mut figures = vec![];
    for (index, system) in systems.iter().enumerate() {
        let rates: Vec<_> = slices[index].iter().map(Slice::rate).collect();
        let ratios = ratios(&costs[index], &costs[0]);
        let (low, high) = middle_half(&ratios);
        let after = system.process.resident()?;
        let per_client = |bytes: u64| format!("{:.1}", bytes as f64 / system.clients as f64);
        table.row([
            system.name.clone(),
            rate(median(&rates)),
            format!("{:.2}", median(&costs[index])),
            format!("{:.2}", least(&costs[index])),
            format!("{:.3}", median(&ratios)),
            format!("{low:.3} to {high:.3}"),
            format!("{:.1}", fresh[index] as f64 / 1e6),
            per_client(fresh[index]),
            per_client(after),
        ]);
        figures.push(json!({
            "clients": system.clients, "answers_per_s": median(&rates), "cpu_us": median(&costs[index]),
            "cpu_us_least": least(&costs[index]), "cpu_us_slices": costs[index], "ratio": median(&ratios),
            "ratio_middle_half": [low, high], "rss": fresh[index], "rss_after_pulses": after,
        }));
    }
    bench.report.table(&table)?;
    bench.report.figures("growth", figures.into());
    Ok(())
}
