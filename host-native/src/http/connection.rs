//! One HTTP connection, from accept to close.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rendezvous_protocol::Rejection;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::admission::Permit;
use super::watched::{Progress, Stage, Watched};
use super::{Options, Phase, Site, answer, intake, proxy};

/// How long parting with a slow client may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// How much of what it still sends is read meanwhile, in bytes.
const UNREAD: u64 = 64 << 10;

/// What all connections of a server share.
pub(super) struct Shared<S> {
    pub(super) site: S,
    pub(super) options: Arc<Options>,
}

/// Serves the requests of `stream` until either side has enough.
pub(super) async fn serve<S: Site>(
    mut stream: TcpStream,
    peer: IpAddr,
    mut permit: Permit,
    shared: Arc<Shared<S>>,
    mut phase: watch::Receiver<Phase>,
) {
    let options = Arc::clone(&shared.options);
    let from_proxy = options.proxies.trust(peer);
    let greeting = async {
        let mut from = peer;
        if from_proxy && options.proxies.protocol {
            from = proxy::read_header(&mut stream).await?.map_or(peer, |sender: SocketAddr| sender.ip());
        }
        // Of those behind a proxy that says so with each request, many share its connections.
        if (!from_proxy || options.proxies.protocol) && !permit.comes_from(from) {
            if options.tls.is_none() {
                let _ = stream.try_write(&answer::last_words(Rejection::RateLimited));
            }
            return Ok(None);
        }
        let tls = match &options.tls {
            None => return Ok(Some((Either::Plain(stream), from))),
            Some(tls) => tls.accept(stream).await?,
        };
        io::Result::Ok(Some((Either::Tls(Box::new(tls)), from)))
    };
    let greeted = tokio::select! {
        greeted = timeout(options.limits.handshake_timeout, greeting) => greeted,
        () = Phase::Closing.reached(&mut phase) => return,
    };
    let (stream, from) = match greeted {
        Ok(Ok(Some(greeted))) => greeted,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            permit.counters().note_bad_handshake();
            return tracing::trace!(%error, "a connection did not begin");
        }
        Err(_) => {
            permit.counters().note_bad_handshake();
            return tracing::trace!("a handshake took too long");
        }
    };
    let forwarded = from_proxy && !options.proxies.protocol;
    let progress = Arc::new(Progress::new(Arc::clone(permit.counters())));
    match stream {
        Either::Plain(stream) => converse(stream, from, forwarded, shared, progress, phase).await,
        Either::Tls(stream) => Box::pin(converse(stream, from, forwarded, shared, progress, phase)).await,
    }
    drop(permit);
}

/// A stream, encrypted or not.
enum Either<P, T> {
    Plain(P),
    Tls(T),
}

/// Answers requests. `from` sent them, unless they are `forwarded` and say who did.
async fn converse<S: Site>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    from: IpAddr,
    forwarded: bool,
    shared: Arc<Shared<S>>,
    progress: Arc<Progress>,
    mut phase: watch::Receiver<Phase>,
) {
    let options = Arc::clone(&shared.options);
    let limits = &options.limits;
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&progress)));
    let service = service_fn({
        // One count of owners to raise for each request, not one for each part.
        let context = Arc::new((shared, phase.clone(), Arc::clone(&progress)));
        move |request| {
            let context = Arc::clone(&context);
            async move {
                let (shared, phase, progress) = &*context;
                let options = &shared.options;
                let (mut response, mut closes): (Response<S::Body>, bool) =
                    match intake::take(request, &options.limits, progress).await {
                        Ok(taken) => {
                            let headers = taken.request.headers();
                            let from = if forwarded { options.proxies.sender(from, headers) } else { from };
                            (shared.site.respond(taken.request, from).await, taken.closes)
                        }
                        Err(rejection) => {
                            progress.note_bad_request(rejection);
                            (answer::refuse(rejection), true)
                        }
                    };
                closes |= progress.is_spoilt() || *phase.borrow() >= Phase::WindingDown;
                if closes {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                progress.is_answered();
                Ok::<_, Infallible>(response)
            }
        }
    });
    let mut connection = http1::Builder::new()
        // The stream is watched by us: the library's timer cannot tell an idle connection from a slow head.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes)
        .max_headers(limits.headers.get())
        // An answer is a few hundred bytes: copying it behind its head is cheaper than having the kernel gather it.
        .writev(false)
        .serve_connection(io, service);

    let mut patience = pin!(sleep_until(progress.ask_at(limits)));
    let mut awaited = Phase::Closing;
    let late = loop {
        tokio::select! {
            // What has arrived is read before the connection is closed.
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection ended early");
                }
                return;
            }
            () = patience.as_mut() => match progress.late(limits) {
                None => patience.as_mut().reset(progress.ask_at(limits)),
                Some(stage) => break stage,
            },
            () = awaited.reached(&mut phase) => {
                if awaited == Phase::CutOff {
                    return;
                }
                awaited = Phase::CutOff;
                // hyper's shutdown finishes a request that is being answered, but drops one of which it has read only a
                // part. That one's answer ends the connection by itself.
                if !progress.has_begun() {
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    };
    // Not into the middle of an answer.
    let words = (late == Stage::Head && !progress.has_unsent()).then(|| {
        progress.note_bad_request(Rejection::Timeout);
        answer::last_words(Rejection::Timeout)
    });
    let stream = connection.into_parts().io.into_inner().into_inner();
    let _ = timeout(FAREWELL, part_with(stream, words)).await;
}

/// Says something last, if there is anything to say, and closes in good order: with the last message of TLS, and so that words are
/// not lost because something was left unread.
async fn part_with(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    words: Option<Vec<u8>>,
) -> io::Result<()> {
    let Some(words) = words else { return stream.shutdown().await };
    stream.write_all(&words).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(UNREAD);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}
