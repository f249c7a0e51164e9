//! One HTTP connection, from accept to close.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Phase, Site};

/// Serves the requests of `stream` until either side has enough.
pub(super) async fn serve(stream: TcpStream, site: impl Site, mut phase: watch::Receiver<Phase>) {
    let begun = Arc::new(AtomicBool::new(false));
    let stream = Watched { stream, begun: Arc::clone(&begun) };
    let service = service_fn({
        // One count of owners to raise for each request, not one for each part.
        let (shared, begun) = (Arc::new((site, phase.clone())), Arc::clone(&begun));
        move |request| {
            // From here to the answer, hyper knows that the connection is busy.
            begun.store(false, Ordering::Relaxed);
            let shared = Arc::clone(&shared);
            async move {
                let (site, phase) = &*shared;
                let mut response = site.respond(request).await;
                if *phase.borrow() >= Phase::WindingDown {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // An answer is a few hundred bytes: copying it behind its head is cheaper than having the kernel gather it.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);

    let ended = tokio::select! {
        // What has arrived is read before the connection is closed.
        biased;
        ended = connection.as_mut() => ended,
        () = Phase::Closing.reached(&mut phase) => {
            // hyper's shutdown finishes a request that is being answered, but drops one of which it has read only a
            // part. That one's answer ends the connection by itself.
            if !begun.load(Ordering::Relaxed) {
                connection.as_mut().graceful_shutdown();
            }
            tokio::select! {
                ended = connection => ended,
                () = Phase::CutOff.reached(&mut phase) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// A stream that remembers whether a request was begun: whether anything was read since the head of the last one was
/// complete.
///
/// So a body that no route asked for counts as begun too, and its connection is closed last; and of two requests in
/// one read (pipelining) the second does not count.
struct Watched {
    stream: TcpStream,
    begun: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.begun.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
