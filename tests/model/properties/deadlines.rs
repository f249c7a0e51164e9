//! I5: deadlines are there from birth, never late, and a host that sleeps until them gets everything done.

use rendezvous_model::check::settle;
use rendezvous_model::model::Model;
use rendezvous_model::strategy::{self, CLIENTS};
use rendezvous_protocol::{Change, Clock, Input, Instant, Output, Progress, Removal, UnixTime};
use rendezvous_wasm::world::{Action, World};

use crate::harness;

#[test]
fn a_host_that_sleeps_until_poll_timeout_forgets_every_client_to_the_millisecond() {
    harness::check_scenarios(file!(), 1_000, strategy::scenario(60), |scenario| {
        let fail = |what: String| Err(format!("{what}\nscenario: {}", scenario.to_json()));
        let mut world = World::new(scenario.setup);
        let mut model = Model::new(&scenario.setup);
        for action in &scenario.actions {
            let _ = (model.expect(action), world.apply(action));
            settle(&world, &mut model, action);
        }
        // From here on nothing comes but ticks, each at the time that the server asked for.
        let _ = (
            model.expect(&Action::Tick { budget: u32::MAX }),
            world.apply(&Action::Tick { budget: u32::MAX }),
        );
        let mut expected: Vec<_> =
            (0..CLIENTS).filter_map(|client| Some((model.gone_at(client)?, world.id(client)))).collect();
        expected.sort_unstable();
        // The clock cannot get there.
        expected.retain(|&(at, _)| at <= Instant::MAX.as_millis());

        let mut server = world.into_server();
        let mut removed = vec![];
        let mut now = Instant::from_millis(model.now());
        let mut ticks = 0;
        while let Some(deadline) = server.poll_timeout() {
            if deadline > Instant::MAX {
                break;
            }
            if deadline <= now {
                return fail(format!("after a tick at {now:?} that was done, {deadline:?} is due"));
            }
            now = deadline;
            ticks += 1;
            if ticks > 2 * CLIENTS {
                return fail(format!("{ticks} ticks, and no end: {:?} are gone", removed));
            }
            let at = Clock { now, unix: UnixTime::from_millis(0) };
            let output = server.handle(at, Input::Tick { budget: u32::MAX }, &mut |change| {
                let Change::Removed { id, cause: Removal::Expired } = change else {
                    panic!("a tick reports {change:?}");
                };
                removed.push((now.as_millis(), id));
            });
            if output != Output::Ticked(Progress::Done) {
                return fail(format!("a tick without a limit says {output:?}"));
            }
        }
        removed.sort_unstable();
        if removed != expected {
            return fail(format!("removed {removed:?}, where the model has {expected:?}"));
        }
        Ok(())
    });
}
