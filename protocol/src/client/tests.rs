use alloc::vec;
use alloc::vec::Vec;

use super::*;

const ID: ClientId = ClientId::from_bytes([1; 16]);
const OTHER: ClientId = ClientId::from_bytes([2; 16]);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn outputs(client: &mut Client) -> Vec<Output> {
    core::iter::from_fn(|| client.poll_output()).collect()
}

fn events(client: &mut Client) -> Vec<Event> {
    core::iter::from_fn(|| client.poll_event()).collect()
}

/// The number of the one request that it makes now.
fn asks(client: &mut Client, wanted: Request) -> u32 {
    let outputs = outputs(client);
    let mut numbers = outputs.iter().filter_map(|output| match output {
        Output::Request { number, request } if *request == wanted => Some(*number),
        Output::Request { .. } | Output::Pulse { .. } | Output::Resolve => None,
    });
    let number = numbers.next().unwrap_or_else(|| panic!("no {wanted:?} in {outputs:?}"));
    assert_eq!(numbers.next(), None, "{outputs:?}");
    number
}

/// A client that registered and pulsed at 0.
fn registered() -> Client {
    let mut client = Client::new(at(0), 1);
    assert_eq!(client.state(), State::Registering);
    let number = asks(&mut client, Request::Register);
    client.handle_answer(at(0), number, Answer::Registered { id: ID, timing: Timing::default() });
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
    assert_eq!(events(&mut client), [Event::Registered { id: ID }]);
    assert_eq!(client.state(), State::Registered);
    client
}

/// A client whose first pulse was accepted at 100, and that was told its address.
fn online() -> Client {
    let mut client = registered();
    client.handle_code(at(100), PulseCode::OnTime);
    assert_eq!(events(&mut client), [Event::Online]);
    let number = asks(&mut client, Request::OwnAddress);
    client.handle_answer(at(100), number, Answer::Address(([192, 0, 2, 7], 4000).into()));
    assert_eq!(events(&mut client).len(), 1);
    assert_eq!(client.state(), State::Online);
    client
}

/// Handles the timeout at `due`, and checks that the next one is later.
fn pass(client: &mut Client, due: Instant) {
    client.handle_timeout(due);
    assert!(client.poll_timeout().is_none_or(|next| next > due), "stands still");
}

/// Lets time pass until `end`, without any answer. Returns when it pulsed.
fn pulses_until(client: &mut Client, end: u64) -> Vec<u64> {
    let mut pulses = vec![];
    while let Some(due) = client.poll_timeout().filter(|due| due.as_millis() <= end) {
        pass(client, due);
        for output in outputs(client) {
            if let Output::Pulse { .. } = output {
                pulses.push(due.as_millis());
            }
        }
    }
    pulses
}

#[test]
fn the_second_pulse_comes_soon_and_the_third_in_its_turn() {
    let mut client = online();
    client.handle_timeout(at(3_099));
    assert_eq!(outputs(&mut client), []);
    client.handle_timeout(at(3_100));
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
    client.handle_code(at(3_200), PulseCode::OnTime);
    let next = client.poll_timeout().unwrap();
    assert!((at(23_100)..=at(26_100)).contains(&next), "{next}");
    assert_eq!(events(&mut client), [], "it was online all the time");
}

#[test]
fn a_pulse_without_an_answer_is_repeated_after_1_2_and_4_s_and_then_lost() {
    let mut client = registered();
    assert_eq!(pulses_until(&mut client, 14_999), [1_000, 3_000, 7_000]);
    assert_eq!(events(&mut client), []);
    client.handle_timeout(at(15_000));
    assert_eq!(outputs(&mut client), [Output::Resolve]);
    assert_eq!(events(&mut client), [Event::Lost]);
    assert_eq!(client.state(), State::Lost);
    let next = client.poll_timeout().unwrap();
    assert!((at(20_000)..=at(23_000)).contains(&next), "it goes on: {next}");
    client.handle_timeout(next);
    client.handle_code(next, PulseCode::OnTime);
    assert_eq!(events(&mut client), [Event::Online]);
}

#[test]
fn who_is_late_verifies_and_pulses_at_once() {
    let mut client = online();
    client.handle_timeout(at(3_100));
    outputs(&mut client);
    client.handle_code(at(3_200), PulseCode::Reverify);
    let number = asks(&mut client, Request::Verify);
    assert_eq!(client.state(), State::Verifying);
    client.handle_answer(at(3_300), number, Answer::Done);
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
    assert_eq!(events(&mut client), [Event::Reverified]);
    client.handle_code(at(3_400), PulseCode::OnTime);
    assert_eq!(events(&mut client), [Event::Online]);
    assert_eq!(client.id(), Some(ID));
}

#[test]
fn a_forged_1060_costs_no_id_and_the_good_answer_behind_it_still_counts() {
    let mut client = online();
    client.handle_timeout(at(3_100));
    outputs(&mut client);
    client.handle_code(at(3_150), PulseCode::NotFound);
    let number = asks(&mut client, Request::Verify);
    client.handle_code(at(3_200), PulseCode::OnTime);
    assert_eq!(events(&mut client), [Event::Online]);
    client.handle_answer(at(3_300), number, Answer::Done);
    assert_eq!(client.id(), Some(ID));
    assert_eq!(events(&mut client), [Event::Reverified]);
}

#[test]
fn a_code_that_no_pulse_waits_for_is_ignored() {
    let mut client = online();
    for code in PulseCode::ALL {
        client.handle_code(at(200), code);
    }
    assert_eq!((outputs(&mut client), events(&mut client)), (vec![], vec![]));
}

#[test]
fn somebody_who_forges_all_the_time_does_not_set_the_pace() {
    let mut client = online();
    let (mut verifies, mut now) = (0, 3_100);
    while now < 60_000 {
        client.handle_timeout(at(now));
        client.handle_code(at(now), PulseCode::NotFound);
        for output in outputs(&mut client) {
            if let Output::Request { number, request: Request::Verify } = output {
                verifies += 1;
                client.handle_answer(at(now), number, Answer::Done);
            }
        }
        now += 10;
    }
    assert!((3..25).contains(&verifies), "{verifies} in a minute");
    assert_eq!(client.id(), Some(ID));
}

#[test]
fn who_is_forgotten_registers_after_a_while_and_says_which_id_is_lost() {
    let mut client = online();
    client.handle_timeout(at(3_100));
    client.handle_code(at(3_200), PulseCode::NotFound);
    let number = asks(&mut client, Request::Verify);
    client.handle_answer(at(3_300), number, Answer::Unknown);
    assert_eq!((client.state(), client.id()), (State::Registering, None));
    assert_eq!(outputs(&mut client), [], "not at once: all may be forgotten");
    let due = client.poll_timeout().unwrap();
    assert!((at(3_301)..=at(4_300)).contains(&due), "{due}");
    client.handle_timeout(due);
    let number = asks(&mut client, Request::Register);
    client.handle_answer(due, number, Answer::Registered { id: OTHER, timing: Timing::default() });
    assert_eq!(events(&mut client), [Event::ReRegistered { lost: ID, id: OTHER }]);
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
}

#[test]
fn a_request_without_an_answer_is_given_up_and_made_again() {
    let mut client = Client::new(at(0), 1);
    let first = asks(&mut client, Request::Register);
    client.handle_timeout(at(9_999));
    assert_eq!(events(&mut client), []);
    client.handle_timeout(at(10_000));
    let [Event::Unreachable { request: Request::Register, retry_in }] = events(&mut client)[..] else {
        panic!("it says nothing");
    };
    client.handle_answer(at(10_000), first, Answer::Registered { id: OTHER, timing: Timing::default() });
    assert_eq!(client.id(), None, "too late");
    client.handle_timeout(at(10_000) + retry_in);
    let second = asks(&mut client, Request::Register);
    client.handle_answer(at(12_000), second, Answer::Refused { retry_after: Some(Millis(20_000)) });
    let [Event::Refused { retry_in, .. }] = events(&mut client)[..] else { panic!("it says nothing") };
    assert!(retry_in > Millis(20_000), "the server's wish counts");
}

#[test]
fn pulses_go_on_while_a_verify_has_no_answer() {
    let mut client = online();
    client.handle_timeout(at(3_100));
    client.handle_code(at(3_200), PulseCode::NotFound);
    outputs(&mut client);
    let pulses = pulses_until(&mut client, 120_000);
    assert!(pulses.len() >= 15, "{pulses:?}");
    assert_eq!((client.state(), client.id()), (State::Verifying, Some(ID)));
}

#[test]
fn an_id_from_earlier_is_verified_first() {
    let mut client = Client::resume(at(0), ID, Timing::default(), 1);
    assert_eq!(client.state(), State::Verifying);
    let number = asks(&mut client, Request::Verify);
    client.handle_answer(at(10), number, Answer::Done);
    assert_eq!(events(&mut client), [Event::Registered { id: ID }]);
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);

    let mut client = Client::resume(at(0), ID, Timing::default(), 1);
    let number = asks(&mut client, Request::Verify);
    client.handle_answer(at(10), number, Answer::Unknown);
    let due = client.poll_timeout().unwrap();
    client.handle_timeout(due);
    let number = asks(&mut client, Request::Register);
    client.handle_answer(due, number, Answer::Registered { id: OTHER, timing: Timing::default() });
    assert_eq!(events(&mut client), [Event::ReRegistered { lost: ID, id: OTHER }]);
}

#[test]
fn another_network_is_used_at_once_and_asked_about() {
    let mut client = online();
    client.network_changed(at(10_000));
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
    client.handle_code(at(10_100), PulseCode::OnTime);
    let number = asks(&mut client, Request::OwnAddress);
    let to = ([192, 0, 2, 8], 1).into();
    client.handle_answer(at(10_200), number, Answer::Address(to));
    let from = Some(([192, 0, 2, 7], 4000).into());
    assert_eq!(events(&mut client), [Event::AddressChanged { from, to }]);
    assert_eq!(client.address(), Some(to));
    assert_eq!(client.poll_timeout(), Some(at(13_100)), "the mapping is new: the second pulse comes soon");
}

#[test]
fn another_network_before_it_is_registered_brings_no_pulse() {
    let mut verifies = Client::resume(at(0), ID, Timing::default(), 1);
    asks(&mut verifies, Request::Verify);
    verifies.network_changed(at(10));
    assert_eq!(outputs(&mut verifies), [], "whether its id lives is not known yet");

    let mut forgotten = online();
    forgotten.handle_timeout(at(3_100));
    forgotten.handle_code(at(3_200), PulseCode::NotFound);
    let number = asks(&mut forgotten, Request::Verify);
    forgotten.handle_answer(at(3_300), number, Answer::Unknown);
    forgotten.network_changed(at(3_300));
    assert_eq!(outputs(&mut forgotten), [], "it has no key to pulse with");
    assert_eq!(forgotten.poll_timeout(), Some(at(3_301)), "it registers at once");
}

#[test]
fn regression_a_look_up_from_before_a_change_of_network_does_not_count() {
    let mut client = registered();
    client.handle_code(at(100), PulseCode::OnTime);
    let before = asks(&mut client, Request::OwnAddress);
    client.network_changed(at(200));
    outputs(&mut client);
    client.handle_code(at(300), PulseCode::OnTime);
    let after = asks(&mut client, Request::OwnAddress);
    client.handle_answer(at(400), before, Answer::Address(([192, 0, 2, 7], 4000).into()));
    assert_eq!(client.address(), None);
    let now = ([192, 0, 2, 8], 1).into();
    client.handle_answer(at(500), after, Answer::Address(now));
    assert_eq!(client.address(), Some(now));
}

#[test]
fn one_verification_at_a_time() {
    let mut client = online();
    client.handle_timeout(at(3_100));
    client.handle_code(at(3_200), PulseCode::NotFound);
    let number = asks(&mut client, Request::Verify);
    client.network_changed(at(3_300));
    client.handle_code(at(3_400), PulseCode::NotFound);
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }], "while it waits for the answer");
    client.handle_answer(at(3_500), number, Answer::Refused { retry_after: Some(Millis(60_000)) });
    client.handle_timeout(at(3_500) + Millis(30_000));
    outputs(&mut client);
    client.handle_code(at(33_600), PulseCode::NotFound);
    assert_eq!(outputs(&mut client), [], "nor while it was put off");
}

#[test]
fn it_pulses_as_the_server_that_registered_it_says() {
    let timing = Timing::new(Millis(3_000), Millis(100), Millis(20_000)).unwrap();
    let mut client = Client::new(at(0), 1);
    let number = asks(&mut client, Request::Register);
    client.handle_answer(at(0), number, Answer::Registered { id: ID, timing });
    assert_eq!(client.timing(), timing);
    assert_eq!(outputs(&mut client), [Output::Pulse { repeats: 0 }]);
    assert_eq!(pulses_until(&mut client, 700), [100, 300, 700]);
}

#[test]
fn its_own_address_is_asked_for_every_ten_intervals() {
    let mut client = online();
    let mut looks = vec![];
    while let Some(due) = client.poll_timeout().filter(|due| *due <= at(1_000_000)) {
        pass(&mut client, due);
        client.handle_code(due, PulseCode::OnTime);
        for output in outputs(&mut client) {
            if let Output::Request { number, request: Request::OwnAddress } = output {
                looks.push(due.as_millis());
                client.handle_answer(due, number, Answer::Address(([192, 0, 2, 7], 4000).into()));
            }
        }
    }
    assert_eq!(looks, [300_100, 600_100, 900_100]);
    assert_eq!(events(&mut client), []);
}

#[test]
fn goodbye_is_said_up_to_three_times() {
    let mut client = online();
    client.logout(at(200));
    let number = asks(&mut client, Request::Logout);
    client.handle_answer(at(300), number, Answer::Done);
    assert_eq!(events(&mut client), [Event::LoggedOut { confirmed: true }]);
    assert_eq!((client.state(), client.poll_timeout()), (State::Ended, None));

    let mut client = online();
    client.logout(at(200));
    let mut asked = outputs(&mut client).len();
    while let Some(due) = client.poll_timeout() {
        pass(&mut client, due);
        asked += outputs(&mut client).len();
    }
    assert_eq!(asked, 3);
    assert_eq!(events(&mut client).last(), Some(&Event::LoggedOut { confirmed: false }));
}

#[test]
fn after_a_long_sleep_it_asks_before_it_gives_up_its_id() {
    let mut client = online();
    client.handle_timeout(at(600_000));
    let woken = outputs(&mut client);
    assert_eq!(woken.iter().filter(|output| matches!(output, Output::Pulse { .. })).count(), 1, "{woken:?}");
    client.handle_code(at(600_050), PulseCode::NotFound);
    asks(&mut client, Request::Verify);
    assert_eq!(client.id(), Some(ID));
}

#[test]
fn a_clock_that_jumps_back_is_no_clock() {
    let mut client = online();
    client.handle_timeout(at(50));
    assert_eq!(outputs(&mut client), []);
    client.network_changed(at(0));
    assert!(client.poll_timeout() > Some(at(100)));
}
