//! What each input is answered with, and what it changes.

use super::*;

#[test]
fn a_client_registers_pulses_is_found_and_logs_out() {
    let mut world = World::new();
    let (a, b) = (id(1), id(2));
    world.register(0, a);
    world.register(0, b);

    assert_eq!(world.look_up(1, b, a), Err(Rejection::AddressUnknown));
    assert_eq!(world.status(1, b, a), Ok((Status::Online, None)), "registration counts as being heard");
    assert_eq!(world.pulse(10, a, HOME), PulseCode::OnTime);
    assert_eq!(world.look_up(11, b, a), Ok(addr(HOME)));
    assert_eq!(world.status(1_510, b, a), Ok((Status::Pending, Some(Millis(1_500)))));
    assert_eq!(
        world.request(1_520, Request::Logout { caller: a }),
        response(Response::LoggedOut { client_id: a })
    );

    assert_eq!(world.pulse(1_521, a, HOME), PulseCode::NotFound);
    assert_eq!(world.look_up(1_521, b, a), Err(Rejection::UnknownPeer));
    assert_eq!(
        world.request(1_521, Request::Logout { caller: a }),
        Output::Rejection(Rejection::UnknownClient)
    );
    assert_eq!(
        world.changes,
        [
            Change::Registered { id: a, record: Record::registered(at(0)) },
            Change::Registered { id: b, record: Record::registered(at(0)) },
            Change::Moved { id: a, record: pulsed(HOME, 10) },
            Change::Removed { id: a, cause: Removal::LoggedOut },
        ]
    );
}

#[test]
fn a_steady_pulse_changes_nothing_that_is_worth_keeping() {
    let mut world = World::new();
    world.register(0, id(1));
    assert_eq!(world.pulse(1, id(1), HOME), PulseCode::OnTime);
    world.changes.clear();
    for n in 1..100 {
        assert_eq!(world.pulse(n * INTERVAL, id(1), HOME), PulseCode::OnTime);
    }
    assert_eq!(world.changes, []);
    assert_eq!(world.pulse(100 * INTERVAL, id(1), AWAY), PulseCode::OnTime);
    assert_eq!(world.changes, [Change::Moved { id: id(1), record: pulsed(AWAY, 100 * INTERVAL) }]);
    assert_eq!(world.server.counters().moved, 2);
}

#[test]
fn a_late_pulse_changes_neither_the_address_nor_the_times() {
    // The original program moved the published address before it looked at the state.
    let mut world = World::new();
    let (a, b) = (id(1), id(2));
    world.register(0, a);
    assert_eq!(world.pulse(0, a, HOME), PulseCode::OnTime);
    world.register(LATE_AFTER, b);
    world.changes.clear();
    for now in [LATE_AFTER, LATE_AFTER + 1, GONE_AFTER - 1] {
        assert_eq!(world.pulse(now, a, AWAY), PulseCode::Reverify);
    }
    assert_eq!(world.changes, []);
    assert_eq!(world.look_up(LATE_AFTER + 1, b, a), Ok(addr(HOME)));
    assert_eq!(world.pulse(GONE_AFTER, a, AWAY), PulseCode::NotFound, "late pulses do not postpone the end");
}

#[test]
fn after_a_verify_pulses_are_on_time_again() {
    let mut world = World::new();
    let a = id(1);
    world.register(0, a);
    assert_eq!(world.pulse(0, a, HOME), PulseCode::OnTime);
    assert_eq!(world.pulse(LATE_AFTER, a, AWAY), PulseCode::Reverify);
    assert_eq!(
        world.request(LATE_AFTER, Request::Verify { caller: a }),
        response(Response::Verified { client_id: a, timestamp: unix(LATE_AFTER) })
    );
    assert_eq!(world.status(LATE_AFTER, a, a), Ok((Status::Online, Some(Millis(LATE_AFTER)))));
    assert_eq!(world.pulse(2 * LATE_AFTER - 1, a, AWAY), PulseCode::OnTime);
}

#[test]
fn a_verify_counts_until_the_last_millisecond_before_the_client_is_gone() {
    for (offset, ok) in [(GONE_AFTER - 1, true), (GONE_AFTER, false), (GONE_AFTER + 1, false)] {
        let mut world = World::new();
        world.register(0, id(1));
        let output = world.request(offset, Request::Verify { caller: id(1) });
        assert_eq!(matches!(output, Output::Response(_)), ok, "{offset} ms");
    }
}

#[test]
fn registering_a_live_id_is_taken_and_changes_nothing() {
    let mut world = World::new();
    world.register(0, id(1));
    assert_eq!(world.pulse(5, id(1), HOME), PulseCode::OnTime);
    world.changes.clear();
    assert_eq!(world.request(100, Request::Register { id: id(1) }), Output::Taken);
    assert_eq!(world.changes, []);
    assert_eq!(world.status(100, id(1), id(1)), Ok((Status::Online, Some(Millis(95)))));
    assert_eq!(world.server.counters().taken, 1);
}

#[test]
fn what_can_be_refused_is_refused_in_order() {
    // Credentials come before the path, and the path before the peer.
    let mut world = World::new();
    world.register(0, id(1));
    for (caller, peer, expected) in [
        (id(9), None, Rejection::UnknownClient),
        (id(9), Some(id(8)), Rejection::UnknownClient),
        (id(1), None, Rejection::MalformedClientId),
        (id(1), Some(id(8)), Rejection::UnknownPeer),
        (id(1), Some(id(1)), Rejection::AddressUnknown),
    ] {
        assert_eq!(world.request(1, Request::PeerAddress { caller, peer }), Output::Rejection(expected));
    }
    let counters = world.server.counters();
    assert_eq!((counters.unauthorized, counters.lookups_unknown, counters.lookups_found), (2, 1, 1));
}

#[test]
fn a_pending_client_may_look_others_up() {
    let mut world = World::new();
    world.register(0, id(1));
    assert_eq!(world.status(LATE_AFTER, id(1), id(1)), Ok((Status::Pending, None)));
    assert_eq!(world.status(GONE_AFTER, id(1), id(1)), Err(Rejection::UnknownClient));
}

#[test]
fn noise_is_dropped_and_touches_no_record() {
    let mut world = World::new();
    for (source, payload, reason) in [
        (HOME, &[0; 31][..], DropReason::WrongLength),
        (HOME, &[], DropReason::WrongLength),
        ("192.0.2.7:0", &[0; 32], DropReason::SourcePortZero),
    ] {
        let output = world.handle(0, Input::datagram(addr(source), payload));
        assert_eq!(output, Output::Dropped(reason));
    }
    let expected = Counters { dropped_wrong_length: 2, dropped_port_zero: 1, ..Counters::default() };
    assert_eq!(*world.server.counters(), expected, "counted, and no more");
}

#[test]
fn a_pulse_is_answered_to_the_address_exactly_as_received() {
    let mut world = World::new();
    let key = crate::PrivateKey::from_bytes([7; 32]);
    let a = ClientId::of(&key);
    world.register(0, a);
    let mapped = addr("[::ffff:192.0.2.7]:4000");
    assert_eq!(
        world.handle(0, Input::datagram(mapped, key.reveal())),
        Output::Transmit { destination: mapped, code: PulseCode::OnTime }
    );
    assert_eq!(world.look_up(0, a, a), Ok(addr(HOME)), "while the record has it in canonical form");
}

#[test]
fn inputs_and_outputs_survive_json_and_hold_no_key() {
    let key = crate::PrivateKey::from_bytes([7; 32]);
    let a = ClientId::of(&key);
    let inputs = [
        Input::Request(Request::Register { id: a }),
        Input::datagram(addr(HOME), key.reveal()),
        Input::datagram(addr(HOME), &[1; 5]),
        Input::Request(Request::PeerAddress { caller: a, peer: Some(a) }),
        Input::Request(Request::PeerStatus { caller: a, peer: None }),
        Input::Request(Request::Verify { caller: a }),
        Input::Tick { budget: 5 },
        Input::Resume { since: Instant::ZERO },
        Input::Request(Request::Logout { caller: a }),
    ];
    let mut world = World::new();
    let mut replayed = World::new();
    for (now, input) in (0..).zip(inputs) {
        let json = serde_json::to_string(&input).unwrap();
        assert!(!json.contains("07070707"), "{json}");
        let output = world.handle(now, input);
        assert_eq!(serde_json::from_str::<Output>(&serde_json::to_string(&output).unwrap()).unwrap(), output);
        assert_eq!(replayed.handle(now, serde_json::from_str(&json).unwrap()), output);
    }
    assert_eq!(world.changes, replayed.changes);
}

#[test]
fn regression_a_hand_made_pulse_from_port_zero_is_dropped_too() {
    // The decoder makes no such input, but traces and fuzzers do: nothing may be sent to port 0 or kept of it.
    let mut world = World::new();
    world.register(0, id(1));
    world.changes.clear();
    let output = world.handle(0, pulse_input(id(1), "192.0.2.7:0"));
    assert_eq!(output, Output::Dropped(DropReason::SourcePortZero));
    assert_eq!(world.changes, []);
    assert_eq!(world.look_up(0, id(1), id(1)), Err(Rejection::AddressUnknown));
}

#[test]
fn a_client_that_never_pulsed_is_pending_without_an_address() {
    let mut world = World::new();
    world.register(0, id(1));
    world.register(LATE_AFTER, id(2));
    assert_eq!(world.status(LATE_AFTER, id(2), id(1)), Ok((Status::Pending, None)));
    assert_eq!(world.look_up(LATE_AFTER, id(2), id(1)), Err(Rejection::AddressUnknown));
}

#[test]
fn a_client_that_logged_out_may_not_look_up() {
    let mut world = World::new();
    let (a, b) = (id(1), id(2));
    world.register(0, a);
    world.register(0, b);
    assert_eq!(
        world.request(1, Request::Logout { caller: a }),
        response(Response::LoggedOut { client_id: a })
    );
    assert_eq!(world.look_up(1, a, b), Err(Rejection::UnknownClient));
    assert_eq!(world.status(1, a, b), Err(Rejection::UnknownClient));
    assert_eq!(world.request(1, Request::Verify { caller: a }), Output::Rejection(Rejection::UnknownClient));
}

#[test]
fn a_response_prints_as_its_body() {
    let mut world = World::new();
    let a = id(0xCD);
    let id_hex = "cd".repeat(16);
    world.register(0, a);
    assert_eq!(world.pulse(300, a, HOME), PulseCode::OnTime);
    let mut print = |request| match world.request(2_200, request) {
        Output::Response(response) => response.to_json(),
        other => panic!("{other:?}"),
    };
    let peer = Some(a);
    assert_eq!(
        print(Request::PeerAddress { caller: a, peer }),
        alloc::format!(
            r#"{{"client_id":"{id_hex}","host":"192.0.2.7","port":4000,"timestamp":1002,"ok":true,"last_online":1}}"#
        )
    );
    assert_eq!(
        print(Request::PeerStatus { caller: a, peer }),
        alloc::format!(
            r#"{{"client_id":"{id_hex}","status":"PENDING","last_online":1,"timestamp":1002,"ok":true}}"#
        )
    );
    assert_eq!(
        print(Request::Verify { caller: a }),
        alloc::format!(r#"{{"client_id":"{id_hex}","timestamp":1002,"ok":true}}"#)
    );
    assert_eq!(
        print(Request::Logout { caller: a }),
        alloc::format!(r#"{{"client_id":"{id_hex}","ok":true}}"#)
    );
}
