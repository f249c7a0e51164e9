//! rndz 0.1.3, a rendezvous server in Rust: the closest relative, asked with the ping that keeps its clients registered.

use std::io::Write;

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::system::System;

use super::{first_answer, free_address, installed, register, start};

/// In protobuf: field 1, a string, of [`ID_DIGITS`] bytes. It is the id, in a request as in a response.
const ID_FOLLOWS: [u8; 2] = [0x0a, ID_DIGITS as u8];
/// Field 2, an empty message: `Ping` in a request, `Pong` in a response.
const PING_OR_PONG: [u8; 2] = [0x12, 0];
/// The length of an id in hexadecimal digits, each a byte. Its clients choose names; shorter ones would cost it no less memory.
const ID_DIGITS: usize = 16;

/// Starts rndz with clients that have pinged once.
///
/// It has nothing to set up: one blocking thread receives and sends each datagram on its own; the runtime beside it, for TCP,
/// sleeps. Logging is down to warnings.
///
/// Per ping, it parses and writes protobuf into fresh allocations, looks up a string in one hash map and notes time and address.
/// There is no key, hence no SHA-256, and nothing that tells a client of another's id. It forgets, every 60 seconds, who has
/// not pinged for 60; a ping registers such a client anew, and so costs more.
///
/// # Errors
/// If it is not installed, or does not answer as it should.
pub(crate) fn rndz(core: usize, clients: usize) -> Outcome<System> {
    let name = "rndz";
    let address = free_address()?;
    let mut command = installed("rndz");
    command.args(["server", "--listen-addr", &address.to_string()]).env("RUST_LOG", "warn");
    let mut process = start(core, name, &mut command)?;
    let exchange = Pings { clients };
    let mut request = Vec::new();
    exchange.request(0, &mut request);
    let answer = first_answer(name, &mut process, address, &request)?;
    if !exchange.is_right(&answer) {
        return Err(failure(format!(
            "{name} answers with something else than a pong: {}",
            hex::encode(answer)
        )));
    }
    register(name, address, &exchange, clients)?;
    Ok(System { name: "rndz 0.1.3 ping".to_owned(), process, address, exchange: Box::new(exchange), clients })
}

struct Pings {
    clients: usize,
}

impl Exchange for Pings {
    fn request(&self, client: usize, request: &mut Vec<u8>) {
        request.clear();
        request.extend(ID_FOLLOWS);
        write!(request, "{client:0ID_DIGITS$x}").expect("a vector takes everything");
        request.extend(PING_OR_PONG);
    }

    fn is_right(&self, answer: &[u8]) -> bool {
        let id = answer.strip_prefix(&ID_FOLLOWS).and_then(|rest| rest.strip_suffix(&PING_OR_PONG));
        let mut bytes = [0; ID_DIGITS / 2];
        id.is_some_and(|id| hex::decode_to_slice(id, &mut bytes).is_ok())
            && u64::from_be_bytes(bytes) < self.clients as u64
    }
}
