//! proptest strategies for scenarios. What they make shrinks towards fewer steps, earlier clients and whole seconds.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use rendezvous_protocol::{Instant, Millis, ReplyWidth, StoredRecord, Timing, UnixTime};
use rendezvous_wasm::world::{Action, Scenario, Setup, WRITE_BEHIND};

use crate::steps::{Boundary, Step, TIMINGS, concrete, timing};

/// How many clients there are: so few that they meet each other. A peer may also be one more, who never registers.
pub const CLIENTS: u16 = 5;

/// As far as a clock can go.
const FAR: i64 = Instant::MAX.as_millis() as i64;

/// Where datagrams come from: two ports of one host, the same host as IPv4-mapped IPv6, others, and port 0.
pub const SOURCES: [SocketAddr; 8] = [
    v4([192, 0, 2, 7], 4000),
    v4([192, 0, 2, 7], 4001),
    v6(Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped(), 4000, 0),
    v4([198, 51, 100, 9], 5000),
    v6(Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1), 4000, 0),
    v6(Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 1), 4000, 3),
    v6(Ipv6Addr::LOCALHOST, 65535, 0),
    v4([192, 0, 2, 7], 0),
];

const fn v4([a, b, c, d]: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port))
}

const fn v6(ip: Ipv6Addr, port: u16, scope: u32) -> SocketAddr {
    SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope))
}

/// A scenario of up to `steps` steps. Most begin with clients that are there already.
pub fn scenario(steps: usize) -> impl Strategy<Value = Scenario> {
    (setup(), vec(present(), 0..usize::from(CLIENTS)), vec(step(), 0..steps)).prop_map(
        |(setup, present, steps)| {
            let actions = concrete(&setup, present.into_iter().flatten().chain(steps));
            Scenario::new(setup, actions)
        },
    )
}

/// A client registers and pulses.
fn present() -> impl Strategy<Value = [Step; 2]> {
    (0..CLIENTS, source()).prop_map(|(client, from)| {
        [Step::Act(Action::Register { client }), Step::Act(Action::Pulse { client, from })]
    })
}

/// A world of any timing.
pub fn setup() -> impl Strategy<Value = Setup> {
    let width = select(vec![ReplyWidth::Two, ReplyWidth::One, ReplyWidth::Four]);
    (any_timing(), width, 0..=FAR as u64).prop_map(|(timing, reply_width, seed)| Setup {
        reply_width,
        seed,
        ..Setup::new(timing)
    })
}

/// A valid timing: one of those that are known to matter, or any.
pub fn any_timing() -> impl Strategy<Value = Timing> {
    let any = (1..100_000_u64, 0..5_000_u64, 1..500_000_u64).prop_map(|(interval, grace, more)| {
        Timing::new(Millis(interval), Millis(grace), Millis(grace + more)).unwrap()
    });
    prop_oneof![3 => (0..TIMINGS.len()).prop_map(timing), 1 => any]
}

/// The address of a datagram's sender.
pub fn source() -> impl Strategy<Value = SocketAddr> {
    select(&SOURCES)
}

/// A record as a store may hold it.
pub fn stored_record() -> impl Strategy<Value = StoredRecord> {
    let time = || proptest::option::of(any::<u64>().prop_map(UnixTime::from_millis));
    let address = proptest::option::of(any::<SocketAddr>());
    (address, time(), time()).prop_map(|(address, last_seen, last_pulse)| StoredRecord {
        address: address.map(rendezvous_protocol::canonical_address),
        last_seen,
        last_pulse,
    })
}

/// One step.
pub fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let peer = || proptest::option::weighted(0.97, 0..CLIENTS + 1);
    let offset = || select(vec![0_i8, -1, 1]);
    let aim = |boundary| {
        (client(), offset()).prop_map(move |(client, offset)| Step::Aim { client, boundary, offset })
    };
    let asked = prop_oneof![
        8 => client().prop_map(|client| Action::Register { client }),
        10 => (client(), source()).prop_map(|(client, from)| Action::Pulse { client, from }),
        1 => (source(), payload())
            .prop_map(|(from, payload)| Action::Datagram { from, payload: payload.into() }),
        5 => client().prop_map(|client| Action::Verify { client }),
        1 => client().prop_map(|client| Action::Logout { client }),
        5 => (client(), peer()).prop_map(|(client, peer)| Action::LookUp { client, peer }),
        5 => (client(), peer()).prop_map(|(client, peer)| Action::Status { client, peer }),
    ];
    let ticked = prop_oneof![Just(u32::MAX), 0..4_u32].prop_map(|budget| Action::Tick { budget });
    prop_oneof![
        60 => asked.prop_map(Step::Act),
        12 => (0..=9_u8).prop_map(|eighths| Step::Pass { eighths }),
        2 => aim(Boundary::Pending),
        8 => aim(Boundary::Late),
        3 => aim(Boundary::Gone),
        5 => ticked.prop_map(Step::Act),
        4 => disturbance().prop_map(Step::Act),
    ]
}

/// What does not happen every day.
fn disturbance() -> impl Strategy<Value = Action> {
    let absence = || prop_oneof![990..1_010_u64, 4_995..5_005_u64, 0..1_000_000_u64];
    prop_oneof![
        4 => absence().prop_map(|millis| Action::Stall { millis }),
        4 => (absence(), any::<bool>(), weighted(0.2))
            .prop_map(|(down, rebooted, forgets)| Action::Restart { down, rebooted, forgets }),
        6 => (absence(), any::<bool>(), unwritten())
            .prop_map(|(down, rebooted, unwritten)| Action::Crash { down, rebooted, unwritten }),
        1 => absence().prop_map(|at| Action::Until { at }),
        3 => (-100_000..0_i64).prop_map(|millis| Action::Advance { millis }),
        2 => (-FAR..=FAR).prop_map(|millis| Action::StepWallClock { millis }),
        1 => (-FAR..=FAR).prop_map(|millis| Action::Advance { millis }),
    ]
}

/// For how long before a crash nothing was written: often as long as something waits. Steps of time are eighths of the
/// interval, two seconds in one timing and 300 ms in another, so many a change is exactly as old.
pub(crate) fn unwritten() -> impl Strategy<Value = u64> {
    let known = vec![0, 1, 37, 250, 500, WRITE_BEHIND - 1, WRITE_BEHIND];
    prop_oneof![select(known), 0..WRITE_BEHIND + 100, 0..=FAR as u64]
}

/// The bytes of a datagram: often of a length that matters.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 32..=32), vec(any::<u8>(), 31..=33), vec(any::<u8>(), 0..80),]
}
