//! What other clients notice when a great many expire in the same millisecond.
//!
//! They do so because the server's own absence counts against nobody: after it was stopped for a while, everybody
//! counts as heard at the moment it goes on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::signal::Signal;
use serde_json::json;

use super::Bench;
use super::lookup::id_of;
use crate::http::{ask, request};
use crate::load::{OpenLoop, Plan};
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::register::register;
use crate::report::{Table, duration, tail_figures, thousands};
use crate::server::{Key, Server};
use crate::stats::median;
use crate::system::SERVER_CORE;

/// Clients that go on pulsing.
const GOOD: usize = 1000;
/// Pulse interval, in seconds.
const INTERVAL: u64 = 5;
/// Their pulses, together, a second.
const RATE: u32 = 20_000;
/// Sockets: their pulses of 100 ms.
const SOCKETS: usize = 2048;
/// For how long the server is stopped: longer than the second, and the grace, from which on that is an absence.
const STOPPED: Duration = Duration::from_millis(1500);
/// How long after the expiry to look on, in seconds.
const AFTERWARDS: u64 = 6;
/// Silent clients that are looked up at the end.
const SAMPLE: usize = 100;

/// Measures it.
///
/// # Errors
/// If something does not start or ends early, or if the clients did not expire.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let silent = bench.sizes.clients;
    let (server, silent_keys, error_time) = registered(bench, silent)?;
    let keys = register(server.http, GOOD)?.into();
    let before = server.process.resident()?;
    server.process.signal(Signal::SIGSTOP)?;
    sleep(STOPPED);
    server.process.signal(Signal::SIGCONT)?;

    let http = server.http;
    let expiry = INTERVAL + error_time;
    let (mut system, log) = server.into_system_and_log("rendezvous", &keys);
    say(format_args!("{silent} clients expire in {expiry} s"));
    let plan =
        Plan { rate: RATE, time: Duration::from_secs(expiry + AFTERWARDS), clients: GOOD, retry: false };
    let seen = OpenLoop::new(&system, SOCKETS)?.run(&mut system, plan, || Ok(()))?;
    bench.report.wrong_answers("rendezvous", seen.wrong);
    for key in silent_keys.iter().step_by((silent / SAMPLE).max(1)) {
        let (status, body) = ask(http, &request("GET", &format!("/peer/{}/udp", id_of(key)), &keys[0]))?;
        if status != 404 || !body.contains("unknown_peer") {
            return Err(failure(format!("a silent client did not expire: {status} {body}")));
        }
    }
    let after = system.process.resident()?;
    // A lookup says 404 whether or not anybody has tidied up; this says whether.
    let left = log.stop(&system.process)?["clients"].as_u64();
    if left != Some(GOOD as u64) {
        return Err(failure(format!("of the silent clients, records are left: {left:?} instead of {GOOD}")));
    }

    // The second before the expiry is left out: the loop began a moment after the server went on.
    let (calm, rest) = seen.seconds.split_at(usize::try_from(expiry)?.saturating_sub(1));
    let calm = calm.get(1..).unwrap_or_default();
    let [calm_p99, calm_longest] = [p99 as fn(&Histogram<u64>) -> u64, Histogram::max]
        .map(|figure| median(&calm.iter().map(|second| figure(second) as f64).collect::<Vec<_>>()) as u64);
    let worst_p99 = rest.iter().map(p99).max().unwrap_or(0);
    let worst = rest.iter().map(Histogram::max).max().unwrap_or(0);

    bench.report.title("Expiry")?;
    bench.report.text(&format!(
        "{} silent clients expire in the same millisecond, while {GOOD} others pulse {} times a second, open loop. \
         {AFTERWARDS} seconds later their records are gone. Memory before: {:.1} MB, after: {:.1} MB (what is free is kept \
         for the next clients). Lost: {}.\n",
        thousands(silent as u64),
        thousands(RATE),
        before as f64 / 1e6,
        after as f64 / 1e6,
        seen.lost,
    ))?;
    let mut table = Table::new(&["pulses of the others, by the second", "p99", "longest"]);
    table.row([format!("median of {} calm seconds", calm.len()), duration(calm_p99), duration(calm_longest)]);
    table.row([
        format!("worst of the {} seconds from the expiry on", rest.len()),
        duration(worst_p99),
        duration(worst),
    ]);
    table.row([
        "moved by".into(),
        duration(worst_p99.saturating_sub(calm_p99)),
        duration(worst.saturating_sub(calm_longest)),
    ]);
    bench.report.table(&table)?;
    bench.report.figures(
        "expiry",
        json!({
            "clients": silent, "good": GOOD, "rate": RATE, "expiry_at_s": expiry, "rss_before": before,
            "rss_after": after, "lost": seen.lost, "calm_p99_us": calm_p99 as f64 / 1e3,
            "expiry_p99_us": worst_p99 as f64 / 1e3,
            "seconds": seen.seconds.iter().map(tail_figures).collect::<Vec<_>>(),
        }),
    );
    Ok(())
}

/// A server with this many clients, their keys, and its error time in seconds. All are registered before the first is gone: on a slow machine that
/// takes another start, with more time.
fn registered(bench: &Bench, clients: usize) -> Outcome<(Server, Vec<Key>, u64)> {
    let error_time = 5 + clients as u64 / 20_000;
    let mut took = Duration::ZERO;
    for error_time in [error_time, 4 * error_time] {
        let flags = [
            &format!("--pulse-interval={INTERVAL}s"),
            "--pulse-grace=1s",
            &format!("--error-time={error_time}s"),
        ];
        let server = Server::start(&bench.program, &[SERVER_CORE], &flags)?;
        let start = Instant::now();
        let keys = register(server.http, clients)?;
        took = start.elapsed();
        if took <= Duration::from_secs(error_time) {
            return Ok((server, keys, error_time));
        }
        say(format_args!("registering took {took:?}, so that some expire before the others"));
    }
    Err(failure(format!(
        "registering took {took:?}, so that some expire before the others: this machine is too slow, or too busy"
    )))
}

fn p99(times: &Histogram<u64>) -> u64 {
    times.value_at_quantile(0.99)
}
