//! One pulse of each of many clients: so that the server knows their addresses, or to see how it answers.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::socket_to;
use crate::mmsg::Batch;
use crate::outcome::{Outcome, failure};
use crate::server::{Key, ON_TIME};

/// How often each answer came, by its bytes.
pub(crate) type Codes = BTreeMap<Vec<u8>, u64>;

/// Pulses that are under way together.
const BATCH: usize = 64;
/// How long their answers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pulses once for each key, and waits for the answers.
///
/// # Errors
/// If an answer is missing, or is not that the pulse is on time.
pub(crate) fn pulse_once<'a>(address: SocketAddr, keys: impl IntoIterator<Item = &'a Key>) -> Outcome<()> {
    let codes = pulse_from(&socket_to(address)?, keys)?;
    if codes.keys().any(|code| *code != ON_TIME) {
        return Err(failure("a first pulse was not on time"));
    }
    Ok(())
}

/// Pulses once for each key from this socket, and says how often each answer came.
///
/// # Errors
/// If an answer is missing.
pub(crate) fn pulse_from<'a>(socket: &UdpSocket, keys: impl IntoIterator<Item = &'a Key>) -> Outcome<Codes> {
    let (mut requests, mut answers) = (Batch::new(BATCH, 32), Batch::new(BATCH, 4));
    let mut keys = keys.into_iter();
    let mut codes = Codes::new();
    loop {
        let mut number = 0;
        for key in keys.by_ref().take(BATCH) {
            requests.set(number, key);
            number += 1;
        }
        if number == 0 {
            return Ok(codes);
        }
        let mut missing = requests.send(socket, number)?;
        let start = Instant::now();
        while missing > 0 {
            let received = answers.receive(socket, missing)?;
            for index in 0..received {
                match codes.get_mut(answers.received(index)) {
                    Some(times) => *times += 1,
                    None => drop(codes.insert(answers.received(index).into(), 1)),
                }
            }
            missing -= received;
            if start.elapsed() > PATIENCE {
                return Err(failure("a first pulse was not answered"));
            }
        }
    }
}
