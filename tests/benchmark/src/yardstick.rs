//! The yardsticks: the least that a program can do that answers a datagram, or a request.
//!
//! Each runs as a process of its own, started from this very program.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{self, Command, Stdio};
use std::thread;

use nix::sys::socket::{setsockopt, sockopt};

use crate::exchange::Exchange;
use crate::mmsg::Responder;
use crate::options::Yardstick;
use crate::outcome::{Outcome, failure};
use crate::server::ON_TIME;
use crate::system::{Process, SERVER_CORE, System};

mod route;

/// Datagrams that are received and answered at a time: as many as the server takes.
const BATCH: usize = 64;
/// A pulse, and one byte to see that it is longer.
const LONGEST: usize = 33;
/// In bytes, as the server asks for it.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Is a yardstick, until whoever started it is gone.
///
/// # Errors
/// What the system says.
pub(crate) fn run(yardstick: Yardstick) -> Outcome<()> {
    thread::spawn(|| {
        // Nothing is ever written here: this ends when the other side of the pipe does.
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    match yardstick {
        Yardstick::Echo => echo(),
        Yardstick::Route { body } => route::run(body),
    }
}

/// Starts a UDP echo under this name.
///
/// # Errors
/// If it does not start.
pub(crate) fn start_echo(name: &str, clients: usize, exchange: Box<dyn Exchange>) -> Outcome<System> {
    let (process, address) = start(&["echo"])?;
    Ok(System { name: name.into(), process, address, exchange, clients })
}

/// Starts a route that answers `GET /peer/{client_id}/udp` with this body.
///
/// # Errors
/// If it does not start.
pub(crate) fn start_route(body: &str) -> Outcome<(Process, SocketAddr)> {
    start(&["route", body])
}

fn start(arguments: &[&str]) -> Outcome<(Process, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("yardstick").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process::start_on(&[SERVER_CORE], &mut command)?;
    let mut stdout = process.child().stdout.take().ok_or_else(|| failure("the yardstick has no output"))?;
    let mut line = String::new();
    stdout.read_to_string(&mut line)?;
    let address =
        line.trim().parse().map_err(|_| failure(format!("the yardstick did not start: {line:?}")))?;
    Ok((process, address))
}

/// Tells whoever started this where it listens, and closes the output: that is all there is to say.
fn announce(address: SocketAddr) -> Outcome<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{address}")?;
    stdout.flush()?;
    nix::unistd::close(nix::libc::STDOUT_FILENO)?;
    Ok(())
}

/// One thread, blocking, that answers datagrams of any content with the two bytes of a pulse that is on time.
fn echo() -> Outcome<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    }
    announce(socket.local_addr()?)?;
    let mut responder = Responder::new(BATCH, LONGEST, &ON_TIME);
    loop {
        responder.respond(&socket)?;
    }
}
