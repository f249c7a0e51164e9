//! I1, I2: every answer is the reference model's.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Instant;

use rendezvous_model::check::{against_model, settle};
use rendezvous_model::model::{Answer, Model, Standing};
use rendezvous_model::size::tell;
use rendezvous_model::strategy::{self, CLIENTS};
use rendezvous_model::wire;
use rendezvous_wasm::world::{Action, World};

use crate::harness;

#[test]
fn every_answer_is_the_reference_models() {
    let (cases, transitions) = (Cell::new(0_u64), Cell::new(0_u64));
    let began = Instant::now();
    harness::check_scenarios(file!(), 2_000, strategy::scenario(120), |scenario| {
        let compared = against_model(&scenario).map_err(|failure| failure.to_string())?;
        cases.set(cases.get() + 1);
        transitions.set(transitions.get() + compared);
        Ok(())
    });
    let seconds = began.elapsed().as_secs_f64();
    let (transitions, cases) = (transitions.get(), cases.get());
    tell(&format!(
        "{transitions} transitions in {cases} scenarios compared with the model in {seconds:.1} s"
    ));
    assert!(transitions > 20 * cases, "the scenarios are too short to mean anything");
}

#[test]
fn what_goes_over_the_wire_is_the_reference_models_answer() {
    harness::check_scenarios(file!(), 500, strategy::scenario(60), |scenario| {
        let mut world = World::new(scenario.setup);
        let mut model = Model::new(&scenario.setup);
        for action in &scenario.actions {
            let expected = model.expect(action);
            let output = world.apply(action);
            settle(&world, &mut model, action);
            let reply = output.and_then(|output| world.reply(action, output));
            wire::matches(&world, &expected, reply.as_ref())
                .map_err(|what| format!("{what}\nscenario: {}", scenario.to_json()))?;
        }
        Ok(())
    });
}

/// A property that nothing can fail proves nothing: the scenarios must get to every answer, and to every boundary.
#[test]
fn the_scenarios_get_everywhere() {
    let seen = Cell::new(BTreeMap::<String, u64>::new());
    let cases = Cell::new(0_u64);
    harness::check_scenarios(file!(), 2_000, strategy::scenario(120), |scenario| {
        let mut model = Model::new(&scenario.setup);
        let mut counts = seen.take();
        cases.set(cases.get() + 1);
        // When each client was, or will be, late and gone: also of those that are.
        let mut boundaries = [(0, 0); CLIENTS as usize];
        for action in &scenario.actions {
            if let Action::Pulse { client, from } = *action
                && from.port() != 0
            {
                let (late, gone) = boundaries[usize::from(client)];
                let now = model.clock().max(model.now());
                for (boundary, at) in [("late", late), ("gone", gone)] {
                    let offset = now as i64 - at as i64;
                    if at > 0 && (-1..=1).contains(&offset) {
                        *counts.entry(format!("a pulse at {boundary} {offset:+} ms")).or_default() += 1;
                    }
                }
            }
            let crashes = matches!(action, Action::Crash { .. });
            let before: Vec<_> =
                (0..CLIENTS).filter(|_| crashes).map(|client| model.standing(client)).collect();
            let answer = model.expect(action);
            for (client, before) in (0..).zip(before) {
                let after = model.standing(client);
                let address = |standing: Option<Standing>| standing.and_then(|standing| standing.address);
                let what = match before {
                    None if model.either_way(client) => "may undo that a client is gone",
                    None => continue,
                    Some(_) if address(before) != address(after) => "loses an address",
                    Some(_) => "brings a client back as it was",
                };
                *counts.entry(format!("a crash {what}")).or_default() += 1;
            }
            let kind = match answer {
                Answer::Silence => continue,
                Answer::Code { number, .. } => number.to_string(),
                Answer::Registered { .. } => "registered".into(),
                Answer::Taken => "taken".into(),
                Answer::Verified { .. } => "verified".into(),
                Answer::LoggedOut { .. } => "logged out".into(),
                Answer::Address { last_online, .. } => {
                    format!("address, last online {}", last_online.is_some())
                }
                Answer::Status { status, last_online, .. } => {
                    format!("{status}, last online {}", last_online.is_some())
                }
                Answer::Refused { code, .. } => code.into(),
            };
            *counts.entry(kind).or_default() += 1;
            for (client, boundary) in (0..).zip(&mut boundaries) {
                if let (Some(late), Some(gone)) = (model.late_at(client), model.gone_at(client)) {
                    *boundary = (late, gone);
                }
            }
        }
        seen.set(counts);
        Ok(())
    });
    let seen = seen.take();
    for kind in [
        "1020",
        "1050",
        "1060",
        "registered",
        "taken",
        "verified",
        "logged out",
        "address, last online true",
        "address, last online false",
        "ONLINE, last online true",
        "ONLINE, last online false",
        "PENDING, last online true",
        "PENDING, last online false",
        "unknown_client",
        "unknown_peer",
        "address_unknown",
        "malformed_client_id",
        "a pulse at late -1 ms",
        "a pulse at late +0 ms",
        "a pulse at late +1 ms",
        "a pulse at gone -1 ms",
        "a pulse at gone +0 ms",
        "a pulse at gone +1 ms",
        "a crash may undo that a client is gone",
        "a crash loses an address",
        "a crash brings a client back as it was",
    ] {
        let count = seen.get(kind).copied().unwrap_or(0);
        assert!(count >= cases.get() / 100, "{kind}: only {count} times in {} scenarios", cases.get());
    }
}

/// The model is worth something only as long as it is another program.
#[test]
fn the_model_shares_no_rule_with_the_server() {
    let source = concat!(
        include_str!("../src/model.rs"),
        include_str!("../src/model/answer.rs"),
        include_str!("../src/model/history.rs"),
    );
    for foreign in [
        "rendezvous_protocol",
        "lifecycle",
        "world::Store",
        "started_like",
        "late_after",
        "gone_after",
        "longest_stall",
    ] {
        assert!(!source.contains(foreign), "the model uses {foreign}");
    }
}
