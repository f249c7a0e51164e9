//! A stream that knows how far the conversation on it is: what it waits for, since when, and whether what arrived can be read in
//! only one way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rendezvous_protocol::Rejection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::lines::{Alone, Lines};
use super::{ConnectionCounters, answer};
use crate::settings::ConnectionLimits;

/// How far the conversation is. The stream, the requests on it and whoever times them share this.
#[derive(Debug)]
pub(super) struct Progress {
    opened: Instant,
    stage: AtomicU8,
    /// When the stage began, in microseconds after the connection.
    since: AtomicU64,
    /// How many heads were complete.
    heads: AtomicU32,
    /// Whether anything was read since the last of them.
    begun: AtomicBool,
    /// Whether the head that is being read has line ends that others may read differently.
    ambiguous: AtomicBool,
    /// Whether some of an answer waits for the client to read.
    unsent: AtomicBool,
    /// Where bad requests are counted.
    counters: Arc<ConnectionCounters>,
    /// Whether what came after a head has some. It may be a body, where lines mean nothing, or another request.
    ambiguous_later: AtomicBool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first byte of a request.
    Idle = 0,
    /// The rest of its head.
    Head = 1,
    /// The server.
    Answering = 2,
}

impl Progress {
    pub(super) fn new(counters: Arc<ConnectionCounters>) -> Self {
        Self {
            unsent: AtomicBool::new(false),
            counters,
            opened: Instant::now(),
            stage: AtomicU8::new(Stage::Idle as u8),
            since: AtomicU64::new(0),
            heads: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            ambiguous: AtomicBool::new(false),
            ambiguous_later: AtomicBool::new(false),
        }
    }

    /// Whether anything was read since the head of the last request was complete.
    ///
    /// Of two requests in one read (pipelining) the second does not count.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// A head is complete. Returns whether it could be read in another way.
    pub(super) fn head_is_complete(&self) -> bool {
        self.begun.store(false, Ordering::Relaxed);
        self.heads.fetch_add(1, Ordering::Relaxed);
        self.stage.store(Stage::Answering as u8, Ordering::Relaxed);
        self.ambiguous.swap(false, Ordering::Relaxed)
    }

    /// All of the body was read, too.
    pub(super) fn body_is_complete(&self) {
        self.begun.store(false, Ordering::Relaxed);
        // What comes now is no longer part of it.
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing that follows on the connection is to be taken for a request.
    pub(super) fn is_spoilt(&self) -> bool {
        self.ambiguous_later.load(Ordering::Relaxed)
    }

    /// The answer is handed over.
    pub(super) fn is_answered(&self) {
        self.enter(if self.has_begun() { Stage::Head } else { Stage::Idle });
    }

    /// Whether some of an answer waits for the client to read.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent.load(Ordering::Relaxed)
    }

    /// A request is refused before anybody looks at what it wants.
    pub(super) fn note_bad_request(&self, why: Rejection) {
        self.counters.note_bad_request(why);
    }

    /// The stage that has taken too long, if it has.
    pub(super) fn late(&self, limits: &ConnectionLimits) -> Option<Stage> {
        let stage = self.stage();
        let due = self.since() + time_for(stage, limits)?;
        (due <= Instant::now()).then_some(stage)
    }

    /// When to ask again: no stage that begins meanwhile is due before.
    pub(super) fn ask_at(&self, limits: &ConnectionLimits) -> Instant {
        let soon = Instant::now() + limits.header_timeout.min(limits.idle_timeout);
        time_for(self.stage(), limits).map_or(soon, |time| soon.min(self.since() + time))
    }

    fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Idle,
            1 => Stage::Head,
            _ => Stage::Answering,
        }
    }

    fn since(&self) -> Instant {
        self.opened + Duration::from_micros(self.since.load(Ordering::Relaxed))
    }

    fn enter(&self, stage: Stage) {
        let passed = self.opened.elapsed().as_micros();
        self.since.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// So much of so many bytes was written, or none.
    fn has_written(&self, written: Option<usize>, wanted: usize) {
        let unsent = written.is_none_or(|written| written < wanted);
        if self.unsent.swap(unsent, Ordering::Relaxed)
            && written.is_some()
            && self.stage() != Stage::Answering
        {
            // A client that reads slowly, and reads, is not idle.
            self.enter(self.stage());
        }
    }

    fn has_read(&self) {
        self.begun.store(true, Ordering::Relaxed);
        if self.stage() == Stage::Idle {
            self.enter(Stage::Head);
        }
    }
}

/// `None` while the client waits for the server.
fn time_for(stage: Stage, limits: &ConnectionLimits) -> Option<Duration> {
    match stage {
        Stage::Idle => Some(limits.idle_timeout),
        Stage::Head => Some(limits.header_timeout),
        Stage::Answering => None,
    }
}

/// The stream.
pub(super) struct Watched<T> {
    stream: T,
    progress: Arc<Progress>,
    lines: Lines,
    /// What is said in place of the HTTP library's own complaint, and how much of it was written.
    complaint: Option<(Vec<u8>, usize)>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, progress: Arc<Progress>) -> Self {
        Self { stream, progress, lines: Lines::default(), complaint: None }
    }

    pub(super) fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    /// Writes what is left of the complaint.
    fn poll_complaint(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, written)) = &mut self.complaint {
            if *written == bytes.len() {
                self.complaint = None;
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            let progress = &this.progress;
            match this.lines.look_at(new, progress.heads.load(Ordering::Relaxed)) {
                None => {}
                // Whatever arrives while a request is answered may be its body.
                Some(Alone::InHead) if progress.stage() != Stage::Answering => {
                    progress.ambiguous.store(true, Ordering::Relaxed);
                }
                Some(Alone::InHead | Alone::Later) => {
                    progress.ambiguous_later.store(true, Ordering::Relaxed);
                }
            }
            progress.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(rejection) = complaint_of(bytes) {
            this.progress.note_bad_request(rejection);
            this.complaint = Some((answer::last_words(rejection), 0));
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_complaint(cx))?;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        match &written {
            Poll::Ready(Ok(count)) => this.progress.has_written(Some(*count), bytes.len()),
            Poll::Pending => this.progress.has_written(None, bytes.len()),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_complaint(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_complaint(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// What the HTTP library complains of: it refuses by itself what it cannot read, and says so without a body. All refusals of ours
/// have one, so these are told apart, and a problem goes out in their place.
fn complaint_of(bytes: &[u8]) -> Option<Rejection> {
    let rejection = match bytes.get(..12)? {
        b"HTTP/1.1 400" | b"HTTP/1.0 400" => Rejection::MalformedRequest,
        b"HTTP/1.1 414" | b"HTTP/1.0 414" => Rejection::UriTooLong,
        b"HTTP/1.1 431" | b"HTTP/1.0 431" => Rejection::HeadersTooLarge,
        _ => return None,
    };
    memchr::memmem::find(bytes, b"content-length: 0\r\n").map(|_| rejection)
}
