//! A stream that knows how far the conversation on it is: what it waits for, since when, and whether what arrived can be read in
//! only one way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use memchr::memchr2_iter;
use rendezvous_protocol::Rejection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

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

/// The lines of the head that is being read.
#[derive(Debug, Default)]
struct Lines {
    head: u32,
    /// Whether its empty line was seen.
    ended: bool,
    /// Whether there was a line before.
    any: bool,
    /// Whether bytes came after the empty line.
    more: bool,
    /// Whether the line that is being read has any bytes yet.
    has_text: bool,
    last: u8,
}

/// Where a CR or an LF stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    /// In the head itself.
    InHead,
    /// After it: in the body, or in another request that was sent without waiting for an answer.
    Later,
}

impl Lines {
    /// Whether a CR or an LF stands alone in these bytes, which belong to the head number `head` or come after it.
    fn look_at(&mut self, bytes: &[u8], head: u32) -> Option<Alone> {
        if self.head != head {
            // Some of it may have come with the one before.
            *self = Self { head, any: self.more, last: self.last, ..Self::default() };
            self.has_text = !matches!(self.last, 0 | b'\n');
        }
        let mut from = 0;
        for at in memchr2_iter(b'\r', b'\n', bytes) {
            if (at > from && self.is_alone_before_text()) || self.is_alone(bytes[at]) {
                return Some(if self.ended { Alone::Later } else { Alone::InHead });
            }
            from = at + 1;
        }
        (bytes.len() > from && self.is_alone_before_text()).then_some(if self.ended {
            Alone::Later
        } else {
            Alone::InHead
        })
    }

    /// Text comes, at least a byte of it. Whether it follows a CR, which stands alone then.
    fn is_alone_before_text(&mut self) -> bool {
        let alone = self.last == b'\r';
        self.more |= self.ended;
        self.has_text = true;
        self.last = b'x';
        alone
    }

    /// A CR or an LF comes. Whether it, or the CR before it, stands alone.
    fn is_alone(&mut self, end: u8) -> bool {
        let after_cr = self.last == b'\r';
        self.more |= self.ended;
        self.last = end;
        if end == b'\r' {
            return after_cr;
        }
        if after_cr && !self.ended {
            // Empty lines before the request line are to be ignored (RFC 9112, section 2.2).
            self.ended = !self.has_text && self.any;
            self.any |= self.has_text;
        }
        self.has_text = false;
        !after_cr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a text, whatever pieces it comes in.
    fn alone_in(text: &str) -> Option<Alone> {
        let found: Vec<_> = (1..=text.len())
            .map(|size| {
                let mut lines = Lines::default();
                text.as_bytes().chunks(size).find_map(|piece| lines.look_at(piece, 0))
            })
            .collect();
        assert!(found.iter().all(|one| *one == found[0]), "{text:?}: {found:?}");
        found[0]
    }

    #[test]
    fn a_line_end_that_stands_alone_in_a_head_is_seen() {
        for text in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(alone_in(text), Some(Alone::InHead), "{text:?}");
        }
    }

    #[test]
    fn a_plain_head_is_not_ambiguous() {
        for text in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(alone_in(text), None, "{text:?}");
        }
    }

    /// A request behind a good one, in one write, used to be taken although its lines ended with LF alone.
    #[test]
    fn regression_what_comes_after_a_head_is_looked_at_too() {
        for text in [
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\r",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\n\n",
        ] {
            assert_eq!(alone_in(text), Some(Alone::Later), "{text:?}");
        }
    }

    #[test]
    fn each_head_begins_anew() {
        let mut lines = Lines::default();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(lines.look_at(request, 0), None);
        assert_eq!(lines.look_at(b"rest of a body\n", 0), Some(Alone::Later));
        assert_eq!(lines.look_at(request, 1), None);
        assert_eq!(lines.look_at(b"GET / HTTP/1.1\n\n", 2), Some(Alone::InHead));
        // A head of which a part came with the one before, cut between its CR and its LF.
        let mut lines = Lines::default();
        assert_eq!(lines.look_at(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r", 0), None);
        assert_eq!(lines.look_at(b"\nHost: x\r\n\r\n", 1), None);
        assert_eq!(lines.look_at(b"\n", 1), Some(Alone::Later));
    }
}
