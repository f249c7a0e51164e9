//! Requests over HTTP: peer lookups side by side with a bare axum route; registrations and verifications.

use std::net::SocketAddr;

use hdrhistogram::Histogram;
use rendezvous_protocol::{ClientId, PrivateKey};
use serde_json::{Value, json};

use super::Bench;
use crate::http::{ask, request};
use crate::load::{Connections, Pause, Question, Slice, pulse_once};
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::report::{Table, rate, tail, tail_figures};
use crate::server::Key;
use crate::stats::{latencies, least, median, middle_half, ratios};
use crate::system::{LOAD_CORE, Process, SERVER_CORE, pin};
use crate::yardstick::start_route;
use rendezvous_crowd::TestRng;

/// Connections, each with one request under way.
const CONNECTIONS: usize = 64;
/// Clients that look up and are looked up.
const DISTINCT: usize = 20_000;

/// Something that is measured: what is asked, and of whom.
pub(super) struct Case<'a> {
    /// What the tables call it.
    pub(super) name: &'static str,
    /// Who is asked.
    pub(super) process: &'a mut Process,
    /// Where.
    pub(super) address: SocketAddr,
    /// What.
    pub(super) questions: &'a [Question],
    /// Whether the process runs on the load's core, too.
    pub(super) shares_cores: bool,
}

/// The slices of each case, and how long its answers took.
pub(super) type Rounds = (Vec<Vec<Slice>>, Vec<Histogram<u64>>);

/// Measures lookups, registrations and verifications.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let (server, keys) = bench.server_with(bench.sizes.clients, &[])?;
    let distinct: Vec<&Key> = keys.iter().step_by((keys.len() / DISTINCT).max(1)).take(DISTINCT).collect();
    pulse_once(server.udp, distinct.iter().copied())?;
    let lookups = lookups(&distinct);
    let (status, body) = ask(server.http, &lookups[0].request)?;
    if status != 200 {
        return Err(failure(format!("a lookup was answered with {status}: {body}")));
    }
    let (mut route_a, address_a) = start_route(&body)?;
    let (mut route_b, address_b) = start_route(&body)?;
    let constant: Vec<Question> = lookups
        .iter()
        .map(|lookup| Question { request: lookup.request.clone(), answer: body.clone().into() })
        .collect();
    let verifications: Vec<Question> = distinct.iter().map(|key| verification(key)).collect();
    let registration = [registration()];

    bench.report.title("Requests over HTTP")?;
    bench.report.text(&format!(
        "{CONNECTIONS} connections, kept, each with one request under way. Callers and peers are drawn from \
         {} clients of {}, all of which have pulsed. The bare route answers the same requests with the same {} \
         bytes of JSON, without looking at them, from axum::serve and its router; route B is the same program again. \
         The server runs hyper itself, with timeouts, and answers plain lookups before its router.\n",
        distinct.len(),
        keys.len(),
        body.len()
    ))?;
    let mut process = server.process;
    let http = server.http;
    let shares_cores = false;
    let compared = compare(
        bench,
        "lookup",
        &mut [
            Case {
                name: "bare route A",
                process: &mut route_a,
                address: address_a,
                questions: &constant,
                shares_cores,
            },
            Case {
                name: "bare route B",
                process: &mut route_b,
                address: address_b,
                questions: &constant,
                shares_cores,
            },
            Case {
                name: "rendezvous",
                process: &mut process,
                address: http,
                questions: &lookups,
                shares_cores,
            },
        ],
    )?;
    let mut figures = json!({ "lookup": compared });
    for (name, questions) in [("verify", &verifications[..]), ("register", &registration)] {
        let case = Case { name: "rendezvous", process: &mut process, address: http, questions, shares_cores };
        figures[name] = compare(bench, name, &mut [case])?;
    }
    bench.report.figures("lookup", figures);
    Ok(())
}

/// Slices in turns over so many connections, and whatever else is to be done after each round.
///
/// # Errors
/// What the slices say, and what is done after them.
pub(super) fn alternate(
    bench: &mut Bench,
    what: &str,
    cases: &mut [Case<'_>],
    number: usize,
    mut after: impl FnMut() -> Outcome<()>,
) -> Outcome<Rounds> {
    let mut connections = vec![];
    for case in cases.iter() {
        let pause = if case.shares_cores { Pause::Sleep } else { Pause::Spin };
        connections.push(Connections::open(case.address, number, pause)?);
    }
    let mut slices: Vec<Vec<Slice>> = vec![vec![]; cases.len()];
    let mut times: Vec<Histogram<u64>> = cases.iter().map(|_| latencies()).collect();
    for round in 0..=bench.sizes.slices {
        let mut order: Vec<_> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let case = &mut cases[index];
            if case.shares_cores {
                pin(&[SERVER_CORE, LOAD_CORE])?;
            }
            let seen = connections[index].run(case.process, case.questions, bench.sizes.slice);
            pin(&[LOAD_CORE])?;
            let (slice, took) = seen?;
            bench.report.wrong_answers(case.name, slice.wrong);
            // The first round warms up.
            if round > 0 {
                slices[index].push(slice);
                times[index] += took;
            }
        }
        after()?;
        say(format_args!("{what}: round {round} of {}", bench.sizes.slices));
    }
    Ok((slices, times))
}

/// Slices in turns, and a table whose ratios are to the first case.
fn compare(bench: &mut Bench, what: &str, cases: &mut [Case<'_>]) -> Outcome<Value> {
    let (slices, times) = alternate(bench, what, cases, CONNECTIONS, || Ok(()))?;
    let mut table = Table::new(&[
        what,
        "requests/s",
        "CPU µs median",
        "CPU µs least",
        "ratio",
        "middle half",
        "p50",
        "p99",
        "p99.9",
        "longest",
        "busy",
        "load busy",
    ]);
    let mut figures = vec![];
    let costs: Vec<Vec<f64>> =
        slices.iter().map(|slices| slices.iter().map(Slice::cpu_per_answer).collect()).collect();
    for (index, case) in cases.iter().enumerate() {
        let of = |figure: fn(&Slice) -> f64| median(&slices[index].iter().map(figure).collect::<Vec<_>>());
        let ratios = ratios(&costs[index], &costs[0]);
        let (low, high) = middle_half(&ratios);
        let [p50, p99, p999, longest] = tail(&times[index]);
        table.row([
            case.name.into(),
            rate(of(Slice::rate)),
            format!("{:.2}", median(&costs[index])),
            format!("{:.2}", least(&costs[index])),
            if cases.len() > 1 { format!("{:.3}", median(&ratios)) } else { "-".into() },
            if cases.len() > 1 { format!("{low:.3} to {high:.3}") } else { "-".into() },
            p50,
            p99,
            p999,
            longest,
            format!("{:.2}", of(Slice::busy)),
            format!("{:.2}", of(Slice::load_busy)),
        ]);
        figures.push(json!({
            "system": case.name, "requests_per_s": of(Slice::rate), "cpu_us": median(&costs[index]),
            "cpu_us_least": least(&costs[index]), "cpu_us_slices": costs[index], "ratio": median(&ratios),
            "ratio_middle_half": [low, high], "latency": tail_figures(&times[index]),
            "busy": of(Slice::busy), "load_busy": of(Slice::load_busy),
        }));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}

/// Each of these clients looks up another, drawn at random.
fn lookups(keys: &[&Key]) -> Vec<Question> {
    let mut random = TestRng::new(1);
    let question = |caller: &&Key| {
        let peer = id_of(keys[random.below(keys.len())]);
        Question {
            request: request("GET", &format!("/peer/{peer}/udp"), caller),
            answer: format!("{{\"client_id\":\"{peer}\",\"host\":\"127.0.0.1\"").into(),
        }
    };
    keys.iter().map(question).collect()
}

/// Asks to be registered.
pub(super) fn registration() -> Question {
    Question {
        request: b"POST /register HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\n\r\n".into(),
        answer: b"{\"client_id\":\"".into(),
    }
}

fn verification(key: &Key) -> Question {
    let id = id_of(key);
    Question { request: request("POST", "/verify", key), answer: format!("{{\"client_id\":\"{id}\"").into() }
}

pub(super) fn id_of(key: &Key) -> ClientId {
    ClientId::of(&PrivateKey::from_bytes(*key))
}
