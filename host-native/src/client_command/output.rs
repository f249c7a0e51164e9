//! What clients print: a line for people, or an object for programs.

use std::io::{self, Write};
use std::time::Duration;

use rendezvous_native::client::{ClientEvent, Event};
use serde_json::{Value, json};

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    /// Standard output.
    Out,
    /// Standard error: standard output is for something else.
    Err,
}

/// How lines are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) to: To,
}

impl Printer {
    /// Prints one or the other. A reader that has gone away is no error.
    pub(crate) fn say(self, text: &str, object: &Value) {
        let line = if self.json { format!("{object}\n") } else { format!("{text}\n") };
        let _nobody_reads = match self.to {
            To::Out => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
            To::Err => io::stderr().lock().write_all(line.as_bytes()),
        };
    }

    /// Says what happened to a client.
    pub(crate) fn event(self, event: &Event) {
        let (text, object) = describe(event);
        self.say(&text, &object);
    }
}

fn describe(event: &Event) -> (String, Value) {
    match event {
        Event::Client(event) => describe_client(*event),
        Event::Knock { peer, from } => (
            format!("{peer} tries to connect, from {from}"),
            json!({"event": "knock", "peer": peer, "address": from.to_string()}),
        ),
        Event::Missed(count) => {
            (format!("{count} events were missed"), json!({"event": "missed", "count": count}))
        }
    }
}

fn describe_client(event: ClientEvent) -> (String, Value) {
    let seconds = |millis: rendezvous_protocol::Millis| Duration::from(millis).as_secs_f64();
    match event {
        ClientEvent::Registered { id } => {
            (format!("registered as {id}"), json!({"event": "registered", "client_id": id}))
        }
        ClientEvent::Online => ("online".to_owned(), json!({"event": "online"})),
        ClientEvent::AddressChanged { from, to } => (
            format!("peers find it at {to}"),
            json!({"event": "address_changed", "from": from.map(|from| from.to_string()), "to": to.to_string()}),
        ),
        ClientEvent::Reverified => ("verified".to_owned(), json!({"event": "reverified"})),
        ClientEvent::ReRegistered { lost, id } => (
            format!("the server had forgotten {lost}: registered as {id}"),
            json!({"event": "re_registered", "lost": lost, "client_id": id}),
        ),
        ClientEvent::Lost => ("the server does not answer; trying on".to_owned(), json!({"event": "lost"})),
        ClientEvent::Refused { request, retry_in } => (
            format!("the server refuses ({request:?}); again in {:.1} s", seconds(retry_in)),
            json!({"event": "refused", "request": request, "retry_in": seconds(retry_in)}),
        ),
        ClientEvent::Unreachable { request, retry_in } => (
            format!("the server cannot be reached ({request:?}); again in {:.1} s", seconds(retry_in)),
            json!({"event": "unreachable", "request": request, "retry_in": seconds(retry_in)}),
        ),
        ClientEvent::LoggedOut { confirmed } => {
            let how = if confirmed { "" } else { ", but the server did not say that it knows" };
            (format!("logged out{how}"), json!({"event": "logged_out", "confirmed": confirmed}))
        }
    }
}
