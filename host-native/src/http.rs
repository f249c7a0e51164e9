//! The HTTP side: accept, serve HTTP/1.1, and stop without cutting off a request.
//!
//! `axum::serve` has neither limits nor timeouts; hence an accept loop of our own. `connection` is one connection from accept to
//! close: `admission` lets it in, `proxy` says whom it speaks for, `watched` times it, `intake` looks at each request before
//! anybody answers it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::response::Response;
use rendezvous_protocol::Rejection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::logging::Sampled;
use crate::settings::{ConnectionLimits, Proxies};
use crate::tls::Tls;

pub(crate) mod admin;
mod admission;
mod answer;
mod connection;
mod intake;
mod lines;
mod openapi;
mod proxy;
pub(crate) mod routes;
mod watched;

use admission::Admission;
pub(crate) use admission::{BAD_REQUESTS, ConnectionCounters};
use connection::Shared;

/// How long, once told to stop, to go on accepting and serving, with `Connection: close`: busy connections come to
/// an end by themselves meanwhile, so that later only idle ones are closed.
const WIND_DOWN: Duration = Duration::from_millis(300);

/// How long a connection that was accepted last has to begin its request.
const LAST_CALL: Duration = Duration::from_millis(200);

/// How long requests that were begun may take after that.
const DRAIN: Duration = Duration::from_secs(3);

/// How long to wait after accepting failed, for lack of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whoever answers requests.
pub(crate) trait Site: Clone + Send + Sync + 'static {
    /// What its answers carry.
    type Body: hyper::body::Body<Data = Bytes, Error = axum::Error> + From<String> + Send + Unpin + 'static;

    /// Answers one, which came from `from`.
    fn respond(
        &self,
        request: Request<()>,
        from: IpAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How a server treats its connections.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) limits: ConnectionLimits,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Option<Arc<Tls>>,
}

impl Site for Router {
    type Body = Body;

    async fn respond(&self, request: Request<()>, _: IpAddr) -> Response {
        self.clone()
            .oneshot(request.map(|()| Body::empty()))
            .await
            .unwrap_or_else(|never: Infallible| match never {})
    }
}

/// How far the server is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Not at all.
    Serving,
    /// Every answer ends its connection.
    WindingDown,
    /// Nothing is accepted any more.
    LastCall,
    /// A connection without a request under way is closed.
    Closing,
    /// Every connection is.
    CutOff,
}

impl Phase {
    /// Waits until the server is as far as this.
    async fn reached(self, current: &mut watch::Receiver<Self>) {
        // An error means that the server itself is gone, which is farther than any phase.
        drop(current.wait_for(|&phase| phase >= self).await);
    }
}

/// The running accept loops and their connections.
#[derive(Debug)]
pub(crate) struct HttpServer {
    phase: watch::Sender<Phase>,
    accepting: JoinSet<()>,
    connections: TaskTracker,
}

impl HttpServer {
    /// Starts serving. Must be called within the runtime.
    pub(crate) fn start(
        site: impl Site,
        listeners: Vec<StdTcpListener>,
        options: Arc<Options>,
        counters: Arc<ConnectionCounters>,
    ) -> io::Result<Self> {
        let (phase, _) = watch::channel(Phase::Serving);
        let mut accepting = JoinSet::new();
        let connections = TaskTracker::new();
        let ConnectionLimits { total, per_address, .. } = options.limits;
        let admission = Arc::new(Admission::new(total.get(), per_address.get(), counters));
        let shared = Arc::new(Shared { site, options });
        let floods = Arc::<Sampled>::default();
        for listener in listeners {
            let acceptor = Acceptor {
                shared: Arc::clone(&shared),
                admission: Arc::clone(&admission),
                floods: Arc::clone(&floods),
                phase: phase.subscribe(),
                connections: connections.clone(),
            };
            accepting.spawn(acceptor.run(TcpListener::from_std(listener)?));
        }
        Ok(Self { phase, accepting, connections })
    }

    /// Stops accepting, and returns when every request that was begun has its answer, or has had its time.
    pub(crate) async fn stop(self) {
        let Self { phase, accepting, connections } = self;
        phase.send_replace(Phase::WindingDown);
        if !connections.is_empty() {
            sleep(WIND_DOWN).await;
        }
        phase.send_replace(Phase::LastCall);
        accepting.join_all().await;
        if !connections.is_empty() {
            sleep(LAST_CALL).await;
        }
        phase.send_replace(Phase::Closing);
        connections.close();
        if timeout(DRAIN, connections.wait()).await.is_err() {
            tracing::warn!("{} requests took longer than {DRAIN:?} and were cut off", connections.len());
            phase.send_replace(Phase::CutOff);
            connections.wait().await;
        }
    }
}

/// Accepts the connections of one listener.
struct Acceptor<S> {
    shared: Arc<Shared<S>>,
    admission: Arc<Admission>,
    floods: Arc<Sampled>,
    phase: watch::Receiver<Phase>,
    connections: TaskTracker,
}

impl<S: Site> Acceptor<S> {
    /// Runs until the last call.
    async fn run(self, listener: TcpListener) {
        let failures = Sampled::default();
        let mut phase = self.phase.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.serve(stream, peer.ip()),
                    Err(error) if gave_up(&error) => {}
                    Err(error) => {
                        failures.log(|| tracing::warn!(%error, "connections cannot be accepted"));
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = Phase::LastCall.reached(&mut phase) => break,
            }
        }
        // Connections that the kernel has completed would be reset with the listener; take them first.
        let Ok(listener) = listener.into_std() else { return };
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        self.serve(stream, peer.ip());
                    }
                }
                Err(error) if gave_up(&error) => {}
                Err(_) => break,
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: IpAddr) {
        let Some(permit) = self.admission.enter() else {
            self.floods.log(|| {
                tracing::warn!(
                    "there are as many connections as there may be, and more are refused (--max-connections)"
                );
            });
            if self.shared.options.tls.is_none() {
                // If it does not fit into the socket right now, so be it.
                let _ = stream.try_write(&answer::last_words(Rejection::Unavailable));
            }
            return;
        };
        // Answers are small and complete: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        let (shared, phase) = (Arc::clone(&self.shared), self.phase.clone());
        self.connections.spawn(connection::serve(stream, peer, permit, shared, phase));
    }
}

/// Whether accepting failed only because the client gave up before: no reason to keep the next one waiting.
fn gave_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
