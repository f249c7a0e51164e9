//! Writes the log: a line of JSON for each event, and a digest of them all, by which two runs are compared.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::event::Event;
use super::mermaid::Drawing;

static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

#[derive(Debug, Default)]
pub(super) struct Recorder {
    lines: String,
    /// How many lines there were so far.
    pub(super) events: u64,
    digest: Digest,
    /// A diagram that is drawn beside.
    pub(super) drawing: Option<Drawing>,
}

impl Recorder {
    pub(super) fn record(&mut self, at: u64, event: &Event<'_>) {
        let start = self.lines.len();
        let event_json = serde_json::to_string(event).expect("every event can be written as JSON");
        // The time comes first: it becomes the first member of the object.
        let members = event_json.strip_prefix('{').expect("an event is an object");
        self.lines.push_str("{\"at\":");
        self.lines.push_str(&at.to_string());
        self.lines.push(',');
        self.lines.push_str(members);
        self.lines.push('\n');
        self.digest.0.update(&self.lines.as_bytes()[start..]);
        self.events += 1;
        if let Some(drawing) = &mut self.drawing {
            drawing.event(at, event);
        }
    }

    /// The lines since the last call.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.lines)
    }

    /// Eight hex digits that two different logs hardly share.
    pub(super) fn digest(&self) -> String {
        format!("{:?}", self.digest)
    }
}

struct Digest(crc::Digest<'static, u32, Table<1>>);

impl Default for Digest {
    fn default() -> Self {
        Self(CRC.digest())
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0.clone().finalize())
    }
}
