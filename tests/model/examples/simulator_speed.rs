//! Speed of the simulator: `cargo run --release -p rendezvous-model --example simulator_speed`.
//!
//! A crowd of well-behaved clients, each behind a NAT of its own and a network that loses one datagram in a hundred, under
//! the default timing: once with nobody watching, and, for an hour, with a log and all invariants. Prints virtual time by
//! real time, on one core.

use std::io::{self, Write};
use std::time::Instant;

use rendezvous_protocol::Timing;
use rendezvous_wasm::world::{Action, Dependence, Group, Link, NatKind, Scenario, Setup, Share, Simulation};

const CLIENTS: u16 = 1_000;
const HOUR: u64 = 3_600_000;

fn main() -> io::Result<()> {
    let out = &mut io::stdout();
    let mut simulation = Simulation::bare(crowd(24 * HOUR));
    let began = Instant::now();
    while simulation.step() {}
    told(out, "24 hours, bare", &simulation, began)?;
    let mut simulation = Simulation::new(crowd(HOUR));
    let began = Instant::now();
    while !simulation.done() {
        let _log = simulation.run(10_000);
    }
    told(out, "1 hour, logged and watched", &simulation, began)
}

fn crowd(until: u64) -> Scenario {
    let mut setup = Setup::new(Timing::default());
    setup.seed = 24;
    let mut scenario = Scenario::new(setup, vec![Action::Until { at: until }]);
    scenario.link = Link { delay: 40, jitter: 20, loss: Share::per_million(10_000), ..Link::default() };
    let nat = NatKind {
        mapping: Dependence::EndpointIndependent,
        filtering: Dependence::AddressAndPortDependent,
        idle: 120_000,
        shared: false,
        hairpin: false,
    };
    scenario.clients = vec![Group { count: CLIENTS, nat: Some(nat), spread: 30_000, ..Group::new() }];
    scenario
}

fn told(out: &mut impl Write, what: &str, simulation: &Simulation, began: Instant) -> io::Result<()> {
    let real = began.elapsed().as_secs_f64();
    let virtual_seconds = simulation.elapsed() as f64 / 1000.0;
    let summary = simulation.summary();
    writeln!(
        out,
        "{CLIENTS} clients, {what}: {:.0} × real time ({real:.2} s; {} pulses, {} answered 1020, {} lost messages)",
        virtual_seconds / real,
        summary.pulses_sent,
        summary.codes[0].1,
        summary.lost,
    )
}
