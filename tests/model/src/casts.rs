//! proptest strategies for whole simulations: clients with policies, NATs, bad networks, and what happens to them.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use rendezvous_wasm::world::{
    Action, Asks, Burst, ClientClock, Command, Dependence, Group, Link, NatKind, Policy, Scenario, Share, Way,
};

use crate::strategy::{CLIENTS, setup, unwritten};

/// Time is measured in eighths of the pulse interval, so that something happens under any timing; but no longer ones than
/// this many milliseconds, so that a client that pulses all the time does not make a run endless.
const LONGEST_EIGHTH: u64 = 4_000;

/// A scenario of 1 to [`CLIENTS`] clients and up to `events` things that happen.
pub fn scenario(events: usize) -> impl Strategy<Value = Scenario> {
    (1..=CLIENTS, setup()).prop_flat_map(move |(population, setup)| {
        let eighth = (setup.timing.pulse_interval().0 / 8).clamp(1, LONGEST_EIGHTH);
        let groups = vec(group(population, eighth), usize::from(population));
        let happens = vec((pause(eighth), event(population, eighth)), 1..events);
        (Just(setup), link(), groups, happens).prop_map(|(setup, link, clients, happens)| {
            let actions = happens.into_iter().flat_map(|(pause, event)| [pause, event]);
            // Who is not behind a NAT cannot have it rebind.
            let possible = |action: &Action| {
                let Action::Rebind { client, .. } = *action else { return true };
                let group: Option<&Group> = clients.get(usize::from(client));
                group.is_some_and(|group| group.nat.is_some())
            };
            let actions = actions.filter(possible).collect();
            let mut scenario = Scenario::new(setup, actions);
            (scenario.link, scenario.clients) = (link, clients);
            scenario
        })
    })
}

fn pause(eighth: u64) -> impl Strategy<Value = Action> {
    (0..=9_u64).prop_map(move |eighths| Action::Advance { millis: (eighths * eighth) as i64 })
}

fn group(population: u16, eighth: u64) -> impl Strategy<Value = Group> {
    let silent = vec((0..40_u64, 1..60_u64), 0..3);
    let spans = (0..3_u64, 0..3_u64, silent);
    let others = (option::weighted(0.5, (0..population, 1..20_u64)), option::weighted(0.3, 0..population));
    let clock = (-1_000_000..1_000_000_i64, select(vec![0, 500, -500, 100_000, -100_000]));
    (policy(population, eighth), option::of(nat(eighth)), option::weighted(0.2, link()), spans, others, clock)
        .prop_map(move |(policy, nat, link, (starts, spread, silent), (asks, meets), (offset, drift_ppm))| {
            Group {
                policy,
                nat,
                link,
                starts: starts * eighth,
                spread: spread * eighth,
                silent: silent
                    .into_iter()
                    .map(|(from, long)| (from * eighth, (from + long) * eighth))
                    .collect(),
                clock: ClientClock { offset, drift_ppm },
                asks: asks.map(|(peer, eighths)| Asks { peer, every: eighths * eighth }),
                meets,
                ..Group::new()
            }
        })
}

fn policy(population: u16, eighth: u64) -> impl Strategy<Value = Policy> {
    prop_oneof![
        6 => Just(Policy::WellBehaved),
        2 => (6..12_u64).prop_map(move |eighths| Policy::Fixed { every: eighths * eighth }),
        2 => (4..12_u64, 0..60_u64)
            .prop_map(move |(from, more)| Policy::Lazy { from: from * eighth, to: (from + more) * eighth }),
        1 => Just(Policy::Manual),
        1 => (1..9_u64).prop_map(move |eighths| Policy::Noise { every: eighths * eighth }),
        1 => (0..population, 1..9_u64)
            .prop_map(move |(victim, eighths)| Policy::Thief { victim, every: eighths * eighth }),
    ]
}

fn nat(eighth: u64) -> impl Strategy<Value = NatKind> {
    let dependence = || {
        select(vec![
            Dependence::EndpointIndependent,
            Dependence::AddressDependent,
            Dependence::AddressAndPortDependent,
        ])
    };
    (dependence(), dependence(), 1..40_u64, any::<bool>(), any::<bool>()).prop_map(
        move |(mapping, filtering, idle, shared, hairpin)| NatKind {
            mapping,
            filtering,
            idle: idle * eighth,
            shared,
            hairpin,
        },
    )
}

/// A network: perfect, or as bad as can be.
pub fn link() -> impl Strategy<Value = Link> {
    let share = || prop_oneof![3 => Just(0), 1 => 0..=1_000_000_u32].prop_map(Share::per_million);
    let burst = option::weighted(0.2, (share(), share()).prop_map(|(enter, leave)| Burst { enter, leave }));
    let times = (0..300_u64, 0..300_u64, 0..2_000_u64);
    (times, share(), burst, share(), share()).prop_map(
        |((delay, jitter, held), loss, burst, duplicate, reorder)| Link {
            delay,
            jitter,
            loss,
            burst,
            duplicate,
            reorder,
            held,
        },
    )
}

fn event(population: u16, eighth: u64) -> impl Strategy<Value = Action> {
    let client = move || 0..population;
    let command = prop_oneof![
        select(vec![
            Command::Register,
            Command::Pulse,
            Command::Verify,
            Command::Logout,
            Command::Noise,
            Command::Sleep,
            Command::Wake,
        ]),
        client().prop_map(Command::LookUp),
        client().prop_map(Command::Status),
        client().prop_map(Command::Meet),
        client().prop_map(Command::Replay),
    ];
    let absence = || prop_oneof![990..1_010_u64, (0..40_u64).prop_map(move |eighths| eighths * eighth)];
    prop_oneof![
        8 => (client(), command).prop_map(|(client, command)| Action::Command { client, command }),
        3 => (client(), any::<bool>(), 0..5_u16).prop_map(|(client, up, datagrams)| {
            Action::Lose { client, way: if up { Way::Up } else { Way::Down }, datagrams }
        }),
        1 => (option::of(client()), link()).prop_map(|(client, link)| Action::Link { client, link }),
        2 => (client(), any::<bool>()).prop_map(|(client, address)| Action::Rebind { client, address }),
        1 => absence().prop_map(|millis| Action::Stall { millis }),
        1 => (absence(), any::<bool>(), weighted(0.3))
            .prop_map(|(down, rebooted, forgets)| Action::Restart { down, rebooted, forgets }),
        1 => (absence(), any::<bool>(), unwritten())
            .prop_map(|(down, rebooted, unwritten)| Action::Crash { down, rebooted, unwritten }),
        1 => (-100_000..0_i64).prop_map(|millis| Action::Advance { millis }),
        1 => any::<i32>().prop_map(|millis| Action::StepWallClock { millis: millis.into() }),
        2 => client().prop_map(|client| Action::Status { client, peer: Some(0) }),
    ]
}
