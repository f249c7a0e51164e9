//! Two UDP threads on two cores against one on one core.

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rendezvous_native::{Node, settings};
use rendezvous_protocol::{ClientId, Pulse};
use serde_json::json;

use super::Bench;
use crate::load::{ClosedLoop, Pause, SINGLE, Slice};
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::register::register;
use crate::report::{Table, rate};
use crate::server::{Key, PATIENT, Server};
use crate::stats::{least, median};
use crate::system::{LOAD_CORE, SERVER_CORE, System, pin};
use rendezvous_crowd::TestRng;

/// The option in question.
const FLAG: &str = "--udp-threads";

/// Measures it, if the server knows the option.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.report.title("Threads")?;
    let help = Command::new(&bench.program).arg("--help").output()?;
    if !String::from_utf8_lossy(&help.stdout).contains(FLAG) {
        return bench.report.text(&format!("left out: this server has no {FLAG}"));
    }
    let both = [SERVER_CORE, LOAD_CORE];
    let mut systems = [
        start(bench, "1 thread, a core of its own", 1, &[SERVER_CORE])?,
        start(bench, "1 thread, both cores shared", 1, &both)?,
        start(bench, "2 threads, both cores shared", 2, &both)?,
    ];
    let mut loops = [
        ClosedLoop::new(&systems[0], SINGLE, Pause::Spin)?,
        ClosedLoop::new(&systems[1], SINGLE, Pause::Sleep)?,
        ClosedLoop::new(&systems[2], SINGLE, Pause::Sleep)?,
    ];
    let cores_of_load = [&[LOAD_CORE][..], &both, &both];
    let mut slices: [Vec<Slice>; 3] = Default::default();
    for round in 0..=bench.sizes.slices {
        let mut order = [0, 1, 2];
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            pin(cores_of_load[index])?;
            let slice = loops[index].run(&mut systems[index], bench.sizes.slice);
            pin(&[LOAD_CORE])?;
            let slice = slice?;
            bench.report.wrong_answers(&systems[index].name, slice.wrong);
            // The first round warms up.
            if round > 0 {
                slices[index].push(slice);
            }
        }
        say(format_args!("threads: round {round} of {}", bench.sizes.slices));
    }

    let costs = slices.each_ref().map(|slices| slices.iter().map(Slice::cpu_per_answer).collect::<Vec<_>>());
    let scaling = |one: usize| 2.0 * median(&costs[one]) / median(&costs[2]);
    let (to_alone, to_sharing) = (scaling(0), scaling(1));
    bench.report.text(
        "Two threads need both cores, so the load shares them, and their rate says little. CPU time is that of the \
         server's process alone, whoever shares its cores. Scaling is what two cores of their own would carry: 2 x \
         (CPU per pulse of one thread) / (CPU per pulse of two). One thread is measured twice: with a core to itself, \
         where its batches are full, and sharing both cores with the load as two threads must.\n",
    )?;
    let mut table = Table::new(&[
        &format!("closed loop, {}", SINGLE.name),
        "answers/s",
        "CPU µs median",
        "CPU µs least",
        "busy cores",
        "scaling from here to 2 threads",
    ]);
    let mut figures = vec![];
    for (index, system) in systems.iter().enumerate() {
        let of = |figure: fn(&Slice) -> f64| median(&slices[index].iter().map(figure).collect::<Vec<_>>());
        table.row([
            system.name.clone(),
            rate(of(Slice::rate)),
            format!("{:.2}", median(&costs[index])),
            format!("{:.2}", least(&costs[index])),
            format!("{:.2}", of(Slice::busy)),
            if index < 2 { format!("{:.2}", scaling(index)) } else { "-".into() },
        ]);
        figures.push(json!({
            "system": system.name, "answers_per_s": of(Slice::rate), "cpu_us": median(&costs[index]),
            "cpu_us_slices": costs[index], "busy": of(Slice::busy),
        }));
    }
    bench.report.table(&table)?;
    let [one, two] = contention(bench)?;
    bench.report.text(&format!(
        "\nCPU time does not show a thread that waits for a lock. So also without sockets and without a load beside them, \
         threads that do nothing but have batches of pulses handled by one node, each on a core of its own: {} pulses a \
         second with one thread, {} with two, {:.2} times as many.\n",
        rate(one),
        rate(two),
        two / one,
    ))?;
    bench.report.figures(
        "threads",
        json!({
            "systems": figures, "scaling_from_own_core": to_alone, "scaling_from_shared_cores": to_sharing,
            "node_pulses_per_s": {"one_thread": one, "two_threads": two},
        }),
    );
    Ok(())
}

/// Pulses a second that a node handles for one thread, and for two: medians of slices in turns.
fn contention(bench: &Bench) -> Outcome<[f64; 2]> {
    let arguments = ["rendezvous", "--store=memory:", "--no-limits"].into_iter().chain(PATIENT);
    let settings = settings::from_args(arguments).map_err(|exit| failure(format!("{exit:?}")))?;
    let node =
        Node::open(&settings, settings::DEFAULT_UDP_PORT).map_err(|error| failure(error.to_string()))?;
    let mut ids = vec![];
    for _ in 0..bench.sizes.clients {
        let body = node
            .register()
            .and_then(|body| body.wait())
            .map_err(|error| failure(format!("not registered: {error:?}")))?;
        ids.push(body.client_id);
    }
    let mut rates = [vec![], vec![]];
    for round in 0..=bench.sizes.slices {
        for (threads, rates) in (1..).zip(&mut rates) {
            let cores = &[SERVER_CORE, LOAD_CORE][..threads];
            let pulses = thread::scope(|scope| {
                let (node, ids, time) = (&node, &ids, bench.sizes.slice);
                let running: Vec<_> =
                    cores.iter().map(|&core| scope.spawn(move || handle(core, node, ids, time))).collect();
                let mut pulses = 0;
                for thread in running {
                    pulses += thread.join().map_err(|_| failure("a thread panicked"))??;
                }
                Outcome::Ok(pulses)
            })?;
            // The first round warms up.
            if round > 0 {
                rates.push(pulses as f64 / bench.sizes.slice.as_secs_f64());
            }
        }
    }
    Ok(rates.each_ref().map(|rates| median(rates)))
}

/// How many pulses of these clients the node handles on this core in that time.
fn handle(core: usize, node: &Node, ids: &[ClientId], time: Duration) -> Outcome<u64> {
    pin(&[core])?;
    let mut random = TestRng::new(1);
    // Elsewhere in the sequence than the other thread.
    for _ in 0..core * 1_000_003 {
        random.number();
    }
    let (mut pulses, mut codes) = (vec![], vec![]);
    let mut handled = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        pulses.clear();
        for _ in 0..rendezvous_protocol::Server::BATCH {
            let client = random.below(ids.len());
            let port = 1024 + (client % 60_000) as u16;
            pulses.push(Pulse { id: ids[client], source: ([127, 0, 0, 1], port).into() });
        }
        node.pulses(&pulses, &mut codes);
        handled += codes.len() as u64;
    }
    Ok(handled)
}

fn start(bench: &Bench, name: &str, threads: usize, cores: &[usize]) -> Outcome<System> {
    let flag = format!("{FLAG}={threads}");
    let server = Server::start(&bench.program, cores, &[&PATIENT[..], &[&flag]].concat())?;
    let keys: Arc<[Key]> = register(server.http, bench.sizes.clients)?.into();
    Ok(server.into_system(name, &keys))
}
