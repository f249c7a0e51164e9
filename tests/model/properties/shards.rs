//! Clients that are split over several servers by their ids are served as by one, and what the servers count adds up.

use rendezvous_model::strategy;
use rendezvous_protocol::lifecycle::{Observation, Registration, Unknown};
use rendezvous_protocol::{
    ClientId, Clock, Counters, Instant, Output, PulseCode, Rejection, Response, Server, UnixTime,
};
use rendezvous_wasm::world::{Action, Scenario, World};

use crate::harness;

const SHARDS: usize = 3;

/// A host with several servers.
struct Shards([Server; SHARDS]);

impl Shards {
    fn of(&mut self, id: ClientId) -> &mut Server {
        &mut self.0[usize::from(id.as_bytes()[15]) % SHARDS]
    }

    /// As a host does it: the caller's own shard first, then the peer's.
    fn look_up(&mut self, at: Clock, caller: ClientId, peer: Option<ClientId>) -> Result<Found, Rejection> {
        self.of(caller).authorize(at, caller)?;
        let peer = peer.ok_or(Rejection::MalformedClientId)?;
        let observation = self.of(peer).observe(at, peer).map_err(|Unknown| Rejection::UnknownPeer)?;
        Ok((peer, observation))
    }
}

type Found = (ClientId, Observation);

#[test]
fn clients_that_are_split_over_servers_are_served_as_by_one() {
    harness::check_scenarios(file!(), 500, strategy::scenario(80), |scenario| {
        let scenario = for_shards(&scenario);
        let mut world = World::new(scenario.setup);
        let mut shards = Shards(std::array::from_fn(|_| Server::new(scenario.setup.timing)));
        for action in &scenario.actions {
            let since = world.clock().now;
            let expected = world.apply(action);
            let output = sharded(&mut shards, &world, action, since, expected);
            if output != expected {
                return Err(format!(
                    "{action:?}: {output:?}, not {expected:?}\nscenario: {}",
                    scenario.to_json()
                ));
            }
        }
        let mut sum = Counters::default();
        for shard in &shards.0 {
            sum += *shard.counters();
        }
        let counted = *world.server().counters();
        if sum == counted { Ok(()) } else { Err(format!("{sum:?} in all, not {counted:?}")) }
    });
}

/// Without what is not for a shard: noise, restarts, ticks, and a clock that runs backwards, which each server holds up
/// by itself.
fn for_shards(scenario: &Scenario) -> Scenario {
    let kept = scenario.actions.iter().filter(|action| match **action {
        Action::Datagram { .. }
        | Action::Restart { .. }
        | Action::Crash { .. }
        | Action::Tick { .. }
        | Action::Command { .. }
        | Action::Lose { .. }
        | Action::Link { .. }
        | Action::Rebind { .. } => false,
        Action::Pulse { from, .. } => from.port() != 0,
        Action::Advance { millis } => millis >= 0,
        Action::Register { .. }
        | Action::Verify { .. }
        | Action::Logout { .. }
        | Action::LookUp { .. }
        | Action::Status { .. }
        | Action::Until { .. }
        | Action::StepWallClock { .. }
        | Action::Stall { .. } => true,
    });
    Scenario::new(scenario.setup, kept.cloned().collect())
}

fn sharded(
    shards: &mut Shards,
    world: &World,
    action: &Action,
    since: Instant,
    expected: Option<Output>,
) -> Option<Output> {
    let at = world.clock();
    let timestamp: UnixTime = at.unix;
    Some(match *action {
        Action::Register { client } => {
            let client_id = world.id(client);
            match shards.of(client_id).register(at, client_id).answer {
                Registration::Registered => Output::Registered { client_id, timestamp },
                Registration::Taken => Output::Taken,
            }
        }
        Action::Pulse { client, from } => {
            let code: PulseCode = shards.of(world.id(client)).pulse(at, world.id(client), from).answer;
            Output::Transmit { destination: from, code }
        }
        Action::Verify { client } => {
            let client_id = world.id(client);
            match shards.of(client_id).verify(at, client_id).answer {
                Ok(()) => Output::Response(Response::Verified { client_id, timestamp }),
                Err(unknown) => Output::Rejection(unknown.into()),
            }
        }
        Action::Logout { client } => {
            let client_id = world.id(client);
            match shards.of(client_id).logout(at, client_id).answer {
                Ok(()) => Output::Response(Response::LoggedOut { client_id }),
                Err(unknown) => Output::Rejection(unknown.into()),
            }
        }
        Action::LookUp { client, peer } => {
            let found = shards.look_up(at, world.id(client), peer.map(|peer| world.id(peer)));
            match found.and_then(|(id, found)| Response::peer_address(id, found, timestamp)) {
                Ok(response) => Output::Response(response),
                Err(rejection) => Output::Rejection(rejection),
            }
        }
        Action::Status { client, peer } => {
            match shards.look_up(at, world.id(client), peer.map(|peer| world.id(peer))) {
                Ok((id, found)) => Output::Response(Response::peer_status(id, found, timestamp)),
                Err(rejection) => Output::Rejection(rejection),
            }
        }
        Action::Stall { .. } => {
            // Whether it is an absence, the host decides, once for all.
            let _resumed = expected?;
            for shard in &mut shards.0 {
                shard.resume(at, since, &mut |_| {});
            }
            Output::Resumed
        }
        Action::Datagram { .. }
        | Action::Advance { .. }
        | Action::StepWallClock { .. }
        | Action::Tick { .. }
        | Action::Restart { .. }
        | Action::Crash { .. }
        | Action::Until { .. }
        | Action::Command { .. }
        | Action::Lose { .. }
        | Action::Link { .. }
        | Action::Rebind { .. } => return None,
    })
}
