//! The lifecycle of a client: every rule of the protocol about time, in one file.
//!
//! ```text
//!                    pulse, verify                      verify, or a pulse judged on time
//!                      ┌──────┐                ┌──────────────────────────────────────────┐
//!                      │      ▼                ▼                                          │
//!            register ┌─────────┐  silence for interval + grace    ┌─────────────────────────┐
//!      ──────────────▶│ ONLINE  │─────────────────────────────────▶│ PENDING                 │
//!                     └─────────┘                                  │  judged on time, or late│
//!                          │                                       └─────────────────────────┘
//!                          │ logout                                        │ logout, or silence
//!                          ▼                                               ▼ for interval + error time
//!                     ┌───────────────────────────────────────────────────────┐
//!                     │ gone: as if never registered                          │
//!                     └───────────────────────────────────────────────────────┘
//! ```
//!
//! Two lengths of silence are compared with the configured durations:
//!
//! ```text
//! heard  = now - last_seen                        how long the client has not been heard
//! judged = now - max(last_seen, resumed_at)       the same, without the server's own absence
//!
//! ONLINE   heard  <  interval + grace             pulse accepted   judged <  interval + grace
//! gone     judged >= interval + error time        otherwise PENDING
//! ```
//!
//! So a client is PENDING and *judged on time* only after the server itself was away: it has not been heard, but
//! that is not its fault yet. The whole table, a function below for each row:
//!
//! |               | ONLINE               | PENDING, judged on time | PENDING, judged late | gone or unknown |
//! |---------------|----------------------|-------------------------|----------------------|-----------------|
//! | [`register`]  | taken                | taken                   | taken                | registered      |
//! | [`pulse`]     | 1020; seen, moved    | 1020; seen, moved       | 1050; nothing        | 1060            |
//! | [`verify`]    | ok; seen             | ok; seen                | ok; seen             | unknown         |
//! | [`logout`]    | ok; removed          | ok; removed             | ok; removed          | unknown         |
//! | [`authorize`] | ok                   | ok                      | ok                   | unknown         |
//! | [`observe`]   | ONLINE, address      | PENDING, address        | PENDING, address     | unknown         |
//!
//! The functions are pure: they take a record and say what is to become of it. A table in memory and a store in
//! another process put the same functions to use.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{Instant, Millis, PulseCode, Record, Timing, datagram};

#[cfg(test)]
mod tests;

/// What a decision depends on besides the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The configured durations.
    pub timing: Timing,
    /// When the server last came back from an absence; [`Instant::ZERO`] if it never was away.
    pub resumed_at: Instant,
    /// The time of the call. If it is earlier than the record's own times, the latest of those counts instead.
    pub now: Instant,
}

/// A column of the table: how a live client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Heard recently enough.
    Online,
    /// Not heard for too long, but for no longer than since the server came back: its pulse is accepted.
    PendingOnTime,
    /// Not heard for too long: it must verify before its pulses are accepted again.
    PendingLate,
}

/// What others see of a live client's [`Phase`] (specification, Status Values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The client "has been pulsing the server on the correct intervals".
    Online,
    /// The client has been silent for longer than that, and the server waits for the error time to pass.
    Pending,
}

/// An answer, and what is to become of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision<A> {
    /// What to tell the caller.
    pub answer: A,
    /// What to do with the record, before the caller is told.
    pub effect: Effect,
}

/// What a decision does to the client's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Keep,
    /// Store this record, in place of the one that is there.
    Put(Record, Cause),
    /// Remove the record: the client logged out.
    Remove,
}

/// Why a record is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client registered; what may be left of one that is gone is overwritten.
    Registered,
    /// It pulsed from where it was.
    Pulsed,
    /// It pulsed from another address than before, or for the first time.
    Moved,
    /// It verified.
    Verified,
}

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The client is registered.
    Registered,
    /// A live client has this id: nothing changed, and another key must be drawn.
    Taken,
}

/// There is no live client with this id: it never registered, logged out, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// What one client may know of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where its latest accepted pulse came from; `None` before the first.
    pub address: Option<SocketAddr>,
    /// Whether it has been heard recently.
    pub status: Status,
    /// How long ago its latest accepted pulse was; `None` if there was none since it registered or the server
    /// restarted.
    pub last_online: Option<Millis>,
}

/// Registers a new client.
pub fn register(record: Option<&Record>, cx: &Context) -> Decision<Registration> {
    match Live::of(record, cx) {
        Some(_) => keep(Registration::Taken),
        None => Decision {
            answer: Registration::Registered,
            effect: Effect::Put(Record::registered(cx.now), Cause::Registered),
        },
    }
}

/// A pulse from `source`.
#[inline]
pub fn pulse(record: Option<&Record>, source: SocketAddr, cx: &Context) -> Decision<PulseCode> {
    let Some(Live { record, phase, now }) = Live::of(record, cx) else {
        return keep(PulseCode::NotFound);
    };
    match phase {
        Phase::Online | Phase::PendingOnTime => {
            let address = Some(datagram::canonical(source));
            let cause = if record.address == address { Cause::Pulsed } else { Cause::Moved };
            let record = Record { address, last_seen: Some(now), last_pulse: Some(now) };
            Decision { answer: PulseCode::OnTime, effect: Effect::Put(record, cause) }
        }
        Phase::PendingLate => keep(PulseCode::Reverify),
    }
}

/// The client proves over HTTP that it is still there.
pub fn verify(record: Option<&Record>, cx: &Context) -> Decision<Result<(), Unknown>> {
    match Live::of(record, cx) {
        Some(Live { record, now, .. }) => {
            let record = Record { last_seen: Some(now), ..*record };
            Decision { answer: Ok(()), effect: Effect::Put(record, Cause::Verified) }
        }
        None => keep(Err(Unknown)),
    }
}

/// The client leaves.
pub fn logout(record: Option<&Record>, cx: &Context) -> Decision<Result<(), Unknown>> {
    match Live::of(record, cx) {
        Some(_) => Decision { answer: Ok(()), effect: Effect::Remove },
        None => keep(Err(Unknown)),
    }
}

/// The client is about to ask for something else: is it one of ours?
pub fn authorize(record: Option<&Record>, cx: &Context) -> Decision<Result<(), Unknown>> {
    keep(Live::of(record, cx).map(|_| ()).ok_or(Unknown))
}

/// Another client looks this one up.
pub fn observe(record: Option<&Record>, cx: &Context) -> Decision<Result<Observation, Unknown>> {
    keep(Live::of(record, cx).map(|live| live.observation()).ok_or(Unknown))
}

/// How a client stands; `None` if it is gone.
pub fn phase(record: &Record, cx: &Context) -> Option<Phase> {
    Live::of(Some(record), cx).map(|live| live.phase)
}

/// From when on the client is gone if nothing more is heard of it.
#[inline]
pub fn deadline(record: &Record, timing: &Timing, resumed_at: Instant) -> Instant {
    judged_from(record, resumed_at) + timing.gone_after()
}

/// The latest time for which the client's silence does not count against it.
#[inline]
fn judged_from(record: &Record, resumed_at: Instant) -> Instant {
    record.last_seen.map_or(resumed_at, |seen| seen.max(resumed_at))
}

/// A live client: its record, how it stands, and the time that counts for it.
struct Live<'a> {
    record: &'a Record,
    phase: Phase,
    now: Instant,
}

impl<'a> Live<'a> {
    /// `None` if there is no record, or if its client is gone.
    #[inline]
    fn of(record: Option<&'a Record>, cx: &Context) -> Option<Self> {
        let record = record?;
        let now = record.last_seen.max(record.last_pulse).map_or(cx.now, |latest| latest.max(cx.now));
        if deadline(record, &cx.timing, cx.resumed_at).is_due(now) {
            return None;
        }
        let late_after = cx.timing.late_after();
        let phase = match record.last_seen {
            Some(seen) if !(seen + late_after).is_due(now) => Phase::Online,
            _ if !(judged_from(record, cx.resumed_at) + late_after).is_due(now) => Phase::PendingOnTime,
            _ => Phase::PendingLate,
        };
        Some(Self { record, phase, now })
    }

    fn observation(&self) -> Observation {
        Observation {
            address: self.record.address,
            status: match self.phase {
                Phase::Online => Status::Online,
                Phase::PendingOnTime | Phase::PendingLate => Status::Pending,
            },
            last_online: self.record.last_online(self.now),
        }
    }
}

/// A decision that changes nothing.
fn keep<A>(answer: A) -> Decision<A> {
    Decision { answer, effect: Effect::Keep }
}
