//! coturn, the usual STUN and TURN server, in C: asked with the Binding request (RFC 8489) that tells a client its address.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::system::System;

use super::{first_answer, free_address, start};

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const MAGIC_COOKIE: u32 = 0x2112_a442;
/// The first third of each transaction id. The rest is the client.
const TRANSACTION: &[u8; 4] = b"RVBM";
/// The one attribute of the answer: XOR-MAPPED-ADDRESS, 8 bytes long, of which these are reserved and the family, IPv4.
const MAPPED_ADDRESS: [u8; 6] = [0x00, 0x20, 0, 8, 0, 1];
/// The lengths of a header without attributes and of that attribute, in bytes.
const HEADER: usize = 20;
const ATTRIBUTE: usize = 12;

/// Starts coturn for STUN only. Clients show in nothing but the transaction ids: it keeps no list of them.
///
/// One relay thread owns the one UDP socket, which took less time per request than its single-threaded mode (`-m 0`). There
/// is no TCP, TLS or command line interface, and nothing that makes answers longer (RFC 5780, old clients, its name and
/// version), as its documentation advises. Binding requests are not logged.
///
/// Per request, it receives one datagram with libevent, finds the session of the sender's address, parses the attributes, and
/// writes the address into the answer: no client is looked up. A session takes 14 KB and stays for minutes, so that memory
/// grows with the number of sockets that the load comes from.
///
/// # Errors
/// If it is not installed, or does not answer as it should.
pub(crate) fn coturn(core: usize, clients: usize) -> Outcome<System> {
    let name = "coturn";
    let address = free_address()?;
    let mut command = Command::new("turnserver");
    // No configuration file, no user data base, no file for the process id.
    command.args([
        "-n",
        "--userdb=",
        "--pidfile=/dev/null",
        "--log-file=stdout",
        "--stun-only",
        "--relay-threads=1",
    ]);
    command.args(["--no-cli", "--no-tcp", "--no-tls", "--no-dtls"]);
    command.args(["--no-rfc5780", "--response-origin-only-with-rfc5780"]);
    command.args(["--no-stun-backward-compatibility", "--no-software-attribute"]);
    command
        .args([format!("--listening-ip={}", address.ip()), format!("--listening-port={}", address.port())]);
    let mut process = start(core, name, command.stdin(Stdio::null()))?;
    let exchange = Bindings { clients };
    let mut request = Vec::new();
    exchange.request(0, &mut request);
    let answer = first_answer(name, &mut process, address, &request)?;
    if !exchange.is_right(&answer) {
        return Err(failure(format!(
            "{name} answers with something else than a binding: {}",
            hex::encode(answer)
        )));
    }
    Ok(System {
        name: "coturn STUN binding".to_owned(),
        process,
        address,
        exchange: Box::new(exchange),
        clients,
    })
}

struct Bindings {
    clients: usize,
}

impl Exchange for Bindings {
    fn request(&self, client: usize, request: &mut Vec<u8>) {
        request.clear();
        request.extend(BINDING_REQUEST.to_be_bytes());
        request.extend(0_u16.to_be_bytes());
        request.extend(MAGIC_COOKIE.to_be_bytes());
        request.extend(TRANSACTION);
        request.extend((client as u64).to_be_bytes());
    }

    fn is_right(&self, answer: &[u8]) -> bool {
        let Some((header, attribute)) = answer.split_first_chunk::<HEADER>() else { return false };
        let Some((head, client)) = header.split_last_chunk() else { return false };
        head == expected_head()
            && u64::from_be_bytes(*client) < self.clients as u64
            && tells_loopback(attribute)
    }
}

/// What a right answer begins with, up to the client.
fn expected_head() -> [u8; 12] {
    let mut head = [0; 12];
    head[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
    head[2..4].copy_from_slice(&(ATTRIBUTE as u16).to_be_bytes());
    head[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    head[8..].copy_from_slice(TRANSACTION);
    head
}

/// Whether this is the one attribute, and says that the request came from a loopback address.
fn tells_loopback(attribute: &[u8]) -> bool {
    let Some((&MAPPED_ADDRESS, rest)) = attribute.split_first_chunk() else { return false };
    let Some(([_, _], address)) = rest.split_first_chunk() else { return false };
    <[u8; 4]>::try_from(address)
        .is_ok_and(|address| Ipv4Addr::from_bits(u32::from_be_bytes(address) ^ MAGIC_COOKIE).is_loopback())
}
