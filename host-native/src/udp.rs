//! The UDP side: a thread for each socket, receive, answer, repeat.
//!
//! Plain threads with blocking waits, not tokio: a pulse needs no runtime, and does not wait behind the HTTP requests of
//! one.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use rendezvous_protocol::{PULSE_LEN, decode_pulse};

use crate::Node;
use crate::logging::Sampled;

mod socket;

use socket::PulseSocket;
pub(crate) use socket::ask_for_local_addresses;

/// How many datagrams are handled before the thread looks whether it is to stop.
const BURST: usize = 64;

/// How long to wait after an error that was not the datagram's fault, so that a lasting one does not burn a core.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// The running threads. Dropping this stops them, after the datagrams that they are handling.
#[derive(Debug)]
pub(crate) struct UdpThreads {
    stop: Arc<EventFd>,
    threads: Vec<JoinHandle<()>>,
}

impl UdpThreads {
    pub(crate) fn start(node: &Arc<Node>, sockets: Vec<UdpSocket>) -> io::Result<Self> {
        let stop = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let mut running = Self { stop: Arc::clone(&stop), threads: vec![] };
        for socket in sockets {
            let socket = PulseSocket::new(socket)?;
            let (node, stop) = (Arc::clone(node), Arc::clone(&stop));
            let thread = thread::Builder::new()
                .name("udp".into())
                .spawn(move || answer_pulses(&node, &socket, &stop))?;
            running.threads.push(thread);
        }
        Ok(running)
    }
}

impl Drop for UdpThreads {
    fn drop(&mut self) {
        let _ = self.stop.write(1);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn answer_pulses(node: &Node, socket: &PulseSocket, stop: &EventFd) {
    // One byte more than a pulse: enough to see that a datagram is too long.
    let mut payload = [0; PULSE_LEN + 1];
    let mut control = PulseSocket::control_buffer();
    let failures = Sampled::default();
    loop {
        let mut waiting =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => pause(&failures, error),
        }
        if waiting[1].any() == Some(true) {
            return;
        }
        for _ in 0..BURST {
            match socket.receive(&mut payload, &mut control) {
                Ok(arrival) => {
                    let bytes = &payload[..arrival.len.min(payload.len())];
                    match decode_pulse(arrival.source, bytes) {
                        Ok(id) => {
                            let code = node.pulse(id, arrival.source);
                            let reply = code.encode(node.reply_width());
                            if let Err(error) = socket.reply(&arrival, reply.as_bytes()) {
                                // The client will pulse again. Flow control, a firewall or a route that went away
                                // are no reason to stop.
                                tracing::trace!(%error, "a reply was not sent");
                                node.note_send_error();
                            }
                        }
                        Err(reason) => node.note_dropped(reason),
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => {
                    pause(&failures, error);
                    break;
                }
            }
        }
    }
}

fn pause(failures: &Sampled, error: Errno) {
    failures.log(|| tracing::warn!(%error, "datagrams cannot be received"));
    thread::sleep(ERROR_PAUSE);
}
