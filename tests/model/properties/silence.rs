//! I7: nobody gets more bytes out of the server than they put in, and what is no pulse gets none.

use rendezvous_model::{check, strategy};
use rendezvous_wasm::world::{Action, Reply, Scenario, World};

use crate::harness;

#[test]
fn a_datagram_is_answered_to_its_source_with_fewer_bytes_or_not_at_all() {
    harness::check_scenarios(file!(), 1_000, strategy::scenario(60), |scenario| {
        let mut world = World::new(scenario.setup);
        for action in &scenario.actions {
            let output = world.apply(action);
            let reply = output.and_then(|output| world.reply(action, output));
            let (from, len) = if let Action::Pulse { from, .. } = action {
                (from, 32)
            } else if let Action::Datagram { from, payload } = action {
                (from, payload.as_ref().len())
            } else if matches!(reply, Some(Reply::Datagram { .. })) {
                return Err(format!("{action:?} makes {reply:?}"));
            } else {
                continue;
            };
            let right = match &reply {
                None => len != 32 || from.port() == 0,
                Some(Reply::Datagram { to, bytes }) => {
                    len == 32 && from.port() != 0 && to == from && bytes.len() <= 4
                }
                Some(Reply::Http { .. }) => false,
            };
            if !right {
                return Err(format!("{action:?} is answered {reply:?}\nscenario: {}", scenario.to_json()));
            }
        }
        Ok(())
    });
}

/// The key is all that makes a pulse: a datagram with a client's key in it is that client's, whoever sent it.
#[test]
fn a_datagram_that_holds_a_key_is_its_clients_pulse() {
    harness::check_scenarios(file!(), 300, strategy::scenario(60), |scenario| {
        let keys = scenario.setup.keys();
        let as_datagrams = scenario.actions.iter().map(|action| {
            if let Action::Pulse { client, from } = *action {
                Action::Datagram { from, payload: keys.key(client).reveal().to_vec().into() }
            } else {
                action.clone()
            }
        });
        let as_datagrams = Scenario::new(scenario.setup, as_datagrams.collect());
        check::against_model(&as_datagrams).map_err(|failure| failure.to_string())?;
        let outputs = |scenario: &Scenario| {
            let mut world = World::new(scenario.setup);
            scenario.actions.iter().map(|action| world.apply(action)).collect::<Vec<_>>()
        };
        if outputs(&as_datagrams) == outputs(&scenario) { Ok(()) } else { Err(scenario.to_json()) }
    });
}
