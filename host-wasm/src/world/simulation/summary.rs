//! What a run comes down to: counts, the digest of its log, and how the invariants did.

use rendezvous_protocol::PulseCode;
use serde::{Serialize, Serializer};

use super::{Invariant, Simulation, Verdict};

/// The sum of a run, as far as it has come.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many lines its log has.
    pub events: u64,
    /// How many messages were sent, by anybody.
    pub messages: u64,
    /// How many of them were pulses.
    pub pulses_sent: u64,
    /// How many messages the network lost.
    pub lost: u64,
    /// How often the server gave each answer to a pulse.
    #[serde(serialize_with = "as_map")]
    pub codes: Vec<(u16, u64)>,
    /// Of the log: two runs of a scenario have the same.
    pub digest: String,
    /// How they did; empty if nobody watched.
    #[serde(serialize_with = "as_map")]
    pub invariants: Vec<(Invariant, Verdict)>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) pulses_sent: u64,
    pub(super) lost: u64,
    on_time: u64,
    late: u64,
    unknown: u64,
}

impl Counts {
    pub(super) fn answered(&mut self, code: PulseCode) {
        match code {
            PulseCode::OnTime => self.on_time += 1,
            PulseCode::Reverify => self.late += 1,
            PulseCode::NotFound => self.unknown += 1,
        }
    }
}

impl Simulation {
    /// What it comes down to so far.
    pub fn summary(&self) -> Summary {
        let counts = &self.counts;
        let codes = [
            (PulseCode::OnTime, counts.on_time),
            (PulseCode::Reverify, counts.late),
            (PulseCode::NotFound, counts.unknown),
        ];
        Summary {
            events: self.recorder.as_ref().map_or(0, |recorder| recorder.events),
            messages: self.messages,
            pulses_sent: counts.pulses_sent,
            lost: counts.lost,
            codes: codes.into_iter().map(|(code, count)| (code.number(), count)).collect(),
            digest: self.recorder.as_ref().map(super::Recorder::digest).unwrap_or_default(),
            invariants: self.watch.iter().flat_map(super::Watch::verdicts).collect(),
        }
    }
}

impl Summary {
    /// As JSON, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every summary can be written as JSON")
    }

    /// Whether every invariant holds.
    pub fn holds(&self) -> bool {
        self.invariants.iter().all(|(_, verdict)| verdict.violations == 0)
    }

    /// The invariant that was broken first, and when.
    pub fn first_violation(&self) -> Option<(Invariant, u64)> {
        let broken =
            self.invariants.iter().filter_map(|&(invariant, verdict)| Some((verdict.first?, invariant)));
        broken.min().map(|(at, invariant)| (invariant, at))
    }
}

fn as_map<K: Serialize, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}
