//! One request over a raw socket, and what comes back.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use rendezvous_protocol::http::{PROBLEM_CONTENT_TYPE, Problem};

/// In a list of statuses: the connection is closed without an answer.
pub(crate) const CLOSED: u16 = 0;

/// How long the server may be silent before the test takes it that nothing more comes.
const QUIET: Duration = Duration::from_millis(40);

/// How long to wait for the end of a connection that must end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request that no good client sends.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The section of the standard, and what is wrong.
    pub name: String,
    /// What is sent, with marks that [`Case::filled`] replaces.
    pub bytes: Cow<'static, [u8]>,
    /// What the one answer may be, or [`CLOSED`].
    pub statuses: &'static [u16],
}

/// A case of these bytes.
pub(crate) fn case(name: &str, bytes: &'static [u8], statuses: &'static [u16]) -> Case {
    Case { name: name.to_owned(), bytes: Cow::Borrowed(bytes), statuses }
}

/// A case of bytes that are put together.
pub(crate) fn made(name: impl Into<String>, bytes: Vec<u8>, statuses: &'static [u16]) -> Case {
    Case { name: name.into(), bytes: Cow::Owned(bytes), statuses }
}

impl Case {
    /// The bytes, with these in place of the marks:
    ///
    /// - `[AUTH]`: a header with the key of a client that may well be heard of;
    /// - `[VICTIM]`: one with the key of the client that nothing may happen to;
    /// - `[LOGOUT]`: a whole request that logs the victim out, and `[SIZE]`: its length in hex;
    /// - `[REST]`: how many bytes follow the first empty line.
    pub(crate) fn filled(&self, caller: &str, victim: &str) -> Vec<u8> {
        let victim = auth(victim);
        let logout = format!("POST /logout HTTP/1.1\r\nHost: x\r\n{victim}\r\n");
        let size = format!("{:x}", logout.len());
        let caller = auth(caller);
        let bytes = replaced(&self.bytes, b"[SIZE]", size.as_bytes());
        let bytes = replaced(&bytes, b"[LOGOUT]", logout.as_bytes());
        let bytes = replaced(&bytes, b"[VICTIM]", victim.as_bytes());
        let bytes = replaced(&bytes, b"[AUTH]", caller.as_bytes());
        let rest = bytes.len() - head_len(&bytes);
        replaced(&bytes, b"[REST]", rest.to_string().as_bytes())
    }
}

/// A request that is answered with 200, and after which the connection stays.
pub(crate) fn good(caller: &str) -> Vec<u8> {
    format!("POST /verify HTTP/1.1\r\nHost: x\r\n{}\r\n", auth(caller)).into_bytes()
}

fn auth(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

/// How the bytes of a case get to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All in one write, and then a look whether the server says more than it should.
    Whole,
    /// First what a server takes for the head, then the rest: it may have answered meanwhile.
    HeadFirst,
    /// All in one write, and the end of the stream: the quickest.
    Ended,
}

/// Sends the bytes, and returns all that comes back until the connection ends.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8], delivery: Delivery) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![];
    match delivery {
        Delivery::Whole | Delivery::Ended => write(&mut stream, bytes),
        Delivery::HeadFirst => {
            let (head, rest) = bytes.split_at(head_len(bytes));
            write(&mut stream, head);
            thread::sleep(Duration::from_millis(5));
            write(&mut stream, rest);
        }
    }
    if delivery != Delivery::Ended {
        read_until(&mut stream, QUIET, &mut answer);
    }
    // A server that waits for more must take this for the end.
    let _ = stream.shutdown(Shutdown::Write);
    assert!(read_until(&mut stream, PATIENCE, &mut answer), "the connection does not end");
    answer
}

/// The statuses of the answers, without the interim ones (1xx). Each error must say what it is about, unless it is the answer
/// number `head`, to a HEAD request.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn statuses(received: &[u8], head: Option<usize>) -> Result<Vec<u16>, String> {
    let mut rest = std::str::from_utf8(received).map_err(|error| error.to_string())?;
    let mut found = vec![];
    while !rest.is_empty() {
        let (fields, after) = rest.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {rest:?}"))?;
        let fields = fields.to_ascii_lowercase();
        let status = fields.strip_prefix("http/1.").and_then(|line| line.get(2..5)?.parse().ok());
        let status = status.ok_or_else(|| format!("no status: {fields:?}"))?;
        let len =
            fields.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let (body, next) = after
            .split_at_checked(if head == Some(found.len()) { 0 } else { len })
            .ok_or_else(|| format!("{status} is cut off"))?;
        rest = next;
        if status < 200 {
            continue;
        }
        if status >= 400 && head != Some(found.len()) {
            check_problem(status, &fields, body)?;
        }
        found.push(status);
    }
    Ok(found)
}

/// An error is a problem (RFC 9457), whoever found it.
fn check_problem(status: u16, head: &str, body: &str) -> Result<(), String> {
    let problem: Problem =
        serde_json::from_str(body).map_err(|error| format!("{status} is no problem: {error}"))?;
    if problem.status != status
        || problem.ok
        || !head.contains(&format!("content-type: {PROBLEM_CONTENT_TYPE}"))
    {
        return Err(format!("{status} is a problem of another kind"));
    }
    Ok(())
}

/// A server that has closed its side is heard later, when what it said is read.
fn write(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.write_all(bytes);
}

/// Reads until nothing comes for so long, or until the end; says whether it was the end.
fn read_until(stream: &mut TcpStream, quiet: Duration, answer: &mut Vec<u8>) -> bool {
    stream.set_read_timeout(Some(quiet)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(len) => answer.extend(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            // Reset: what was unread when it closed. That is an end, too.
            Err(_) => return true,
        }
    }
}

fn head_len(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4)
}

fn replaced(bytes: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        result.extend(&rest[..at]);
        result.extend(with);
        rest = &rest[at + mark.len()..];
    }
    result.extend(rest);
    result
}
