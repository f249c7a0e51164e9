//! A store full of clients whose keys are known here, made with the server's own import.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rendezvous_protocol::{ClientId, PrivateKey};

use crate::outcome::{Outcome, failure};
use crate::progress::Progress;
use crate::server::Key;
use rendezvous_crowd::TestRng;

/// Makes the store `file` with so many clients, each with an address, all heard a moment ago. Returns their keys.
///
/// # Errors
/// If the server's program does not import them.
pub(crate) fn stock(program: &Path, file: &Path, clients: usize) -> Outcome<Arc<[Key]>> {
    let keys = keys(clients);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let mut import = Command::new(program)
        .args(["store", "import"])
        .arg(file)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut progress = Progress::new("filling a store", clients);
    let input = import.stdin.take().ok_or_else(|| failure("the import takes no input"))?;
    let mut input = BufWriter::with_capacity(1 << 16, input);
    let written = keys.iter().enumerate().try_for_each(|(index, key)| {
        progress.at(index);
        input.write_all(line(index, key, now).as_bytes())
    });
    let written = written.and_then(|()| input.flush());
    drop(input);
    let output = import.wait_with_output()?;
    // What the import has to say explains why it did not take all.
    if !output.status.success() || written.is_err() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failure(format!("the import failed: {}", said.trim())));
    }
    progress.end(clients);
    Ok(keys)
}

/// Keys that are the same every time.
fn keys(clients: usize) -> Arc<[Key]> {
    let mut random = TestRng::new(1);
    let mut key = || {
        let mut key = [0; 32];
        for part in key.chunks_exact_mut(8) {
            part.copy_from_slice(&random.number().to_le_bytes());
        }
        key
    };
    (0..clients).map(|_| key()).collect()
}

/// A client as the import takes it. No client of a benchmark ever pulses from this address.
fn line(index: usize, key: &Key, now: u128) -> String {
    let id = ClientId::of(&PrivateKey::from_bytes(*key));
    let [_, _, high, low] = (index as u32).to_be_bytes();
    format!(
        "{{\"client_id\":\"{id}\",\"address\":\"192.0.2.{low}:{}\",\"last_seen\":{now},\"last_pulse\":{now}}}\n",
        1024 + u16::from(high)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_keys_are_different_ones_and_the_same_every_time() {
        let (once, again) = (keys(1000), keys(1000));
        assert_eq!(once, again);
        assert_eq!(once.iter().collect::<HashSet<_>>().len(), 1000);
    }

    #[test]
    fn a_line_is_what_the_import_reads() {
        let text = line(0x0003_0207, &[7; 32], 1_800_000_000_000);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["client_id"], ClientId::of(&PrivateKey::from_bytes([7; 32])).to_string());
        assert_eq!(line["address"], "192.0.2.7:1026");
        assert_eq!(line["last_seen"], 1_800_000_000_000_u64);
    }
}
