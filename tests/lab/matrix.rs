//! Every kind of NAT against every other: who connects, how fast, and who is told that a relay is needed.

use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rendezvous_model::size::{Size, tell};

use crate::net::{Internet, Nat};
use crate::peer::Peer;
use crate::shell::Namespace;

/// Of a feasible pair, so many in a hundred connect.
const FLOOR: f64 = 99.0;
/// A relay is asked for within so many milliseconds since the server said where the peer is.
const RELAY: u64 = 10_000;
/// A client that has asked for one ends within this: it says goodbye to the server, for 3 s at most.
const END: Duration = Duration::from_secs(4);
/// How many pairs run at once. Those that cannot connect only wait.
const FEASIBLE_AT_ONCE: usize = 4;
const INFEASIBLE_AT_ONCE: usize = 25;

/// A pair of places.
struct Cell {
    name: String,
    feasible: bool,
    hosts: [Namespace; 2],
    /// What keeps the NATs there.
    _nats: Vec<Namespace>,
    binds: Option<[u16; 2]>,
}

/// Plays the matrix, prints it, and returns what is wrong with it.
pub(crate) fn play(internet: &Internet, program: &Path, server: &str) -> Vec<String> {
    let runs = Size::get().pick("runs of each cell of the NAT matrix", 3, 5, 100_usize);
    let cells = cells(internet);
    tell(&format!("the NAT matrix: {} cells, {runs} runs of each", cells.len()));
    let jobs = |feasible: bool| {
        let of_kind = cells.iter().filter(move |cell| cell.feasible == feasible);
        let jobs: Vec<&Cell> = (0..runs).flat_map(|_| of_kind.clone()).collect();
        Mutex::new(jobs)
    };
    let outcomes = Mutex::new(vec![]);
    for (queue, at_once) in [(jobs(true), FEASIBLE_AT_ONCE), (jobs(false), INFEASIBLE_AT_ONCE)] {
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    loop {
                        let Some(cell) = queue.lock().expect("no panic").pop() else { return };
                        let outcome = run(cell, program, server);
                        outcomes.lock().expect("no panic").push((cell.name.clone(), outcome));
                    }
                });
            }
        });
    }
    report(&cells, &outcomes.into_inner().expect("no panic"))
}

fn cells(internet: &Internet) -> Vec<Cell> {
    let kinds = [Nat::None, Nat::FullCone, Nat::AddressRestricted, Nat::PortRestricted, Nat::Symmetric];
    let mut pairs = vec![];
    for (at, a) in kinds.into_iter().enumerate() {
        pairs.extend(kinds[at..].iter().map(|b| (a, *b)));
    }
    pairs.push((Nat::Double, Nat::PortRestricted));
    let mut cells: Vec<Cell> = (0..)
        .zip(pairs)
        .map(|(number, (a, b))| {
            let places =
                [("a", a), ("b", b)].map(|(side, nat)| internet.place(&format!("{number}{side}"), nat));
            let [one, other] = places;
            let mut nats = one.nats;
            nats.extend(other.nats);
            let feasible = !matches!((a, b), (Nat::Symmetric | Nat::PortRestricted, Nat::Symmetric));
            let hosts = [one.host, other.host];
            Cell { name: format!("{a} and {b}"), feasible, hosts, _nats: nats, binds: None }
        })
        .collect();
    for (name, feasible, binds) in
        [("one NAT, with hairpin", true, Some([4001, 4002])), ("one NAT, without hairpin", false, None)]
    {
        let shared = internet.shared(if feasible { "h" } else { "g" }, binds);
        cells.push(Cell {
            name: name.to_owned(),
            feasible,
            hosts: shared.hosts,
            _nats: vec![shared.nat],
            binds,
        });
    }
    cells
}

/// One run: how long it took until each was connected, in milliseconds; or until it said that a relay is needed.
fn run(cell: &Cell, program: &Path, server: &str) -> Result<Vec<u64>, String> {
    // With fixed ports, one run at a time: the ports are the mapping.
    static FIXED_PORTS: Mutex<()> = Mutex::new(());
    let _held = cell.binds.map(|_| FIXED_PORTS.lock().expect("no panic"));
    let mut peers = [0, 1].map(|side| {
        let bind = cell.binds.map(|ports| format!("--udp-bind=0.0.0.0:{}", ports[side]));
        let mut arguments = vec!["--server", server, "--wait", "10s", "--quit-after-eof", "300ms"];
        arguments.extend(bind.as_deref());
        Peer::connect(&cell.hosts[side], program, &arguments)
    });
    let ids = [peers[0].id()?, peers[1].id()?];
    for (peer, id) in peers.iter_mut().zip(ids.iter().rev()) {
        peer.say(&format!("{id}\n"));
    }
    let mut took = vec![];
    for peer in &peers {
        let event = peer.wait_for(&["connected", "failed"], Duration::from_secs(20))?;
        let wanted =
            if cell.feasible { event["event"] == "connected" } else { event["relay_needed"] == true };
        if !wanted {
            return Err(event.to_string());
        }
        took.push(event["millis"].as_u64().ok_or("no time")?);
    }
    if !cell.feasible {
        for peer in &mut peers {
            let status = peer.end(END)?;
            if status.code() != Some(3) {
                return Err(status.to_string());
            }
        }
        return Ok(took);
    }
    // The path carries what is said, both ways.
    for (peer, word) in peers.iter_mut().zip(["ping", "pong"]) {
        peer.say(word);
    }
    for (peer, word) in peers.iter_mut().zip(["pong", "ping"]) {
        let (input, mut output) = peer.pipes();
        let mut heard = [0; 4];
        output.read_exact(&mut heard).map_err(|error| error.to_string())?;
        if heard != word.as_bytes() {
            return Err(format!("{heard:?} is not {word}"));
        }
        // Its standard input stays open until both have heard.
        std::mem::forget((input, output));
    }
    Ok(took)
}

fn report(cells: &[Cell], outcomes: &[(String, Result<Vec<u64>, String>)]) -> Vec<String> {
    tell(&format!(
        "\n{:<42} {:>5} {:>9} {:>11} {:>11}",
        "cell", "runs", "as meant", "median ms", "longest ms"
    ));
    let mut wrong = vec![];
    for cell in cells {
        let of_cell: Vec<_> = outcomes.iter().filter(|(name, _)| *name == cell.name).collect();
        let mut times: Vec<u64> =
            of_cell.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).flatten().copied().collect();
        times.sort_unstable();
        let good = of_cell.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        let rate = 100.0 * good as f64 / of_cell.len().max(1) as f64;
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let longest = times.last().copied().unwrap_or_default();
        let meant = if cell.feasible { "" } else { "  (relay needed)" };
        tell(&format!(
            "{:<42} {:>5} {rate:>7.1} % {median:>11} {longest:>11}{meant}",
            cell.name,
            of_cell.len()
        ));
        let first = of_cell.iter().find_map(|(_, outcome)| outcome.as_ref().err());
        if rate < FLOOR || (!cell.feasible && (rate < 100.0 || longest >= RELAY)) {
            wrong.push(format!("{}: {rate:.1} % ({longest} ms): {first:?}", cell.name));
        } else if let Some(first) = first {
            tell(&format!("    one that was not: {first}"));
        }
    }
    wrong
}
