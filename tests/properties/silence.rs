//! I7: nobody gets more bytes out of the server than they put in, and what is no pulse gets none.

use rendezvous_tests::strategy;
use rendezvous_wasm::world::{Action, Reply, World};

use crate::harness;

#[test]
fn a_datagram_is_answered_to_its_source_with_fewer_bytes_or_not_at_all() {
    harness::check(file!(), 1_000, strategy::scenario(60), |scenario| {
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
