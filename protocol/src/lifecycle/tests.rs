//! The whole table, and every boundary at −1, 0 and +1 ms.

use super::*;

/// Short, distinct and not round, so that no two sums coincide.
const TIMING: (u64, u64, u64) = (300, 20, 1700);
const LATE_AFTER: u64 = 320;
const GONE_AFTER: u64 = 2000;

const SEEN: u64 = 10_000;
const OLD: &str = "192.0.2.7:4000";
const NEW: &str = "198.51.100.9:5000";

#[test]
fn the_whole_table() {
    use Effect::{Keep, Put, Remove};

    // A record that was last seen long ago is PENDING; when the server resumed decides how it is judged.
    let record =
        Record { address: Some(addr(OLD)), last_seen: Some(at(SEEN)), last_pulse: Some(at(SEEN - 5)) };
    let online = context(SEEN + LATE_AFTER - 1, 0);
    let on_time = context(SEEN + LATE_AFTER, SEEN + 1);
    let late = context(SEEN + LATE_AFTER, 0);
    let gone = context(SEEN + GONE_AFTER, 0);

    let columns = [
        (online, Some(Phase::Online), Some(Status::Online)),
        (on_time, Some(Phase::PendingOnTime), Some(Status::Pending)),
        (late, Some(Phase::PendingLate), Some(Status::Pending)),
        (gone, None, None),
    ];
    for (cx, expected, status) in columns {
        assert_eq!(phase(&record, &cx), expected);
        let now = cx.now;
        let some = Some(&record);
        let live = expected.is_some();
        let known = if live { Ok(()) } else { Err(Unknown) };

        let registered = if live {
            decision(Registration::Taken, Keep)
        } else {
            decision(Registration::Registered, Put(Record::registered(now), Cause::Registered))
        };
        assert_eq!(register(some, &cx), registered, "register, {expected:?}");

        let heard = |address: &str| Record {
            address: Some(addr(address)),
            last_seen: Some(now),
            last_pulse: Some(now),
        };
        let (same, moved) = match expected {
            Some(Phase::Online | Phase::PendingOnTime) => (
                decision(PulseCode::OnTime, Put(heard(OLD), Cause::Pulsed)),
                decision(PulseCode::OnTime, Put(heard(NEW), Cause::Moved)),
            ),
            Some(Phase::PendingLate) => {
                (decision(PulseCode::Reverify, Keep), decision(PulseCode::Reverify, Keep))
            }
            None => (decision(PulseCode::NotFound, Keep), decision(PulseCode::NotFound, Keep)),
        };
        assert_eq!(pulse(some, addr(OLD), &cx), same, "pulse, {expected:?}");
        assert_eq!(pulse(some, addr(NEW), &cx), moved, "pulse from elsewhere, {expected:?}");

        let seen = Put(Record { last_seen: Some(now), ..record }, Cause::Verified);
        assert_eq!(
            verify(some, &cx),
            decision(known, if live { seen } else { Keep }),
            "verify, {expected:?}"
        );
        assert_eq!(
            logout(some, &cx),
            decision(known, if live { Remove } else { Keep }),
            "logout, {expected:?}"
        );
        assert_eq!(authorize(some, &cx), decision(known, Keep), "authorize, {expected:?}");

        let observation = status.map(|status| Observation {
            address: Some(addr(OLD)),
            status,
            last_online: Some(now.since(at(SEEN - 5))),
        });
        assert_eq!(observe(some, &cx), decision(observation.ok_or(Unknown), Keep), "observe, {expected:?}");
    }
}

#[test]
fn a_client_without_a_record_is_as_one_that_is_gone() {
    let cx = context(SEEN, 0);
    assert_eq!(
        register(None, &cx),
        decision(Registration::Registered, Effect::Put(Record::registered(at(SEEN)), Cause::Registered))
    );
    assert_eq!(pulse(None, addr(NEW), &cx), decision(PulseCode::NotFound, Effect::Keep));
    assert_eq!(verify(None, &cx), decision(Err(Unknown), Effect::Keep));
    assert_eq!(logout(None, &cx), decision(Err(Unknown), Effect::Keep));
    assert_eq!(authorize(None, &cx), decision(Err(Unknown), Effect::Keep));
    assert_eq!(observe(None, &cx), decision(Err(Unknown), Effect::Keep));
}

#[test]
fn online_ends_at_interval_plus_grace_to_the_millisecond() {
    for (record, from) in [(Record::registered(at(SEEN)), SEEN), (pulsed(SEEN), SEEN), (verified(SEEN), SEEN)]
    {
        let at_offset = |offset: u64| phase(&record, &context(from + offset, 0));
        assert_eq!(at_offset(0), Some(Phase::Online));
        assert_eq!(at_offset(LATE_AFTER - 1), Some(Phase::Online));
        assert_eq!(at_offset(LATE_AFTER), Some(Phase::PendingLate));
        assert_eq!(at_offset(LATE_AFTER + 1), Some(Phase::PendingLate));
    }
}

#[test]
fn a_client_is_gone_at_interval_plus_error_time_to_the_millisecond() {
    for record in [Record::registered(at(SEEN)), pulsed(SEEN), verified(SEEN)] {
        let at_offset = |offset: u64| phase(&record, &context(SEEN + offset, 0));
        assert_eq!(at_offset(GONE_AFTER - 1), Some(Phase::PendingLate));
        assert_eq!(at_offset(GONE_AFTER), None);
        assert_eq!(at_offset(GONE_AFTER + 1), None);
        assert_eq!(deadline(&record, &timing(), at(0)), at(SEEN + GONE_AFTER));
    }
}

#[test]
fn after_a_resume_a_pulse_is_accepted_for_interval_plus_grace_to_the_millisecond() {
    let resumed = SEEN + 50_000;
    let record = pulsed(SEEN);
    for (offset, expected, code) in [
        (0, Some(Phase::PendingOnTime), PulseCode::OnTime),
        (LATE_AFTER - 1, Some(Phase::PendingOnTime), PulseCode::OnTime),
        (LATE_AFTER, Some(Phase::PendingLate), PulseCode::Reverify),
        (LATE_AFTER + 1, Some(Phase::PendingLate), PulseCode::Reverify),
        (GONE_AFTER - 1, Some(Phase::PendingLate), PulseCode::Reverify),
        (GONE_AFTER, None, PulseCode::NotFound),
        (GONE_AFTER + 1, None, PulseCode::NotFound),
    ] {
        let cx = context(resumed + offset, resumed);
        assert_eq!(phase(&record, &cx), expected, "{offset} ms after the resume");
        assert_eq!(pulse(Some(&record), addr(NEW), &cx).answer, code, "{offset} ms after the resume");
    }
}

#[test]
fn a_client_seen_after_the_resume_is_judged_by_that() {
    let record = pulsed(SEEN);
    let resumed = SEEN - 100;
    assert_eq!(phase(&record, &context(SEEN + LATE_AFTER - 1, resumed)), Some(Phase::Online));
    assert_eq!(phase(&record, &context(SEEN + LATE_AFTER, resumed)), Some(Phase::PendingLate));
    assert_eq!(phase(&record, &context(SEEN + GONE_AFTER, resumed)), None);
}

#[test]
fn a_client_heard_just_before_a_short_absence_stays_online() {
    // A stop of the process is no reason to doubt a client that was heard within interval + grace.
    let record = pulsed(SEEN);
    let resumed = SEEN + 200;
    assert_eq!(phase(&record, &context(SEEN + LATE_AFTER - 1, resumed)), Some(Phase::Online));
    assert_eq!(phase(&record, &context(SEEN + LATE_AFTER, resumed)), Some(Phase::PendingOnTime));
}

#[test]
fn a_restored_client_is_pending_until_it_is_heard() {
    let record = Record::restored(Some(addr(OLD)));
    for resumed in [0, SEEN] {
        let seen = observe(Some(&record), &context(resumed, resumed)).answer.unwrap();
        assert_eq!(
            seen,
            Observation { address: Some(addr(OLD)), status: Status::Pending, last_online: None },
            "also when the clock is younger than the timing"
        );
        assert_eq!(phase(&record, &context(resumed + LATE_AFTER - 1, resumed)), Some(Phase::PendingOnTime));
        assert_eq!(phase(&record, &context(resumed + LATE_AFTER, resumed)), Some(Phase::PendingLate));
        assert_eq!(phase(&record, &context(resumed + GONE_AFTER - 1, resumed)), Some(Phase::PendingLate));
        assert_eq!(phase(&record, &context(resumed + GONE_AFTER, resumed)), None);
    }
}

#[test]
fn a_clock_behind_the_record_counts_as_the_records_latest_time() {
    let record = Record { address: None, last_seen: Some(at(SEEN)), last_pulse: Some(at(SEEN + 7)) };
    let before = context(SEEN - 5_000, 0);
    assert_eq!(phase(&record, &before), Some(Phase::Online));
    assert_eq!(observe(Some(&record), &before).answer.unwrap().last_online, Some(Millis(0)));
    let Effect::Put(verified, Cause::Verified) = verify(Some(&record), &before).effect else {
        panic!("a verify is stored");
    };
    assert_eq!(verified.last_seen, Some(at(SEEN + 7)), "times never run backwards");
}

#[test]
fn a_verify_keeps_the_address_and_the_age_of_the_last_pulse() {
    let record = pulsed(SEEN);
    let cx = context(SEEN + LATE_AFTER + 40, 0);
    let Effect::Put(verified, Cause::Verified) = verify(Some(&record), &cx).effect else {
        panic!("a verify is stored");
    };
    assert_eq!(verified.address, record.address);
    assert_eq!(verified.last_pulse, record.last_pulse);
    assert_eq!(phase(&verified, &cx), Some(Phase::Online), "registration and verify count as being heard");
}

#[test]
fn a_mapped_ipv4_source_is_not_another_address() {
    let record = pulsed(SEEN);
    let mapped = addr("[::ffff:192.0.2.7]:4000");
    assert!(matches!(pulse(Some(&record), mapped, &context(SEEN, 0)).effect, Effect::Put(_, Cause::Pulsed)));
}

#[test]
fn the_first_pulse_is_a_move() {
    let record = Record::registered(at(SEEN));
    assert!(matches!(
        pulse(Some(&record), addr(OLD), &context(SEEN, 0)).effect,
        Effect::Put(_, Cause::Moved)
    ));
}

#[test]
fn with_no_grace_and_the_longest_error_time_nothing_overflows() {
    let year = crate::timing::MAX_DURATION;
    let timing = Timing::new(year, Millis(0), year).unwrap();
    let record = Record::registered(Instant::MAX);
    let cx = Context { timing, resumed_at: Instant::MAX, now: Instant::MAX };
    assert_eq!(phase(&record, &cx), Some(Phase::Online));
}

fn timing() -> Timing {
    let (interval, grace, error) = TIMING;
    let timing = Timing::new(Millis(interval), Millis(grace), Millis(error)).unwrap();
    assert_eq!((timing.late_after().0, timing.gone_after().0), (LATE_AFTER, GONE_AFTER));
    timing
}

fn context(now: u64, resumed_at: u64) -> Context {
    Context { timing: timing(), resumed_at: at(resumed_at), now: at(now) }
}

fn pulsed(seen: u64) -> Record {
    Record { address: Some(addr(OLD)), last_seen: Some(at(seen)), last_pulse: Some(at(seen)) }
}

fn verified(seen: u64) -> Record {
    Record { address: Some(addr(OLD)), last_seen: Some(at(seen)), last_pulse: Some(at(seen - 500)) }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn decision<A>(answer: A, effect: Effect) -> Decision<A> {
    Decision { answer, effect }
}
