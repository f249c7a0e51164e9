//! Registrations, each of which waits for the disk, next to those that do not, and to what the disk can do.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{CORE, MEMORY, REDB, Stocked, in_memory};
use crate::disk::Syncs;
use crate::load::Slice;
use crate::outcome::{Outcome, failure};
use crate::register::register;
use crate::report::{Table, duration, rate, tail, tail_figures, thousands};
use crate::server::{PATIENT, Server};
use crate::stats::{median, middle_half};
use crate::suite::Bench;
use crate::suite::lookup::{Case, alternate, registration};
use crate::system::{LOAD_CORE, SERVER_CORE};

/// Connections, each with one registration under way.
const CONNECTIONS: usize = 256;
/// Writes of each yardstick after each round.
const SYNCS: usize = 50;
/// The server's thread that writes the store.
const WRITER: &str = "store";
/// The server may use the load's core, too.
const BOTH: [usize; 2] = [SERVER_CORE, LOAD_CORE];

/// A server that is registered at.
struct Store {
    name: &'static str,
    cores: &'static str,
    server: Server,
    shares_cores: bool,
}

/// What the disk did for a server in its whole life.
struct Disk {
    registered: u64,
    syncs: u64,
    /// Bytes that its writer asked to have written.
    asked: u64,
    /// Bytes of the pages that were written then, as proc(5) counts them.
    written: u64,
}

/// Measures it.
///
/// # Errors
/// If something does not start, or ends early.
pub(super) fn run(bench: &mut Bench, stocked: &Stocked) -> Outcome<Value> {
    let mut stores = vec![
        Store { name: MEMORY, cores: "its own", server: in_memory(bench)?.0, shares_cores: false },
        Store {
            name: REDB,
            cores: "its own",
            server: stocked.server(bench, &CORE, "one-core.redb")?.0,
            shares_cores: false,
        },
        Store { name: MEMORY, cores: "both, shared", server: in_memory_on_both(bench)?, shares_cores: true },
        Store {
            name: REDB,
            cores: "both, shared",
            server: stocked.server(bench, &BOTH, "both-cores.redb")?.0,
            shares_cores: true,
        },
    ];
    let mut yardsticks = [Syncs::least(&stocked.folder)?, Syncs::growing(&stocked.folder)?];
    let questions = [registration()];
    let mut cases: Vec<Case<'_>> = stores
        .iter_mut()
        .map(|store| Case {
            name: store.name,
            address: store.server.http,
            process: &mut store.server.process,
            questions: &questions,
            shares_cores: store.shares_cores,
        })
        .collect();
    let (slices, times) = alternate(bench, "registering", &mut cases, CONNECTIONS, || {
        yardsticks.iter_mut().try_for_each(|yardstick| yardstick.measure(SYNCS))
    })?;

    bench.report.text(&format!(
        "Registrations over {CONNECTIONS} connections, kept, each with one request under way, in turns. On a core of its \
         own the server has the load's beside it; when it may use both cores, it shares one with the load. Syncs are \
         those of the server's whole life, which was nothing but registering. Latency: from the request to the answer, \
         which with redb: comes when the client is on the disk. Busy: cores that the server kept at work.\n",
    ))?;
    let mut table = Table::new(&[
        "registering",
        "cores",
        "registrations/s",
        "middle half",
        "CPU µs median",
        "p50",
        "p99",
        "longest",
        "busy",
        "load busy",
        "syncs/s",
        "registrations / sync",
        "bytes written / registration",
    ]);
    let mut figures = vec![];
    for ((store, slices), times) in stores.into_iter().zip(&slices).zip(&times) {
        let (row, figure) = describe(store, slices, times)?;
        table.row(row);
        figures.push(figure);
    }
    bench.report.table(&table)?;
    Ok(json!({ "servers": figures, "disk": describe_disk(bench, &yardsticks)? }))
}

fn describe(store: Store, slices: &[Slice], times: &Histogram<u64>) -> Outcome<(Vec<String>, Value)> {
    let Store { name, cores, server, shares_cores: _ } = store;
    let of = |figure: fn(&Slice) -> f64| median(&slices.iter().map(figure).collect::<Vec<_>>());
    let rates: Vec<_> = slices.iter().map(Slice::rate).collect();
    let (low, high) = middle_half(&rates);
    let (rates_median, cpu) = (median(&rates), of(Slice::cpu_per_answer));
    let disk = Disk::of(server)?;
    let to_disk = (name == REDB).then_some(disk);
    let [p50, p99, _, longest] = tail(times);
    let cell = |figure: fn(&Disk) -> f64, scale: f64, digits: usize| {
        to_disk.as_ref().map_or_else(|| "-".into(), |disk| format!("{:.digits$}", figure(disk) * scale))
    };
    let row = vec![
        name.into(),
        cores.into(),
        rate(rates_median),
        format!("{} to {}", rate(low), rate(high)),
        format!("{cpu:.2}"),
        p50,
        p99,
        longest,
        format!("{:.2}", of(Slice::busy)),
        format!("{:.2}", of(Slice::load_busy)),
        cell(|disk| disk.syncs as f64 / disk.registered as f64, rates_median, 0),
        cell(|disk| disk.registered as f64 / disk.syncs as f64, 1.0, 1),
        cell(|disk| disk.asked as f64 / disk.registered as f64, 1.0, 0),
    ];
    let figures = json!({
        "store": name, "cores": cores, "connections": CONNECTIONS, "registrations_per_s": rates_median,
        "middle_half": [low, high], "slices": rates, "cpu_us": cpu, "latency": tail_figures(times),
        "busy": of(Slice::busy), "load_busy": of(Slice::load_busy),
        "registered": to_disk.as_ref().map(|disk| disk.registered),
        "syncs": to_disk.as_ref().map(|disk| disk.syncs),
        "asked_bytes": to_disk.as_ref().map(|disk| disk.asked),
        "written_bytes": to_disk.as_ref().map(|disk| disk.written),
    });
    Ok((row, figures))
}

fn describe_disk(bench: &Bench, yardsticks: &[Syncs]) -> Outcome<Value> {
    let mut table =
        Table::new(&["the disk itself, between the rounds", "times", "p50", "p99", "longest", "a second"]);
    let mut figures = vec![];
    for Syncs { name, times, .. } in yardsticks {
        let middle = times.value_at_quantile(0.5);
        let per_second = 1e9 / middle.max(1) as f64;
        table.row([
            (*name).into(),
            thousands(times.len()),
            duration(middle),
            duration(times.value_at_quantile(0.99)),
            duration(times.max()),
            rate(per_second),
        ]);
        figures.push(json!({"what": name, "times": tail_figures(times), "per_s": per_second}));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}

impl Disk {
    /// Stops the server, which then says what it did.
    fn of(server: Server) -> Outcome<Self> {
        let (asked, written) = (server.process.written_by(WRITER)?, server.process.written()?);
        let said = server.stop()?;
        let number =
            |name: &str| said[name].as_u64().ok_or_else(|| failure(format!("the server tells no {name}")));
        Ok(Self { registered: number("registered")?, syncs: number("store_syncs")?, asked, written })
    }
}

fn in_memory_on_both(bench: &Bench) -> Outcome<Server> {
    let server = Server::start(&bench.program, &BOTH, &[&PATIENT, &["--udp-threads=1"][..]].concat())?;
    register(server.http, bench.sizes.clients)?;
    Ok(server)
}
