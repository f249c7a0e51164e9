//! One pulse of each of many clients, so that the server knows their addresses.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::socket_to;
use crate::mmsg::Batch;
use crate::outcome::{Outcome, failure};
use crate::server::{Key, ON_TIME};

/// Pulses that are under way together.
const BATCH: usize = 64;
/// How long their answers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pulses once for each key, and waits for the answers.
///
/// # Errors
/// If an answer is missing, or is not that the pulse is on time.
pub(crate) fn pulse_once<'a>(address: SocketAddr, keys: impl IntoIterator<Item = &'a Key>) -> Outcome<()> {
    let socket = socket_to(address)?;
    let (mut requests, mut answers) = (Batch::new(BATCH, 32), Batch::new(BATCH, 4));
    let mut keys = keys.into_iter();
    loop {
        let mut number = 0;
        for key in keys.by_ref().take(BATCH) {
            requests.set(number, key);
            number += 1;
        }
        if number == 0 {
            return Ok(());
        }
        let mut missing = requests.send(&socket, number)?;
        let start = Instant::now();
        while missing > 0 {
            let received = answers.receive(&socket, missing)?;
            if (0..received).any(|index| answers.received(index) != ON_TIME) {
                return Err(failure("a first pulse was not on time"));
            }
            missing -= received;
            if start.elapsed() > PATIENCE {
                return Err(failure("a first pulse was not answered"));
            }
        }
    }
}
