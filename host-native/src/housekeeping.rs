//! A thread that ticks the node: gone clients free their memory, and the watch knows that the process runs. It also looks
//! whether the kernel drops pulses, takes samples for the status page, and tells the supervisor that all is well: it gets this far
//! only if no shard is stuck.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Node;
use crate::logging::Sampled;
use crate::supervisor::Watchdog;
use crate::sys::kernel_drops;

/// How often to tick. Well below a second: the watch takes a silent second for an absence of the process. An idle tick
/// only looks at the first deadline of each shard, so there is no need to sleep until one is due.
const PERIOD: Duration = Duration::from_millis(100);

/// How many ticks it takes until the kernel is asked again.
const DROPS_EVERY: usize = 10;

/// The running thread. Dropping this stops it.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeping {
    /// Keeps `node` tidy, and an eye on the sockets that its pulses arrive at.
    pub(crate) fn start(
        node: Arc<Node>,
        sockets: Vec<Arc<UdpSocket>>,
        watchdog: Watchdog,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("housekeeping".into()).spawn(move || {
            let mut drops = DropWatch::new(sockets);
            let mut ticks = 0_usize;
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                node.tick(|| {
                    // Forgetting a million clients takes a while, and is no standstill.
                    watchdog.alive();
                    stopped.try_recv() == Err(TryRecvError::Empty)
                });
                watchdog.alive();
                ticks += 1;
                if ticks.is_multiple_of(DROPS_EVERY) {
                    node.note_kernel_drops(drops.new_ones());
                    node.note_history();
                }
            }
            // Those of the last moments, too.
            node.note_kernel_drops(drops.new_ones());
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sees to it that lost pulses do not go unnoticed: nobody else can tell that they were sent.
struct DropWatch {
    sockets: Vec<(Arc<UdpSocket>, u32)>,
    warnings: Sampled,
}

impl DropWatch {
    fn new(mut sockets: Vec<Arc<UdpSocket>>) -> Self {
        // One that threads share is there once for each of them.
        sockets.dedup_by(|socket, before| Arc::ptr_eq(socket, before));
        let sockets = sockets.into_iter().map(|socket| (socket, 0)).collect();
        Self { sockets, warnings: Sampled::default() }
    }

    /// How many datagrams the kernel has dropped since the last call. It logs if there are any.
    fn new_ones(&mut self) -> u64 {
        let mut dropped = 0;
        for (socket, before) in &mut self.sockets {
            // A kernel that does not tell has nothing to add.
            let Ok(now) = kernel_drops(socket) else { continue };
            dropped += u64::from(now.wrapping_sub(*before));
            *before = now;
        }
        if dropped > 0 {
            self.warnings.log(|| {
                tracing::warn!(
                    dropped,
                    "the kernel dropped datagrams: they come faster than they are handled, or the receive buffer is too small \
                     (net.core.rmem_max)"
                );
            });
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_drops_is_counted_once() {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut watch = DropWatch::new(vec![Arc::clone(&socket), Arc::clone(&socket)]);
        assert_eq!(watch.new_ones(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..5000 {
            sender.send_to(&[0; 1400], socket.local_addr().unwrap()).unwrap();
        }
        let dropped = watch.new_ones();
        assert!((1..=5000).contains(&dropped), "{dropped}");
        assert_eq!(watch.new_ones(), 0);
    }
}
