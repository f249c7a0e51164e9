//! Pulses: a batch at a time, by the thread that received it.

use std::fmt;
use std::sync::Arc;

use rendezvous_protocol::lifecycle::{self, Cause, Context, Effect};
use rendezvous_protocol::{ClientId, Instant, Pulse, PulseCode, Record};

use super::link::{Link, Unavailable};
use super::perform::{Job, Rules};

/// Answers pulses, a batch at a time, with connections of its own.
pub struct Pulser {
    rules: Arc<Rules>,
    link: Link,
    jobs: Vec<PulseJob>,
}

impl fmt::Debug for Pulser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulser").finish_non_exhaustive()
    }
}

impl Pulser {
    pub(super) fn new(rules: Arc<Rules>, link: Link) -> Self {
        Self { rules, link, jobs: vec![] }
    }

    /// `codes` becomes as long as `pulses` and holds the answer to each: `None` is silence, since the store does not answer.
    pub fn pulses(&mut self, pulses: &[Pulse], codes: &mut Vec<Option<PulseCode>>) {
        self.jobs.clear();
        self.jobs.extend(pulses.iter().map(|&pulse| PulseJob {
            pulse,
            decided: None,
            moves: false,
            first: None,
            code: None,
            at: Instant::ZERO,
        }));
        self.rules.perform(&mut self.link, &mut self.jobs);
        codes.clear();
        codes.extend(self.jobs.iter().map(|job| job.code));
        let mut counters = self.rules.counters();
        for job in &self.jobs {
            match job.code {
                Some(PulseCode::OnTime) => counters.pulses_on_time += 1,
                Some(PulseCode::Reverify) => counters.pulses_late += 1,
                Some(PulseCode::NotFound) => counters.pulses_unknown += 1,
                None => {}
            }
            counters.moved += u64::from(job.moves && job.code.is_some());
        }
    }

    /// The times, by the store's clock, at which the answers to the latest batch hold; `None` for silence.
    pub fn times(&self) -> impl Iterator<Item = Option<Instant>> {
        self.jobs.iter().map(|job| job.code.map(|_| job.at))
    }
}

#[derive(Clone, Copy, Debug)]
struct PulseJob {
    pulse: Pulse,
    decided: Option<PulseCode>,
    /// Whether that is from another address than before.
    moves: bool,
    /// When it was decided first.
    first: Option<Instant>,
    code: Option<PulseCode>,
    at: Instant,
}

impl Job for PulseJob {
    fn id(&self) -> ClientId {
        self.pulse.id
    }

    fn decide(&mut self, record: Option<&Record>, cx: &Context) -> Effect {
        self.first.get_or_insert(cx.now);
        let decision = lifecycle::pulse(record, self.pulse.source, cx);
        self.decided = Some(decision.answer);
        self.moves = matches!(decision.effect, Effect::Put(_, Cause::Moved));
        decision.effect
    }

    /// Overtaken by a later pulse, of which this is now the one before: its address is not put back.
    fn is_outdated(&self, record: Option<&Record>) -> bool {
        let pulsed = record.and_then(|record| record.last_pulse);
        self.decided == Some(PulseCode::OnTime)
            && self.first.zip(pulsed).is_some_and(|(first, pulsed)| pulsed > first)
    }

    fn ends(&mut self, at: Result<Instant, Unavailable>) {
        self.code = self.decided.filter(|_| at.is_ok());
        self.at = at.unwrap_or(Instant::ZERO);
    }
}
