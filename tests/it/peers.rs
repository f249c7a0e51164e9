//! Clients at addresses of their own choice: all of 127.0.0.0/8 is this machine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_protocol::PulseCode;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::bearer;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// How long to wait for an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a good client waits for the answer to a pulse before it repeats it.
const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// A connection that requests are sent on, one after the other.
pub(crate) struct Connection<S>(BufReader<S>);

/// An answer: the status, the head as it came, and the body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Connects from this address.
pub(crate) fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A UDP socket at this address, connected to the server.
pub(crate) fn udp(from: Ipv4Addr, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(REPEAT_AFTER)).unwrap();
    socket
}

/// A request without a body. `more` are header lines, each with its line end.
pub(crate) fn request(method: &str, path: &str, more: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").into_bytes()
}

/// The header line that proves who asks.
pub(crate) fn authorization(key: &[u8; 32]) -> String {
    format!("Authorization: {}\r\n", bearer(key))
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends these bytes, and reads one answer.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> io::Result<Answer> {
        self.0.get_mut().write_all(bytes)?;
        self.0.get_mut().flush()?;
        self.answer()
    }

    /// Reads one answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            head: head.to_lowercase(),
            body: String::new(),
        };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    /// Whether the server has nothing more to say, and has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = vec![];
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

impl Answer {
    /// The value of a header, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The code of the problem that it is.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or(Value::Null);
        problem["code"].as_str().unwrap_or("none").to_owned()
    }

    /// The key that a registration was answered with.
    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        hex::decode(body["private_id"].as_str()?).ok()?.try_into().ok()
    }
}

/// A good client that counts what it lost.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    pub(crate) answered: u64,
    pub(crate) repeated: u64,
}

impl Pulses {
    /// Pulses until there is an answer, which must be 1020.
    pub(crate) fn pulse(&mut self, socket: &UdpSocket, key: &[u8; 32]) {
        let start = Instant::now();
        let mut reply = [0; 64];
        loop {
            socket.send(key).unwrap();
            match socket.recv(&mut reply) {
                Ok(length) => {
                    let code = PulseCode::decode(&reply[..length]).map(PulseCode::number);
                    assert_eq!(code, Some(1020), "a good client");
                    self.answered += 1;
                    break;
                }
                Err(_) => self.repeated += 1,
            }
            assert!(start.elapsed() < 2 * PATIENCE, "a good client gets no answer: {self:?}");
        }
        // The answer to a repeated pulse may come twice.
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut reply).is_ok() {}
        socket.set_nonblocking(false).unwrap();
    }
}

/// Registers a client.
pub(crate) fn register(from: Ipv4Addr, http: SocketAddr) -> [u8; 32] {
    let answer =
        Connection::new(connect(from, http).unwrap()).ask(&request("POST", "/register", "")).unwrap();
    answer.key().unwrap_or_else(|| panic!("{} {}", answer.head, answer.body))
}

/// Stops the server, and returns how many datagrams it says that the kernel dropped.
pub(crate) fn drops_in_the_end(mut process: Process) -> u64 {
    process.signal(Signal::SIGTERM);
    process.wait_for("stopped");
    process.wait();
    let log = process.log();
    let last = log.iter().find(|line| line["message"] == "stopped").unwrap();
    last["kernel_drops"].as_u64().unwrap()
}

/// Of the numbers, the one in this place (0 to 1) when they are sorted.
pub(crate) fn quantile(mut times: Vec<Duration>, place: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * place).ceil() as usize]
}
