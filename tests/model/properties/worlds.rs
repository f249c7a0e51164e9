//! Whole simulations: clients that do something of themselves, behind NATs and bad networks, around the real server.

use std::cell::Cell;
use std::collections::BTreeMap;

use rendezvous_model::casts;
use rendezvous_model::check::against_model;
use rendezvous_model::secrets::Needles;
use rendezvous_model::size::tell;
use rendezvous_model::strategy::CLIENTS;
use rendezvous_protocol::Timing;
use rendezvous_wasm::world::{
    Action, Asks, Command, Dependence, Group, Link, NatKind, Policy, Scenario, Setup, Share, Simulation, Way,
};
use serde_json::Value;

use crate::harness;

/// So many events a random world has at most: some are thieves and noise in a crowd, which never end.
const MANY: u64 = 20_000;

/// I1, I2, I3, I5, I6, I7 as the simulation itself watches them.
#[test]
fn the_invariants_hold_in_every_random_world() {
    let (worlds, events) = (Cell::new(0_u64), Cell::new(0_u64));
    harness::check_scenarios(file!(), 300, casts::scenario(40), |scenario| {
        let stalls = scenario.actions.iter().any(|action| matches!(action, Action::Stall { .. }));
        let mut simulation = Simulation::new(scenario);
        let log = simulation.run(MANY);
        let summary = simulation.summary();
        worlds.set(worlds.get() + 1);
        events.set(events.get() + summary.events);
        // Time goes on: nobody does thousands of things in one millisecond, but for a server that catches up after a stall.
        let stalls = stalls.then_some(u32::MAX);
        let mut at_once = BTreeMap::<&str, u32>::new();
        for line in log.lines() {
            *at_once.entry(line.split(',').next().unwrap_or_default()).or_default() += 1;
        }
        if let Some((at, many)) = at_once.into_iter().find(|(_, many)| *many > stalls.unwrap_or(2_000)) {
            return Err(format!("{many} events {at}"));
        }
        if summary.holds() {
            return Ok(());
        }
        let broken = log.lines().find(|line| line.contains(r#""event":"violation""#)).unwrap_or_default();
        Err(broken.to_owned())
    });
    tell(&format!("{} events in {} random worlds, every invariant watched", events.get(), worlds.get()));
}

/// I2 once more: by the reference model, which reads the whole history.
#[test]
fn what_reaches_the_server_of_a_random_world_is_answered_as_the_model_says() {
    harness::check_scenarios(file!(), 200, casts::scenario(30), |scenario| {
        let mut simulation = Simulation::new(scenario).with_trace();
        let _log = simulation.run(MANY / 10);
        let trace = simulation.trace().expect("it was asked for");
        against_model(&trace).map(drop).map_err(|failure| failure.to_string())
    });
}

/// I4: the log depends on the scenario alone, not on how it is run; and who is watched does what who is not does.
#[test]
fn a_world_runs_the_same_whenever_and_however_it_runs() {
    harness::check_scenarios(file!(), 100, casts::scenario(20), |scenario| {
        let log_in_steps_of = |events: u64| {
            let mut simulation = Simulation::new(scenario.clone());
            let mut log = String::new();
            while !simulation.done() && simulation.summary().events < MANY / 10 {
                log.push_str(&simulation.run(events));
            }
            (log, simulation.done(), simulation.summary().to_json())
        };
        let (at_once, done, summary) = log_in_steps_of(MANY / 10);
        let (in_steps, _, _) = log_in_steps_of(1);
        if !at_once.starts_with(&in_steps) || done && at_once != in_steps {
            return Err("another log in small steps".into());
        }
        if !done {
            return Ok(());
        }
        let mut bare = Simulation::bare(scenario.clone());
        while bare.step() {}
        let counts = |json: &str| {
            let json: Value = serde_json::from_str(json).unwrap();
            (
                json["messages"].clone(),
                json["pulses_sent"].clone(),
                json["lost"].clone(),
                json["codes"].clone(),
            )
        };
        if counts(&bare.summary().to_json()) != counts(&summary) {
            return Err(format!("{summary} when watched, {} when not", bare.summary().to_json()));
        }
        Ok(())
    });
}

/// I8.
#[test]
fn the_log_of_a_random_world_holds_no_key_but_in_answers_to_registrations() {
    harness::check_scenarios(file!(), 100, casts::scenario(20), |scenario| {
        let keys = scenario.setup.keys();
        let needles: Vec<_> = (0..CLIENTS).map(|client| Needles::of(&keys.key(client))).collect();
        let mut simulation = Simulation::new(scenario);
        let cast = simulation.cast();
        let mut log = String::new();
        for line in simulation.run(MANY / 10).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            // Where it belongs it may be, once.
            let key = event["body"]["private_id"].as_str();
            log.push_str(&key.map_or_else(|| line.to_owned(), |key| line.replacen(key, "", 1)));
        }
        let debug = format!("{simulation:?}");
        for text in [&cast, &log, &debug] {
            if let Some(form) = needles.iter().find_map(|needles| needles.find(text.as_bytes())) {
                return Err(format!("a key is shown as {form}"));
            }
        }
        Ok(())
    });
}

/// A client that behaves repeats its pulse after 1, 2 and 4 s, and pulses 20 to 25 s after the last: two losses in a row
/// cost it 3 s, and no more than 28 s of the 31 pass.
#[test]
fn whoever_behaves_stays_online_while_no_more_than_two_datagrams_in_a_row_are_lost() {
    for seed in 0..50 {
        let mut setup = Setup::new(Timing::default());
        setup.seed = seed;
        let mut actions = vec![];
        for _ in 0..60 {
            actions.push(Action::Advance { millis: 60_000 });
            // Each way loses what it must before the next are ordered: a client sends at least two a minute.
            for way in [Way::Up, Way::Down] {
                actions.extend((0..10).map(|client| Action::Lose { client, way, datagrams: 1 }));
            }
        }
        let mut scenario = Scenario::new(setup, actions);
        scenario.link = Link { delay: 40, jitter: 60, ..Link::default() };
        scenario.clients = vec![Group { count: 10, spread: 30_000, ..Group::new() }];
        let standings = standings(&mut Simulation::new(scenario));
        assert!((0..10).all(|client| standings[&client] == ["ONLINE"]), "{standings:?}");
    }
}

/// At one datagram in twenty lost a client is LATE so rarely, and for so short a time, that nobody minds.
#[test]
fn at_5_percent_loss_clients_are_online_999_of_1000_seconds() {
    let mut scenario = Scenario::new(Setup::new(Timing::default()), vec![Action::Until { at: 3_600_000 }]);
    scenario.link = Link { delay: 40, jitter: 60, loss: Share::per_million(50_000), ..Link::default() };
    scenario.clients = vec![Group { count: 50, spread: 30_000, ..Group::new() }];
    let (mut since, mut away) = (BTreeMap::<u64, u64>::new(), 0);
    for line in Simulation::new(scenario).run(u64::MAX / 64).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "standing" {
            let (client, at) = (event["client"].as_u64().unwrap(), event["at"].as_u64().unwrap());
            match event["is"].as_str() {
                Some("ONLINE") => away += since.remove(&client).map_or(0, |since| at - since),
                _ => drop(since.insert(client, at)),
            }
        }
    }
    tell(&format!("at 5 % loss 50 clients were not ONLINE for {away} ms of 50 hours"));
    assert!(away < 50 * 3_600_000 / 1000, "{away} ms");
}

/// A table of many pages that split, 1,200 clients that expire at once, and restarts of all that: five clients show none of it.
/// The simulation keeps its books as it goes, so this takes a second or two; the reference model, which reads the whole history for
/// every answer, takes some fifteen times as long for what reaches this server, and ever more for a longer run.
#[test]
fn the_invariants_hold_in_a_crowd_for_hours() {
    let mut simulation = Simulation::new(crowd());
    let mut broken = None;
    while !simulation.done() {
        let log = simulation.run(MANY);
        let violation = || log.lines().find(|line| line.contains(r#""event":"violation""#));
        broken = broken.or_else(|| violation().map(str::to_owned));
    }
    let summary = simulation.summary();
    assert!(summary.holds(), "{}\n{}", broken.unwrap_or_default(), summary.to_json());
    let codes: BTreeMap<_, _> = summary.codes.iter().copied().collect();
    assert!(codes[&1020] > 40_000 && codes[&1050] > 1_000, "{}", summary.to_json());
    assert!(codes[&1060] > u64::from(GUESTS), "every guest is gone once: {}", summary.to_json());
    assert!(summary.invariants.iter().all(|(_, verdict)| verdict.checks > 500), "{}", summary.to_json());
    tell(&format!("{} events of a crowd, every invariant watched", summary.events));
}

const GUESTS: u16 = 1_200;

/// Residents, who ask about each other; guests, who come together, fall silent together and come back; and all that may happen
/// to their server.
fn crowd() -> Scenario {
    const MINUTE: u64 = 60_000;
    let nat = |mapping| NatKind {
        mapping,
        filtering: Dependence::AddressAndPortDependent,
        idle: 2 * MINUTE,
        shared: false,
        hairpin: false,
    };
    let resident = |number: u16| Group {
        count: 10,
        nat: match number % 3 {
            0 => None,
            1 => Some(nat(Dependence::EndpointIndependent)),
            _ => Some(nat(Dependence::AddressAndPortDependent)),
        },
        starts: u64::from(number) * MINUTE,
        spread: MINUTE,
        asks: Some(Asks { peer: number * 7 % 80, every: MINUTE + u64::from(number) * 1_000 }),
        ..Group::new()
    };
    let lazy = Group { count: 20, policy: Policy::Lazy { from: 20_000, to: 230_000 }, ..Group::new() };
    let guests = Group {
        count: GUESTS,
        starts: 60 * MINUTE,
        spread: 2 * MINUTE,
        silent: vec![(63 * MINUTE, 72 * MINUTE), (73 * MINUTE, 1_000 * MINUTE)],
        ..Group::new()
    };
    let mut setup = Setup::new(Timing::default());
    setup.seed = 57;
    let until = |minutes| Action::Until { at: minutes * MINUTE };
    let actions = vec![
        until(30),
        Action::Stall { millis: 20_000 },
        // All guests are gone by now.
        until(69),
        Action::Stall { millis: 5_000 },
        until(100),
        Action::Restart { down: 30_000, rebooted: false, forgets: false },
        until(120),
        Action::Crash { down: 5_000, rebooted: true, unwritten: 700 },
        until(140),
        Action::Advance { millis: -30_000 },
        until(160),
        Action::Restart { down: 1_000, rebooted: true, forgets: true },
        until(180),
    ];
    let mut scenario = Scenario::new(setup, actions);
    scenario.link = Link { delay: 40, jitter: 60, loss: Share::per_million(20_000), ..Link::default() };
    scenario.clients = (0..8).map(resident).chain([lazy, guests]).collect();
    scenario
}

/// Virtual time costs nothing while nothing happens, and a world comes to rest.
#[test]
fn when_everybody_is_gone_nothing_is_left_to_do() {
    let command = |command| Action::Command { client: 0, command };
    let year = Action::Advance { millis: 366 * 24 * 3_600_000 };
    let actions = vec![command(Command::Register), command(Command::Pulse), year];
    let mut scenario = Scenario::new(Setup::new(Timing::default()), actions);
    scenario.clients = vec![Group { policy: Policy::Manual, ..Group::new() }];
    let mut simulation = Simulation::new(scenario);
    let steps = std::iter::from_fn(|| simulation.step().then_some(())).count();
    assert!(steps < 20, "{steps} steps");
    assert!(simulation.done());
    let standings = standings(&mut simulation);
    assert_eq!(standings[&0], ["ONLINE", "LATE", "GONE"]);
}

fn standings(simulation: &mut Simulation) -> BTreeMap<u64, Vec<String>> {
    standings_of(&simulation.run(u64::MAX / 64))
}

/// How each client stood, one after the other.
fn standings_of(log: &str) -> BTreeMap<u64, Vec<String>> {
    let mut standings = BTreeMap::<u64, Vec<String>>::new();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "standing" {
            let client = standings.entry(event["client"].as_u64().unwrap()).or_default();
            client.push(event["is"].as_str().unwrap().to_owned());
        }
    }
    standings
}
