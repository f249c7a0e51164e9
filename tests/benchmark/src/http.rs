//! As much of HTTP/1.1 as the load needs: many requests down a connection, and the answers taken apart as they come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use crate::outcome::{Outcome, failure};
use crate::server::Key;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its status code.
    pub(crate) status: u16,
    /// Where its body is.
    pub(crate) body: Range<usize>,
}

/// The answer that `bytes` begin with, once all of it is there. Only answers with a `content-length` are known.
///
/// # Errors
/// What is no such answer.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Answer>, String> {
    let mut at = 0;
    let mut status = None;
    let mut length = None;
    loop {
        let Some(end) = bytes[at..].iter().position(|&byte| byte == b'\n') else { return Ok(None) };
        let line = bytes[at..at + end].trim_ascii_end();
        at += end + 1;
        if line.is_empty() {
            break;
        }
        if status.is_none() {
            status = Some(status_of(line).ok_or_else(|| format!("no HTTP answer: {}", line.escape_ascii()))?);
        } else if length.is_none() {
            length = length_of(line);
        }
    }
    let (Some(status), Some(length)) = (status, length) else {
        return Err("an answer without status or content-length".into());
    };
    Ok((bytes.len() >= at + length).then_some(Answer { status, body: at..at + length }))
}

/// A request with these credentials and no body.
pub(crate) fn request(method: &str, path: &str, key: &Key) -> Vec<u8> {
    let key = hex::encode(key);
    format!("{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\r\n").into_bytes()
}

/// One request on a connection of its own. Returns the status and the body of the answer.
///
/// # Errors
/// If there is no answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut buffer = vec![];
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk)?;
        buffer.extend(&chunk[..length]);
        if let Some(answer) = parse(&buffer).map_err(failure)? {
            return Ok((answer.status, String::from_utf8(buffer[answer.body].to_vec())?));
        }
        if length == 0 {
            return Err(failure("the server closed the connection instead of answering"));
        }
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let code = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

fn length_of(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    let value = name.eq_ignore_ascii_case(NAME).then_some(value)?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 404 Not";

    #[test]
    fn an_answer_is_found_at_the_beginning() {
        let answer = parse(TWO).unwrap().unwrap();
        assert_eq!((answer.status, &TWO[answer.body.clone()]), (200, &b"hello"[..]));
        assert_eq!(parse(&TWO[answer.body.end..]), Ok(None));
    }

    #[test]
    fn half_an_answer_is_none_yet() {
        for length in 0..60 {
            assert!(parse(&TWO[..length]).is_ok_and(|answer| answer.is_none() || length >= 59), "{length}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
