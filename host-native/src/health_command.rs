//! `rendezvous health`: whether a running server is ready, for containers, which have no other program to ask with.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rendezvous_native::settings::DEFAULT_ADMIN_PORT;

/// How long the answer may take, all in all. Docker gives a health check 30 s, Kubernetes 1 s by default.
const PATIENCE: Duration = Duration::from_secs(3);

/// What to ask if no path is given.
const PATH: &str = "/readyz";

/// Asks `url`, or else the first of the addresses in `admin_listen`, written as for `--admin-listen`.
///
/// # Errors
/// [`NotReady`], unless the answer is 200.
pub(crate) fn run(url: Option<String>, admin_listen: Option<String>) -> Result<(), NotReady> {
    let url = url.unwrap_or_else(|| default_url(admin_listen.as_deref()));
    let answer = ask(&url);
    match answer {
        Ok(200) => Ok(()),
        Ok(status) => Err(NotReady { url, why: format!("it answers {status}") }),
        Err(error) => Err(NotReady { url, why: error.to_string() }),
    }
}

/// A server that is not ready, or does not say so.
#[derive(Debug)]
pub(crate) struct NotReady {
    url: String,
    why: String,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not ready: {}: {}", self.url, self.why)
    }
}

impl std::error::Error for NotReady {}

/// Where a server that listens there can be reached from the same machine.
fn default_url(admin_listen: Option<&str>) -> String {
    let first = admin_listen.and_then(|addresses| addresses.split(',').next());
    let address: Option<SocketAddr> = first.and_then(|address| address.trim().parse().ok());
    let mut address = address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, DEFAULT_ADMIN_PORT).into());
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    format!("http://{address}{PATH}")
}

/// The status that `url` answers with.
fn ask(url: &str) -> io::Result<u16> {
    let deadline = Instant::now() + PATIENCE;
    let (authority, path) = parts(url)
        .ok_or_else(|| invalid("this is no address such as http://127.0.0.1:5026/readyz".to_owned()))?;
    let mut stream = connect(&authority, deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = vec![];
    // A status line is short. What goes on for longer is none.
    while !line.contains(&b'\n') && line.len() < 1024 {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let mut buffer = [0; 256];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(too_slow()),
            Err(error) => return Err(error),
        }
    }
    status(&line).ok_or_else(|| invalid("it does not answer in HTTP".to_owned()))
}

/// The host with its port, and the path, of a URL.
fn parts(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if authority.is_empty() || !is_plain(url) || authority.contains('@') {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    Some((authority, if path.is_empty() { PATH } else { path }))
}

fn connect(authority: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = invalid("the name of the host has no address".to_owned());
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The status in the first line of an answer.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\n').next()?;
    let (version, rest) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let digits = rest.trim_end().split(' ').next().filter(|digits| digits.len() == 3)?;
    digits.parse().ok().filter(|_| version.starts_with("HTTP/1."))
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(too_slow()) } else { Ok(left) }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}"))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_where_the_server_listens_for_the_operator() {
        for (listen, url) in [
            (None, "http://127.0.0.1:5026/readyz"),
            (Some("127.0.0.1:99"), "http://127.0.0.1:99/readyz"),
            (Some("0.0.0.0:99,[::1]:98"), "http://127.0.0.1:99/readyz"),
            (Some("[::]:99"), "http://[::1]:99/readyz"),
            (Some("nonsense"), "http://127.0.0.1:5026/readyz"),
        ] {
            assert_eq!(default_url(listen), url);
        }
    }

    #[test]
    fn an_address_has_a_host_and_may_have_a_port_and_a_path() {
        for (url, read) in [
            ("http://a", Some(("a:80", "/readyz"))),
            ("http://a:1", Some(("a:1", "/readyz"))),
            ("http://[::1]:1/livez?x", Some(("[::1]:1", "/livez?x"))),
            ("http://[::1]/", Some(("[::1]:80", "/"))),
            ("https://a", None),
            ("http://", None),
            ("http://a/\r\nX: y", None),
            ("http://user@a/", None),
            ("a:1", None),
        ] {
            assert_eq!(parts(url), read.map(|(host, path)| (host.to_owned(), path)), "{url}");
        }
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        for (line, read) in [
            ("HTTP/1.1 200 OK\r\nmore", Some(200)),
            ("HTTP/1.0 503\r\n", Some(503)),
            ("HTTP/2 200\r\n", None),
            ("SSH-2.0-OpenSSH_9\r\n", None),
            ("HTTP/1.1 2000 OK", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), read, "{line}");
        }
    }
}
