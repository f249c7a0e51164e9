//! aquatic_udp 0.9, a BitTorrent tracker in Rust made for speed: asked with the announcements (BEP 15) that keep a peer listed.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

use rendezvous_crowd::scatter;

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::system::{Process, System};

use super::{first_answer, free_address, installed, register, start};

/// What every request for a connection id begins with.
const PROTOCOL: u64 = 0x417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
/// How many clients share a torrent. One torrent for each would take it nearly twice the memory per client, for as much time.
const CLIENTS_PER_TORRENT: usize = 10;
/// The least that it takes for a wish, and the quickest to fulfil: 0 would be as many addresses as it likes.
const WANTED: u32 = 1;
/// How often clients are told to announce, in seconds: its default, and in every right answer.
const INTERVAL: u32 = 900;
/// The length of an answer that lists nobody, in bytes, and that of an address in the list.
const HEADER: usize = 20;
const LISTED: usize = 6;
/// The ports from here on tell the clients of a torrent apart: it knows them by address and port as announced.
const FIRST_PORT: u16 = 1024;

/// Starts aquatic_udp with clients that have announced themselves once, ten to a torrent.
///
/// It gets one socket worker, a receive buffer as large as its documentation advises, no statistics, and errors as its only
/// log: all of this is its default too. Peers and connection ids stay valid for a day, longer than any run: the ids are
/// tied to the address of the client but not to its port, so that one serves all sockets on 127.0.0.1, and only those.
/// It is compiled for the processor at hand, as its documentation recommends.
///
/// Per announcement, it checks the id with a keyed BLAKE3, looks up the torrent and the peer in two hash maps behind locks,
/// and removes and inserts the peer. It asks for the fewest addresses, so that the answer needs no more than its header.
///
/// # Errors
/// If it is not installed, or does not answer as it should.
pub(crate) fn aquatic(core: usize, clients: usize) -> Outcome<System> {
    let name = "aquatic_udp";
    let address = free_address()?;
    let mut command = installed("aquatic_udp");
    command.args(["-c", "/dev/stdin"]).stdin(Stdio::piped());
    let mut process = start(core, name, &mut command)?;
    configure(&mut process, address)?;
    let connection = connection_id(&first_answer(name, &mut process, address, &connect_request())?)?;
    let mut exchange = Announcements {
        connection,
        clients,
        torrents: (clients / CLIENTS_PER_TORRENT).max(1),
        complete: false,
    };
    register(name, address, &exchange, clients)?;
    exchange.complete = true;
    Ok(System {
        name: "aquatic_udp 0.9 announce".to_owned(),
        process,
        address,
        exchange: Box::new(exchange),
        clients,
    })
}

struct Announcements {
    connection: u64,
    clients: usize,
    torrents: usize,
    /// Whether all clients have announced themselves, so that answers count all of them.
    complete: bool,
}

impl Exchange for Announcements {
    fn request(&self, client: usize, request: &mut Vec<u8>) {
        let torrent = client % self.torrents;
        let port = FIRST_PORT + (client / self.torrents) as u16;
        request.clear();
        request.extend(self.connection.to_be_bytes());
        request.extend(ANNOUNCE.to_be_bytes());
        request.extend((client as u32).to_be_bytes());
        // The hash of the torrent: 20 bytes that look like chance, since its tables are split by the first of them.
        request.extend(scatter(torrent as u64).to_be_bytes());
        request.extend(scatter(!(torrent as u64)).to_be_bytes());
        request.extend((torrent as u32).to_be_bytes());
        // The id of the peer, 20 bytes.
        write!(request, "-RV0001-{client:012x}").expect("a vector takes everything");
        // Bytes downloaded, left and uploaded: it has something left, and so is no seeder.
        for count in [0_u64, 1, 0] {
            request.extend(count.to_be_bytes());
        }
        // A regular announcement, the sender's own address, and a key that it ignores.
        for value in [0, 0, client as u32, WANTED] {
            request.extend(value.to_be_bytes());
        }
        request.extend(port.to_be_bytes());
    }

    fn is_right(&self, answer: &[u8]) -> bool {
        let number = |index: usize| answer.get(index * 4..).and_then(|rest| rest.first_chunk()).copied();
        let [action, transaction, interval, leechers, seeders] =
            [0, 1, 2, 3, 4].map(|index| number(index).map(u32::from_be_bytes));
        let Some(client) = transaction.map(|client| client as usize).filter(|client| *client < self.clients)
        else {
            return false;
        };
        let others = self.others(client);
        answer.len().checked_sub(HEADER).is_some_and(|list| list == 0 || list == LISTED)
            && action == Some(ANNOUNCE)
            && interval == Some(INTERVAL)
            && seeders == Some(0)
            && leechers.is_some_and(|count| count == others || (!self.complete && count < others))
    }
}

impl Announcements {
    /// How many clients share the torrent of this one.
    fn others(&self, client: usize) -> u32 {
        let torrent = client % self.torrents;
        ((self.clients - torrent - 1) / self.torrents) as u32
    }
}

/// Writes the configuration to its standard input. What is not in it is as by default.
fn configure(process: &mut Process, address: SocketAddr) -> Outcome<()> {
    let configuration = format!(
        "socket_workers = 1
log_level = \"error\"
[network]
address = \"{address}\"
socket_recv_buffer_size = 8000000
[protocol]
peer_announce_interval = {INTERVAL}
[cleaning]
max_connection_age = 86400
max_peer_age = 86400
"
    );
    let mut input =
        process.child().stdin.take().ok_or_else(|| failure("aquatic_udp has no standard input"))?;
    Ok(input.write_all(configuration.as_bytes())?)
}

/// Asks for a connection id.
fn connect_request() -> Vec<u8> {
    let mut request = PROTOCOL.to_be_bytes().to_vec();
    request.extend(CONNECT.to_be_bytes());
    request.extend(0_u32.to_be_bytes());
    request
}

/// The id in the answer to [`connect_request`].
fn connection_id(answer: &[u8]) -> Outcome<u64> {
    match answer.split_first_chunk() {
        // Action and transaction, both zero; then the id.
        Some(([0, 0, 0, 0, 0, 0, 0, 0], id)) if id.len() == 8 => {
            Ok(id.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)))
        }
        _ => Err(failure(format!("aquatic_udp gives no connection id, but {}", hex::encode(answer)))),
    }
}
