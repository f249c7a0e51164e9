//! What waits to be written.
//!
//! Whoever changes a client's record says so here while it has the lock of the record's shard: so what is queued about a client
//! is in the order in which it happened.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rendezvous_protocol::{ClientId, Rejection, StoredRecord};
use tokio::sync::oneshot;

/// How many registrations and logouts may wait for a slow disk. More than that are refused.
const MAX_WAITING: usize = 16_384;

/// How many clients that moved may wait for a disk that does not keep up. After that the writer is told that any may have.
const MAX_CHANGES: usize = 1 << 18;

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    news: Condvar,
    /// Clients of which something changed, as they were told of. Not in a vector or a set: of a million clients that are gone at
    /// once, one of them would hold everybody up when it grows.
    changed: Sender<Vec<ClientId>>,
    /// The other end, for the writer alone.
    changes: Mutex<Receiver<Vec<ClientId>>>,
    /// Roughly how many clients are in there.
    waiting_changes: AtomicUsize,
    /// Some that moved are not in there, since there were too many: any client may be one of them.
    any_moved: AtomicBool,
    /// Whether there may be any.
    has_changed: AtomicBool,
    /// How long a change that nobody waits for may wait for others.
    write_behind: Duration,
}

#[derive(Debug)]
struct State {
    work: Work,
    /// Since when there have been changes.
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
    /// Clients of which something else changed: whatever they are now is to be written. Some may be there twice.
    pub(crate) changed: Vec<Vec<ClientId>>,
    /// Any other client may have moved.
    pub(crate) any_moved: bool,
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
        let (sender, receiver) = mpsc::channel();
        let state = State {
            work: Work::default(),
            changed_since: None,
            leaving: HashSet::new(),
            failing: false,
            closed: false,
            sleeping: false,
        };
        Self {
            state: Mutex::new(state),
            news: Condvar::new(),
            changed: sender,
            changes: Mutex::new(receiver),
            waiting_changes: AtomicUsize::new(0),
            any_moved: AtomicBool::new(false),
            has_changed: AtomicBool::new(false),
            write_behind,
        }
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
            drop(state);
            self.changed(vec![id]);
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

    /// Clients that pulsed from another address than before: of those that matter, one is told of over and over again by whoever
    /// likes to. So while the disk does not keep up, no more of them are taken than [`MAX_CHANGES`].
    pub(crate) fn moved(&self, ids: Vec<ClientId>) {
        if !ids.is_empty() && self.waiting_changes.load(Ordering::Relaxed) > MAX_CHANGES {
            self.any_moved.store(true, Ordering::Release);
        } else {
            self.changed(ids);
        }
    }

    /// Clients of which something changed that nobody waits for, and that is told of once.
    pub(crate) fn changed(&self, ids: Vec<ClientId>) {
        if ids.is_empty() {
            return;
        }
        self.waiting_changes.fetch_add(ids.len(), Ordering::Relaxed);
        // The other end is in here, too: it is there.
        let _ = self.changed.send(ids);
        if !self.has_changed.swap(true, Ordering::AcqRel) {
            let mut state = self.lock();
            state.changed_since.get_or_insert_with(Instant::now);
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
            let due = state.changed_since.map(|since| since + self.write_behind);
            let now = Instant::now();
            let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
            if state.work.waiting() > 0 || state.closed || is_due(due) || is_due(end) {
                let with_changes = is_due(due) || state.closed;
                if with_changes {
                    // In this order: what comes now is either taken now, or due later.
                    self.has_changed.swap(false, Ordering::AcqRel);
                    state.changed_since = None;
                }
                let mut work = mem::take(&mut state.work);
                work.closed = state.closed;
                drop(state);
                if with_changes {
                    self.take_changes(&mut work);
                }
                return work;
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

    /// There may be very many: nobody is to wait for a lock meanwhile.
    fn take_changes(&self, work: &mut Work) {
        let changes = self.changes.lock().expect(NO_PANIC);
        work.changed = changes.try_iter().collect();
        let count = work.changed.iter().map(Vec::len).sum();
        self.waiting_changes.fetch_sub(count, Ordering::Relaxed);
        work.any_moved = self.any_moved.swap(false, Ordering::AcqRel);
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

    /// Roughly how many changes wait to be written.
    pub(crate) fn waiting_changes(&self) -> usize {
        self.waiting_changes.load(Ordering::Relaxed)
    }

    /// Whether the disk takes no writes.
    pub(crate) fn is_failing(&self) -> bool {
        self.lock().failing
    }

    /// Waits until there is nothing to write and the writer waits for something.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        loop {
            let state = self.lock();
            if state.sleeping && state.work.waiting() == 0 && !self.has_changed.load(Ordering::Acquire) {
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
}

impl Work {
    fn waiting(&self) -> usize {
        self.registered.len() + self.left.len()
    }
}
