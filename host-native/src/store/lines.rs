//! Clients as lines of JSON: what an export is, and an import reads.

use std::io::{self, BufRead, Write};

use rendezvous_protocol::{ClientId, StoredRecord, UnixTime, canonical_address};
use serde::{Deserialize, Serialize};

use super::operator::OperatorError;

/// Writes a client.
pub(crate) fn write(
    output: &mut (impl Write + ?Sized),
    id: ClientId,
    record: &StoredRecord,
) -> io::Result<()> {
    serde_json::to_writer(&mut *output, &Line::of(id, record))?;
    output.write_all(b"\n")
}

/// Shows each client to `look`, with the number of its line; empty lines are none.
pub(crate) fn read(
    input: &mut dyn BufRead,
    mut look: impl FnMut(u64, ClientId, StoredRecord) -> Result<(), OperatorError>,
) -> Result<(), OperatorError> {
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(OperatorError::Input)?;
        if !line.trim().is_empty() {
            let line: Line = serde_json::from_str(&line)
                .map_err(|error| OperatorError::Line(number, error.to_string()))?;
            look(number, line.client_id, line.record())?;
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    client_id: ClientId,
    /// `null` if it never pulsed.
    address: Option<std::net::SocketAddr>,
    /// Milliseconds since the Unix epoch, as are all times here.
    last_seen: Option<u64>,
    last_pulse: Option<u64>,
}

impl Line {
    fn of(id: ClientId, record: &StoredRecord) -> Self {
        let millis = |time: Option<UnixTime>| time.map(UnixTime::as_millis);
        Self {
            client_id: id,
            address: record.address,
            last_seen: millis(record.last_seen),
            last_pulse: millis(record.last_pulse),
        }
    }

    fn record(&self) -> StoredRecord {
        let unix = |millis: Option<u64>| millis.map(UnixTime::from_millis);
        StoredRecord {
            address: self.address.map(canonical_address),
            last_seen: unix(self.last_seen),
            last_pulse: unix(self.last_pulse),
        }
    }
}
