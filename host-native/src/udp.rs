//! The UDP side: a thread for each socket; receive a batch, answer it, repeat.
//!
//! Plain threads with blocking calls, not tokio: a pulse needs no runtime, and does not wait behind the HTTP requests of
//! one.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use rendezvous_protocol::{Pulse, PulseCode, decode_pulse};

use crate::Node;
use crate::logging::Sampled;
use crate::shared::{Pulser, SharedStore};
use crate::sys::Batch;

/// How long a thread waits for a datagram before it looks whether it is to stop.
const WAIT: Duration = Duration::from_millis(100);

/// How long to wait after an error that was not the datagram's fault, so that a lasting one does not burn a core.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// The time of every so manieth batch is measured: a pulse should not pay for a clock that only the operator reads.
pub(crate) const MEASURE_EVERY: usize = 16;

/// The running threads. Dropping this stops them, after the datagrams that they are handling.
#[derive(Debug)]
pub(crate) struct UdpThreads {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl UdpThreads {
    pub(crate) fn start(node: &Arc<Node>, sockets: Vec<Arc<UdpSocket>>) -> io::Result<Self> {
        let mut running = Self { stop: Arc::default(), threads: vec![] };
        for socket in sockets {
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(WAIT))?;
            // Bound to a wildcard, the local address differs from datagram to datagram.
            let says_local = socket.local_addr()?.ip().is_unspecified();
            let (node, stop) = (Arc::clone(node), Arc::clone(&running.stop));
            let thread = thread::Builder::new().name("udp".into()).spawn(move || {
                let batch = Batch::new(says_local, node.reply_width());
                answer_pulses(&node, &socket, batch, &stop);
            })?;
            running.threads.push(thread);
        }
        Ok(running)
    }
}

impl Drop for UdpThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Asks the kernel for the local address of each datagram: for a socket that will be bound to a wildcard.
pub(crate) fn ask_for_local_addresses(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

fn answer_pulses(node: &Node, socket: &UdpSocket, mut batch: Batch, stop: &AtomicBool) {
    let failures = Sampled::default();
    let mut batches = 0_usize;
    let mut pulses = Vec::with_capacity(Batch::SIZE);
    // Which datagram of the batch each pulse was.
    let mut indices = Vec::with_capacity(Batch::SIZE);
    let mut answering = Answering::new(node);
    while !stop.load(Ordering::Relaxed) {
        match batch.receive(socket) {
            Ok(()) => {}
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => {
                failures.log(|| tracing::warn!(%error, "datagrams cannot be received"));
                thread::sleep(ERROR_PAUSE);
                continue;
            }
        }
        batches = batches.wrapping_add(1);
        let begun = batches.is_multiple_of(MEASURE_EVERY).then(Instant::now);
        pulses.clear();
        indices.clear();
        let mut size = 0;
        // All hashes first: then the table can look for all ids at once.
        for (index, (source, payload)) in batch.datagrams().enumerate() {
            size = index + 1;
            match decode_pulse(source, payload) {
                Ok(id) => {
                    pulses.push(Pulse { id, source });
                    indices.push(index);
                }
                Err(reason) => node.note_dropped(reason),
            }
        }
        answering.answer(&pulses, |n, code| {
            if code != PulseCode::NotFound || node.answers_unknown(pulses[n].source.ip()) {
                batch.answer(indices[n], code);
            }
        });
        batch.send(socket, |error| {
            // The client will pulse again. Flow control, a firewall or a route that went away are no reason to stop.
            tracing::trace!(%error, "a reply was not sent");
            node.note_send_error();
        });
        node.note_batch(size);
        if let Some(begun) = begun {
            node.note_handling(begun.elapsed());
        }
    }
}

/// Who knows the answers to a thread's pulses: the node itself, or a store that it shares.
enum Answering<'a> {
    Node(&'a Node, Vec<PulseCode>),
    Shared(Pulser, Vec<Option<PulseCode>>),
}

impl<'a> Answering<'a> {
    fn new(node: &'a Node) -> Self {
        match node.shared_store().map(SharedStore::pulser) {
            None => Self::Node(node, Vec::with_capacity(Batch::SIZE)),
            Some(pulser) => Self::Shared(pulser, Vec::with_capacity(Batch::SIZE)),
        }
    }

    /// Tells the answer to each pulse by its index. Of those that a shared store does not answer for, nothing is told: silence, and
    /// the client will pulse again.
    fn answer(&mut self, pulses: &[Pulse], mut told: impl FnMut(usize, PulseCode)) {
        match self {
            Self::Node(node, codes) => {
                node.pulses(pulses, codes);
                for (index, &code) in codes.iter().enumerate() {
                    told(index, code);
                }
            }
            Self::Shared(pulser, codes) => {
                pulser.pulses(pulses, codes);
                for (index, code) in codes.iter().enumerate() {
                    if let Some(code) = *code {
                        told(index, code);
                    }
                }
            }
        }
    }
}
