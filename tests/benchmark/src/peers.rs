//! Servers of others, on one core and one socket each: what a request costs them is what a pulse is compared with.
//!
//! `tests/scripts/install-peers` installs them. Each answers from one thread, pinned like the server under test, and is set up
//! as its documentation advises for speed. Where there was a choice, it went in the peer's favour; the modules say how.

mod aquatic;
mod coturn;
mod rndz;

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::progress::{Progress, say};
use crate::system::{Process, System};

pub(crate) use {aquatic::aquatic, coturn::coturn, rndz::rndz};

/// A way to start a peer on this core with this many clients, all of them known to it when it returns.
pub(crate) type StartPeer = fn(core: usize, clients: usize) -> Outcome<System>;

/// All of them.
pub(crate) const PEERS: [StartPeer; 3] = [rndz, aquatic, coturn];

/// What a peer gets to start before it has to answer.
const START_LIMIT: Duration = Duration::from_secs(10);
/// What a peer gets for one answer, or for those of one window, before it is asked again.
const PATIENCE: Duration = Duration::from_millis(200);
/// How many requests are under way at once while clients are registered: far fewer than fill a receive buffer.
const WINDOW: usize = 64;
/// How often a window is sent before registering fails.
const TRIES: usize = 10;
/// The longest answer that any peer gives, and some more, in bytes.
const LONGEST_ANSWER: usize = 256;

/// Starts a peer's program on this core. What it writes goes to a log file under `target/peers`.
fn start(core: usize, name: &str, command: &mut Command) -> Outcome<Process> {
    let log = File::create(log_of(name)).map_err(|error| {
        failure(format!("no log in target/peers ({error}): run tests/scripts/install-peers"))
    })?;
    command.stdout(log.try_clone()?).stderr(log);
    Process::start_on(&[core], command)
        .map_err(|error| failure(format!("{error}. Run tests/scripts/install-peers, which installs {name}")))
}

/// The program of this name that `tests/scripts/install-peers` compiled.
fn installed(program: &str) -> Command {
    let mut command = Command::new(folder().join("bin").join(program));
    command.stdin(Stdio::null());
    command
}

/// A loopback address whose port nobody uses, over UDP and TCP: some peers listen on both.
fn free_address() -> Outcome<SocketAddr> {
    loop {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends this request until there is an answer, which may be a while after the start.
///
/// # Errors
/// If the process ends, or does not answer within [`START_LIMIT`].
fn first_answer(name: &str, process: &mut Process, address: SocketAddr, request: &[u8]) -> Outcome<Vec<u8>> {
    let socket = connect(address)?;
    let begin = Instant::now();
    let mut answer = [0; LONGEST_ANSWER];
    while begin.elapsed() < START_LIMIT {
        process.check_alive().map_err(|error| {
            failure(format!("{name} does not start ({error}): see {}", log_of(name).display()))
        })?;
        // As long as nobody listens, loopback says so at once: then it is too early.
        match socket.send(request).and_then(|_| socket.recv(&mut answer)) {
            Ok(length) => return Ok(answer[..length].to_vec()),
            Err(_) => sleep(Duration::from_millis(20)),
        }
    }
    Err(failure(format!("{name} does not answer after {START_LIMIT:?}: see {}", log_of(name).display())))
}

/// Has every client send its request once, a window at a time, and checks the answers.
///
/// # Errors
/// If an answer is wrong, or one is missing however often the request is repeated.
fn register(name: &str, address: SocketAddr, exchange: &dyn Exchange, clients: usize) -> Outcome<()> {
    let mut socket = connect(address)?;
    say(format_args!("{name}: every client sends its first request"));
    let mut progress = Progress::new("registering", clients);
    for first in (0..clients).step_by(WINDOW) {
        let window = first..clients.min(first + WINDOW);
        let mut tries = 1;
        while !is_answered(&socket, exchange, window.clone())? {
            if tries == TRIES {
                return Err(failure(format!(
                    "{name} does not answer all of the clients {window:?}, {TRIES} times"
                )));
            }
            tries += 1;
            // A late answer to this try is none to the next.
            socket = connect(address)?;
        }
        progress.at(first);
    }
    progress.end(clients);
    Ok(())
}

/// Sends the requests of these clients and waits for as many answers.
fn is_answered(socket: &UdpSocket, exchange: &dyn Exchange, clients: Range<usize>) -> Outcome<bool> {
    let mut request = Vec::new();
    let mut answer = [0; LONGEST_ANSWER];
    for client in clients.clone() {
        exchange.request(client, &mut request);
        socket.send(&request)?;
    }
    for _ in clients {
        match socket.recv(&mut answer) {
            Ok(length) if exchange.is_right(&answer[..length]) => {}
            Ok(length) => return Err(failure(format!("a wrong answer: {}", hex::encode(&answer[..length])))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// A socket that talks to this address only and waits [`PATIENCE`].
fn connect(address: SocketAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Where the log of this peer is.
fn log_of(name: &str) -> PathBuf {
    folder().join(format!("{name}.log"))
}

/// Where the peers are installed.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SERVER_CORE;

    /// Enough for several windows, torrents and lengths of numbers.
    const CLIENTS: usize = 1000;

    fn check(start: StartPeer) {
        let mut system = start(SERVER_CORE, CLIENTS).expect("the peer starts");
        assert_eq!(system.clients, CLIENTS);
        let socket = connect(system.address).expect("a socket");
        let (mut request, mut answer) = (Vec::new(), [0; LONGEST_ANSWER]);
        for client in 0..CLIENTS {
            system.exchange.request(client, &mut request);
            socket.send(&request).expect("the request is sent");
            let length = socket.recv(&mut answer).expect("there is an answer");
            assert!(system.exchange.is_right(&answer[..length]), "client {client}: {:?}", &answer[..length]);
            // A check that lets anything pass is none.
            assert!(!system.exchange.is_right(&answer[..length - 1]));
            for index in 0..4 {
                answer[index] ^= 1;
                assert!(!system.exchange.is_right(&answer[..length]), "byte {index}");
                answer[index] ^= 1;
            }
        }
        system.process.check_alive().expect("it still runs");
    }

    #[test]
    #[ignore = "needs the peers: tests/scripts/install-peers"]
    fn rndz_answers_right() {
        check(rndz);
    }

    #[test]
    #[ignore = "needs the peers: tests/scripts/install-peers"]
    fn aquatic_answers_right() {
        check(aquatic);
    }

    #[test]
    #[ignore = "needs the peers: tests/scripts/install-peers"]
    fn coturn_answers_right() {
        check(coturn);
    }
}
