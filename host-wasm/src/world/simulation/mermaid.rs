//! A run as a Mermaid sequence diagram, for issues and documents.

use super::Simulation;
use super::event::{Answered, Carries, Event, Who};
use super::intro::names;
use crate::world::{InvalidScenario, Scenario};

/// A longer diagram is of no use to anybody.
const MAX_LINES: usize = 400;
/// So many clients are drawn; the others share a column.
const MAX_CLIENTS: u16 = 20;

/// Plays the scenario in `json` and draws it.
///
/// # Errors
/// [`InvalidScenario`] if it is none.
pub fn mermaid(json: &str) -> Result<String, InvalidScenario> {
    let scenario = Scenario::from_json(json)?;
    let names = names(&scenario);
    let mut diagram = String::from("sequenceDiagram\n    participant S as Server\n");
    for (client, (name, _)) in (0..MAX_CLIENTS).zip(&names) {
        diagram.push_str(&format!("    participant C{client} as {}\n", plain(name)));
    }
    if names.len() > MAX_CLIENTS.into() {
        diagram.push_str("    participant O as Others\n");
    }
    let mut simulation = Simulation::new(scenario);
    if let Some(recorder) = &mut simulation.recorder {
        recorder.drawing = Some(Drawing::default());
    }
    while simulation.drawn().is_some_and(|drawing| drawing.lines.len() < MAX_LINES) && simulation.step() {}
    for line in simulation.drawn().iter().flat_map(|drawing| &drawing.lines).take(MAX_LINES) {
        diagram.push_str(&format!("    {line}\n"));
    }
    if !simulation.done() {
        diagram.push_str("    Note over S: and so on\n");
    }
    Ok(diagram)
}

impl Simulation {
    fn drawn(&self) -> Option<&Drawing> {
        self.recorder.as_ref()?.drawing.as_ref()
    }
}

/// The lines of a diagram.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    lines: Vec<String>,
    /// Between whom each message goes, should something become of it later.
    ends: Vec<(u64, String, String)>,
}

impl Drawing {
    pub(super) fn event(&mut self, at: u64, event: &Event<'_>) {
        let at = format!("{}.{:03} s", at / 1000, at % 1000);
        match event {
            Event::Action { .. } => {}
            Event::Sent { message, from, to, carries, arrives, .. } => {
                let ends = (column(*from), who(*to));
                self.arrow(*message, ends, arrives.is_some(), "->>", &format!("{at} {}", carried(carries)));
            }
            Event::Answered(answered) => self.answered(&at, answered),
            Event::Arrived { message, fate } => {
                if let Some((_, from, to)) = self.ends.iter().rev().find(|(number, ..)| number == message) {
                    self.lines.push(format!("Note over {from},{to}: {at} {fate}"));
                }
            }
            Event::Standing { client, is } => {
                self.note(column(Some(*client)), &at, is.name(), "");
            }
            Event::Client { client, does, detail } => self.note(column(Some(*client)), &at, does, detail),
            Event::Network { client, does, detail } => self.note(column(*client), &at, does, detail),
            Event::Server { does, detail } => self.note("S".into(), &at, does, detail),
            Event::Violation { invariant, says, .. } => {
                self.note("S".into(), &at, invariant.name(), &format!("is broken: {says}"));
            }
        }
    }

    fn answered(&mut self, at: &str, answered: &Answered<'_>) {
        let Some(reply) = &answered.reply else { return };
        let number = answered.code.or(answered.status).unwrap_or_default();
        let ends = ("S".into(), column(reply.to));
        self.arrow(reply.message, ends, reply.arrives.is_some(), "-->>", &format!("{at} {number}"));
    }

    fn arrow(&mut self, message: u64, (from, to): (String, String), arrives: bool, arrow: &str, what: &str) {
        let (arrow, lost) = if arrives { (arrow, "") } else { ("-x", ", lost") };
        self.lines.push(format!("{from}{arrow}{to}: {what}{lost}"));
        self.ends.push((message, from, to));
    }

    fn note(&mut self, over: String, at: &str, does: &str, detail: &str) {
        let text = plain(format!("{at} {does} {detail}").trim_end());
        self.lines.push(format!("Note over {over}: {text}"));
    }
}

fn who(who: Option<Who>) -> String {
    match who {
        Some(Who::Client(client)) => column(Some(client)),
        Some(Who::Server(_)) | None => "S".into(),
    }
}

fn column(client: Option<u16>) -> String {
    match client {
        Some(client) if client < MAX_CLIENTS => format!("C{client}"),
        Some(_) => "O".into(),
        None => "S".into(),
    }
}

fn carried(carries: &Carries) -> String {
    match carries {
        Carries::Pulse { key_of } => format!("pulse with the key of {key_of}"),
        Carries::Noise { length, .. } => format!("{length} bytes of noise"),
        Carries::Request { method, path } => format!("{method} {path}"),
        Carries::Probe => "probe".into(),
        Carries::ProbeAnswer => "answer to a probe".into(),
    }
}

/// Without what Mermaid would take for its own.
fn plain(text: &str) -> String {
    text.replace([';', '#', '\n'], " ")
}
