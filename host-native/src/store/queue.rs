//! What waits to be written.
//!
//! Whoever changes a client's record says so here while it has the lock of the record's shard: so what is queued about a client
//! is in the order in which it happened.

use std::collections::HashSet;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rendezvous_protocol::{ClientId, Rejection, StoredRecord};
use tokio::sync::oneshot;

/// How many registrations and logouts may wait for a slow disk. More than that are refused.
const MAX_WAITING: usize = 16_384;

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    news: Condvar,
    /// How long a change that nobody waits for may wait for others.
    write_behind: Duration,
}

#[derive(Debug, Default)]
struct State {
    work: Work,
    /// Clients whose record is to be written, or to be removed if they are no longer there.
    changed: HashSet<ClientId>,
    /// Since when there have been any.
    changed_since: Option<Instant>,
    /// Clients that logged out and may still be on the disk.
    leaving: HashSet<ClientId>,
    failing: bool,
    closed: bool,
    /// Whether the writer is waiting for news.
    sleeping: bool,
}

/// What is to be written next.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// New clients.
    pub(crate) registered: Vec<(ClientId, StoredRecord, Answer)>,
    /// Clients that logged out.
    pub(crate) left: Vec<(ClientId, Answer)>,
    /// Clients of which something else changed: whatever they are now is to be written.
    pub(crate) changed: Vec<ClientId>,
    /// Nothing will come after this.
    pub(crate) closed: bool,
}

/// Where to say whether something is on the disk. If nobody listens any more, so be it.
pub(crate) type Answer = oneshot::Sender<bool>;

/// Tells whether something that was queued has come to the disk.
#[derive(Debug)]
#[must_use]
pub(crate) enum Receipt {
    /// There is nothing to wait for.
    Done,
    /// The writer will say.
    Waiting(oneshot::Receiver<bool>),
}

impl Receipt {
    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it does not get there.
    pub(crate) async fn stored(self) -> Result<(), Rejection> {
        match self {
            Self::Done => Ok(()),
            Self::Waiting(answer) => said(answer.await),
        }
    }

    /// The same for a thread of its own. Must not be called within a runtime.
    pub(crate) fn wait(self) -> Result<(), Rejection> {
        match self {
            Self::Done => Ok(()),
            Self::Waiting(answer) => said(answer.blocking_recv()),
        }
    }
}

fn said(answer: Result<bool, oneshot::error::RecvError>) -> Result<(), Rejection> {
    // A writer that is gone without an answer wrote nothing.
    if answer == Ok(true) { Ok(()) } else { Err(Rejection::Unavailable) }
}

impl Queue {
    pub(crate) fn new(write_behind: Duration) -> Self {
        Self { state: Mutex::default(), news: Condvar::new(), write_behind }
    }

    /// Whether a registration has a chance: the disk takes writes, and is not too far behind.
    pub(crate) fn accepts(&self) -> bool {
        self.lock().accepts()
    }

    /// A new client, whose registration may be answered once it is on the disk.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it will not be written. Then it must be withdrawn.
    pub(crate) fn registered(&self, id: ClientId, record: StoredRecord) -> Result<Receipt, Rejection> {
        let mut state = self.lock();
        if !state.accepts() {
            return Err(Rejection::Unavailable);
        }
        let (answer, receipt) = oneshot::channel();
        state.work.registered.push((id, record, answer));
        self.wake(state);
        Ok(Receipt::Waiting(receipt))
    }

    /// A client that logged out, which may be answered once the disk no longer has it.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it cannot be removed from the disk now. It will be, as soon as that is possible.
    pub(crate) fn logged_out(&self, id: ClientId) -> Result<Receipt, Rejection> {
        let mut state = self.lock();
        state.leaving.insert(id);
        if !state.accepts() {
            state.change(id);
            return Err(Rejection::Unavailable);
        }
        let (answer, receipt) = oneshot::channel();
        state.work.left.push((id, answer));
        self.wake(state);
        Ok(Receipt::Waiting(receipt))
    }

    /// Whether this client, who is not there any more, logged out and may still be on the disk.
    pub(crate) fn is_leaving(&self, id: ClientId) -> bool {
        self.lock().leaving.contains(&id)
    }

    /// Clients of which something changed that nobody waits for: an address, or they are gone.
    pub(crate) fn changed(&self, ids: &[ClientId]) {
        if ids.is_empty() {
            return;
        }
        let mut state = self.lock();
        let first = state.changed.is_empty();
        ids.iter().for_each(|&id| state.change(id));
        if first {
            // The writer sleeps without an end when there is nothing to do.
            self.wake(state);
        }
    }

    /// Nothing comes any more. The writer writes what is left, and ends.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    /// Waits for something to write: for at most `idle`, if that is given, and not at all if it is zero.
    pub(crate) fn next(&self, idle: Option<Duration>) -> Work {
        let end = idle.map(|idle| Instant::now() + idle);
        let mut state = self.lock();
        loop {
            // While the disk fails they stay here, where a client is counted once.
            let due = state.changed_since.filter(|_| !state.failing).map(|since| since + self.write_behind);
            let now = Instant::now();
            let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
            if state.work.waiting() > 0 || state.closed || is_due(due) || is_due(end) {
                let with_changes = is_due(due) || state.closed;
                return state.take(with_changes);
            }
            let wake = [due, end].into_iter().flatten().min();
            state.sleeping = true;
            state = match wake {
                None => self.news.wait(state).expect(NO_PANIC),
                Some(wake) => self.news.wait_timeout(state, wake - now).expect(NO_PANIC).0,
            };
            state.sleeping = false;
        }
    }

    /// These clients are no longer on the disk.
    pub(crate) fn removed(&self, ids: impl Iterator<Item = ClientId>) {
        let mut state = self.lock();
        for id in ids {
            state.leaving.remove(&id);
        }
    }

    /// Whether the disk takes writes.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.lock().failing = failing;
    }

    /// Whether the disk takes no writes.
    pub(crate) fn is_failing(&self) -> bool {
        self.lock().failing
    }

    /// Waits until there is nothing to write and the writer waits without an end.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        loop {
            let state = self.lock();
            if state.sleeping && state.work.waiting() == 0 && state.changed.is_empty() {
                return;
            }
            drop(state);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        let sleeping = state.sleeping;
        drop(state);
        if sleeping {
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "nothing panics with the queue locked";

impl State {
    fn accepts(&self) -> bool {
        !self.failing && !self.closed && self.work.waiting() < MAX_WAITING
    }

    fn change(&mut self, id: ClientId) {
        self.changed.insert(id);
        self.changed_since.get_or_insert_with(Instant::now);
    }

    fn take(&mut self, with_changes: bool) -> Work {
        let mut work = mem::take(&mut self.work);
        if with_changes {
            self.changed_since = None;
            work.changed = mem::take(&mut self.changed).into_iter().collect();
        }
        work.closed = self.closed;
        work
    }
}

impl Work {
    fn waiting(&self) -> usize {
        self.registered.len() + self.left.len()
    }
}
