//! A thread that ticks the node: gone clients free their memory, and the watch knows that the process runs.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Node;

/// How often to tick. Well below a second: the watch takes a silent second for an absence of the process. An idle tick
/// only looks at the first deadline of each shard, so there is no need to sleep until one is due.
const PERIOD: Duration = Duration::from_millis(100);

/// The running thread. Dropping this stops it.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeping {
    pub(crate) fn start(node: Arc<Node>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("housekeeping".into()).spawn(move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                node.tick();
            }
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
