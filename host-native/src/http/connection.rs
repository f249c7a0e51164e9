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
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::admission::Permit;
use super::watched::{Progress, Stage, Watched};
use super::{Options, Phase, Site, answer, intake, proxy};

/// How long the last words to a slow client may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
        Ok(Err(error)) => return tracing::trace!(%error, "a connection did not begin"),
        Err(_) => return tracing::trace!("a handshake took too long"),
    };
    let forwarded = from_proxy && !options.proxies.protocol;
    match stream {
        Either::Plain(stream) => converse(stream, from, forwarded, shared, phase).await,
        Either::Tls(stream) => Box::pin(converse(stream, from, forwarded, shared, phase)).await,
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
    mut phase: watch::Receiver<Phase>,
) {
    let progress = Arc::new(Progress::new());
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
                        Err(rejection) => (answer::refuse(rejection), true),
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
    loop {
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
                Some(Stage::Head) => break,
                Some(Stage::Idle | Stage::Answering) => return,
            },
            () = awaited.reached(&mut phase) => {
                if awaited == Phase::CutOff {
                    return;
                }
                awaited = Phase::CutOff;
                // hyper's shutdown finishes a request that is being answered, but drops one of which it has read only a
                // part. That one's answer ends the connection by itself.
                if !progress.has_begun() {
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    }
    let mut stream = connection.into_parts().io.into_inner().into_inner();
    let farewell = async {
        stream.write_all(&answer::last_words(Rejection::Timeout)).await?;
        stream.shutdown().await
    };
    let _ = timeout(LAST_WORDS, farewell).await;
}
