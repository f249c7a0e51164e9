//! Registering a great many clients, as fast as the server does it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http;
use crate::outcome::{Outcome, failure};
use crate::progress::Progress;
use crate::server::Key;

/// Connections, so that the server answers on one while the load writes to another.
const CONNECTIONS: usize = 4;
/// Requests that are sent down a connection before the first answer is read.
const PIPELINED: usize = 64;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Registers `clients` clients and returns their keys.
///
/// # Errors
/// If the server refuses one, or does not answer.
pub(crate) fn register(http: SocketAddr, clients: usize) -> Outcome<Vec<Key>> {
    let mut keys = Vec::with_capacity(clients);
    let mut progress = Progress::new("registering", clients);
    let mut connections = vec![];
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(http)?);
    }
    let mut asked = 0;
    while keys.len() < clients {
        for connection in &mut connections {
            connection.collect(&mut keys)?;
            let number = PIPELINED.min(clients - asked);
            connection.ask(number)?;
            asked += number;
        }
        progress.at(keys.len());
    }
    progress.end(keys.len());
    Ok(keys)
}

struct Connection {
    stream: TcpStream,
    requests: Vec<u8>,
    waiting_for: usize,
    buffer: Vec<u8>,
}

const REQUEST: &[u8] = b"POST /register HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\n\r\n";

impl Connection {
    fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, requests: REQUEST.repeat(PIPELINED), waiting_for: 0, buffer: vec![] })
    }

    fn ask(&mut self, number: usize) -> Outcome<()> {
        self.stream.write_all(&self.requests[..number * REQUEST.len()])?;
        self.waiting_for = number;
        Ok(())
    }

    fn collect(&mut self, keys: &mut Vec<Key>) -> Outcome<()> {
        let mut chunk = [0; 1 << 14];
        let mut at = 0;
        while self.waiting_for > 0 {
            match http::parse(&self.buffer[at..]).map_err(failure)? {
                Some(answer) => {
                    let body = &self.buffer[at..][answer.body.clone()];
                    keys.push(key_of(answer.status, body)?);
                    at += answer.body.end;
                    self.waiting_for -= 1;
                }
                None => {
                    self.buffer.drain(..at);
                    at = 0;
                    let length = self.stream.read(&mut chunk)?;
                    if length == 0 {
                        return Err(failure("the server closed a connection while clients were registered"));
                    }
                    self.buffer.extend(&chunk[..length]);
                }
            }
        }
        self.buffer.drain(..at);
        Ok(())
    }
}

fn key_of(status: u16, body: &[u8]) -> Outcome<Key> {
    const MEMBER: &[u8] = b"\"private_id\":\"";
    let wrong = || failure(format!("a registration was answered with {status}: {}", body.escape_ascii()));
    let at = body.windows(MEMBER.len()).position(|window| window == MEMBER).ok_or_else(wrong)?;
    let digits = body.get(at + MEMBER.len()..at + MEMBER.len() + 64).ok_or_else(wrong)?;
    let mut key = [0; 32];
    hex::decode_to_slice(digits, &mut key).map_err(|_| wrong())?;
    if status == 200 { Ok(key) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_the_body() {
        let body = format!(r#"{{"client_id":"00","private_id":"{}","ok":true}}"#, "ab".repeat(32));
        assert_eq!(key_of(200, body.as_bytes()).unwrap(), [0xAB; 32]);
        assert!(key_of(503, body.as_bytes()).is_err());
        assert!(key_of(200, br#"{"private_id":"12"}"#).is_err());
    }
}
