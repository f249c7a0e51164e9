//! Where requests wait for the store: whatever waits is done together, by a thread of its own, while the next gather.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rendezvous_protocol::lifecycle::{Context, Decision, Effect};
use rendezvous_protocol::{self as protocol, ClientId, Record};
use tokio::sync::oneshot;

use super::link::{Link, Unavailable};
use super::perform::{Job, Rules};

/// How many requests may wait: a store that is slow must not fill the memory.
const MOST_WAITING: usize = 16_384;

/// How long one may wait for its turn: whoever asked has given up by then, and a store that is slow should not do all of it in vain.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How many are done together.
const BATCH: usize = 256;

/// A queue of requests, and the thread that does them.
#[derive(Debug)]
pub(super) struct Desk {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Box<dyn Job + Send>)>,
    closed: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting.len()).field("closed", &self.closed).finish()
    }
}

impl Desk {
    pub(super) fn open(name: &str, rules: Arc<Rules>, mut link: Link) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let of_thread = Arc::clone(&queue);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            while let Some(mut jobs) = of_thread.take() {
                rules.perform(&mut link, &mut jobs);
            }
        })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Has something decided about a client, and returns the answer with the time at which it holds.
    pub(super) async fn ask<A, F>(
        &self,
        id: ClientId,
        decide: F,
    ) -> Result<(A, protocol::Instant), Unavailable>
    where
        A: Send + 'static,
        F: Fn(Option<&Record>, &Context) -> Decision<A> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.queue.lock();
            if state.closed || state.waiting.len() >= MOST_WAITING {
                return Err(Unavailable);
            }
            let asked = Asked { id, decide, answer: None, reply: Some(reply) };
            state.waiting.push_back((Instant::now(), Box::new(asked)));
        }
        self.queue.ready.notify_one();
        answer.await.unwrap_or(Err(Unavailable))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.ready.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// What waits, as soon as something does; `None` once it is closed and all is done.
    fn take(&self) -> Option<Vec<Box<dyn Job + Send>>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let oldest = Instant::now().checked_sub(LONGEST_WAIT);
        while state.waiting.front().is_some_and(|(since, _)| Some(*since) < oldest)
            && let Some((_, mut job)) = state.waiting.pop_front()
        {
            job.ends(Err(Unavailable));
        }
        let batch = state.waiting.len().min(BATCH);
        Some(state.waiting.drain(..batch).map(|(_, job)| job).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Asked<A, F> {
    id: ClientId,
    decide: F,
    answer: Option<A>,
    reply: Option<oneshot::Sender<Result<(A, protocol::Instant), Unavailable>>>,
}

impl<A, F: Fn(Option<&Record>, &Context) -> Decision<A>> Job for Asked<A, F> {
    fn id(&self) -> ClientId {
        self.id
    }

    fn decide(&mut self, record: Option<&Record>, cx: &Context) -> Effect {
        let Decision { answer, effect } = (self.decide)(record, cx);
        self.answer = Some(answer);
        effect
    }

    fn ends(&mut self, at: Result<protocol::Instant, Unavailable>) {
        let answer = at.and_then(|at| Ok((self.answer.take().ok_or(Unavailable)?, at)));
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

impl Job for Box<dyn Job + Send> {
    fn id(&self) -> ClientId {
        self.as_ref().id()
    }

    fn decide(&mut self, record: Option<&Record>, cx: &Context) -> Effect {
        self.as_mut().decide(record, cx)
    }

    fn is_outdated(&self, record: Option<&Record>) -> bool {
        self.as_ref().is_outdated(record)
    }

    fn ends(&mut self, at: Result<protocol::Instant, Unavailable>) {
        self.as_mut().ends(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only remembers that it ended.
    struct Waits(Arc<Mutex<Vec<bool>>>);

    impl Job for Waits {
        fn id(&self) -> ClientId {
            ClientId::from_bytes([0; 16])
        }

        fn decide(&mut self, _: Option<&Record>, _: &Context) -> Effect {
            Effect::Keep
        }

        fn ends(&mut self, at: Result<protocol::Instant, Unavailable>) {
            self.0.lock().unwrap().push(at.is_ok());
        }
    }

    #[test]
    fn what_has_waited_for_too_long_is_refused_and_the_rest_is_done() {
        let (queue, ended) = (Queue::default(), Arc::default());
        let now = Instant::now();
        for since in [now.checked_sub(2 * LONGEST_WAIT).unwrap(), now, now] {
            queue.lock().waiting.push_back((since, Box::new(Waits(Arc::clone(&ended)))));
        }
        assert_eq!(queue.take().unwrap().len(), 2);
        assert_eq!(*ended.lock().unwrap(), [false]);
    }
}
