//! A protocol server with JSON on both sides.

use std::fmt;

use rendezvous_protocol::{Change, Clock, Input, Instant, Output, Server, Timing, UnixTime};
use serde::Serialize;

use crate::one_line::one_line;

/// The largest integer up to which every integer is exact as a JavaScript number.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A server in memory that takes an [`Input`] as JSON and returns what came of it as JSON.
#[derive(Debug)]
pub struct JsonServer {
    server: Server,
}

/// What came of an input.
#[derive(Serialize)]
struct Handled {
    output: Output,
    changes: Vec<Change>,
}

impl JsonServer {
    /// A server without clients. `timing` is a [`Timing`] as JSON: `pulse_interval`, `pulse_grace` and
    /// `error_time` in milliseconds.
    ///
    /// # Errors
    /// [`InvalidInput`] if it is not, or if the durations make no sense together.
    pub fn new(timing: &str) -> Result<Self, InvalidInput> {
        let timing: Timing = parse("timing", timing)?;
        Ok(Self { server: Server::new(timing) })
    }

    /// Handles an [`Input`] at `now_ms` milliseconds of the decision clock, `unix_ms` of the wall clock. Returns
    /// `{"output": …, "changes": […]}`.
    ///
    /// # Errors
    /// [`InvalidInput`] if the input is not one, or a time is no whole number of milliseconds. Nothing was done
    /// then.
    pub fn handle(&mut self, now_ms: f64, unix_ms: f64, input: &str) -> Result<String, InvalidInput> {
        let at = Clock {
            now: Instant::from_millis(millis("now", now_ms)?),
            unix: UnixTime::from_millis(millis("unix", unix_ms)?),
        };
        let input: Input = parse("input", input)?;
        let mut changes = vec![];
        let output = self.server.handle(at, input, &mut |change| changes.push(change));
        serde_json::to_string(&Handled { output, changes })
            .map_err(|error| InvalidInput(format!("the output cannot be written as JSON: {error}")))
    }

    /// When the server next wants an [`Input::Tick`], in milliseconds of the decision clock; `None` if it has
    /// nothing to wait for.
    pub fn poll_timeout(&self) -> Option<f64> {
        self.server.poll_timeout().map(|deadline| deadline.as_millis() as f64)
    }
}

/// What was handed in cannot be used, and why: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidInput(String);

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidInput {}

fn parse<'a, T: serde::Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, InvalidInput> {
    serde_json::from_str(json).map_err(|error| InvalidInput(one_line(&format!("{what}: {error}"))))
}

fn millis(what: &str, number: f64) -> Result<u64, InvalidInput> {
    if (0.0..=MAX_SAFE_INTEGER).contains(&number) && number.fract() == 0.0 {
        Ok(number as u64)
    } else {
        Err(InvalidInput(format!(
            "{what}: {number} is no whole number of milliseconds from 0 to {MAX_SAFE_INTEGER}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: &str = r#"{"pulse_interval":30000,"pulse_grace":1000,"error_time":180000}"#;
    const RESUME: &str = r#"{"resume":{"since":0}}"#;
    const ID: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_client_lives_from_registration_to_expiry() {
        let mut server = JsonServer::new(TIMING).unwrap();
        let pulse = format!(r#"{{"datagram":{{"source":"192.0.2.7:4000","content":{{"pulse":"{ID}"}}}}}}"#);
        let answer = |code: u16, changes: &str| {
            format!(
                r#"{{"output":{{"transmit":{{"destination":"192.0.2.7:4000","code":{code}}}}},"changes":[{changes}]}}"#
            )
        };
        assert_eq!(server.poll_timeout(), None);
        assert_eq!(
            server.handle(0.0, 5000.0, &format!(r#"{{"request":{{"register":{{"id":"{ID}"}}}}}}"#)).unwrap(),
            format!(
                r#"{{"output":{{"registered":{{"client_id":"{ID}","timestamp":5000}}}},"changes":[{{"registered":{{"id":"{ID}","record":{{"address":null,"last_seen":0,"last_pulse":null}}}}}}]}}"#
            )
        );
        assert_eq!(server.poll_timeout(), Some(210_000.0));
        let moved = format!(
            r#"{{"moved":{{"id":"{ID}","record":{{"address":"192.0.2.7:4000","last_seen":1,"last_pulse":1}}}}}}"#
        );
        assert_eq!(server.handle(1.0, 5001.0, &pulse).unwrap(), answer(1020, &moved));
        assert_eq!(server.handle(31_000.0, 0.0, &pulse).unwrap(), answer(1020, ""), "a grace of a second");
        assert_eq!(server.handle(62_000.0, 0.0, &pulse).unwrap(), answer(1050, ""));
        assert_eq!(
            server.handle(241_000.0, 0.0, r#"{"tick":{"budget":10}}"#).unwrap(),
            format!(
                r#"{{"output":{{"ticked":"done"}},"changes":[{{"removed":{{"id":"{ID}","cause":"expired"}}}}]}}"#
            )
        );
        assert_eq!(server.handle(241_000.0, 0.0, &pulse).unwrap(), answer(1060, ""));
    }

    #[test]
    fn what_cannot_be_used_is_named_and_does_nothing() {
        assert!(JsonServer::new("{}").unwrap_err().to_string().starts_with("timing: missing field"));
        assert!(JsonServer::new(&TIMING.replace("30000", "0")).unwrap_err().to_string().contains("interval"));
        let mut server = JsonServer::new(TIMING).unwrap();
        for (now, input, says) in [
            (0.0, "", "input: EOF"),
            (0.0, r#"{"dance":{}}"#, "input: unknown variant `dance`"),
            (0.0, r#"{"request":{"verify":{"caller":"me"}}}"#, "input: expected 32 hex digits"),
            (0.5, RESUME, "now: 0.5 is no whole number"),
            (-1.0, RESUME, "now: -1 is no whole number"),
            (f64::NAN, RESUME, "now: NaN is no whole number"),
            (1e16, RESUME, "now: 10000000000000000 is no whole number"),
        ] {
            let error = server.handle(now, 0.0, input).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        // Found by the fuzz target `scenario`: the name of an unknown member was quoted with its line breaks.
        let error = server.handle(0.0, 0.0, "{\"a\\nb\":0}").unwrap_err().to_string();
        assert!(error.contains("a\\nb") && !error.contains('\n'), "{error}");
        assert_eq!(server.handle(0.0, 0.0, RESUME).unwrap(), r#"{"output":"resumed","changes":[]}"#);
    }
}
