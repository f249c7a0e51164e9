//! The HTTP side: accept, serve HTTP/1.1, and stop without cutting off a request.
//!
//! `axum::serve` sets no timer, which switches hyper's timeout for request headers off; hence an accept loop of our
//! own. `connection` is one connection from accept to close.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::logging::Sampled;

pub(crate) mod admin;
mod answer;
mod connection;
mod openapi;
pub(crate) mod routes;

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
    type Body: hyper::body::Body<Data = Bytes, Error = axum::Error> + Send + Unpin + 'static;

    /// Answers one.
    fn respond(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl Site for Router {
    type Body = Body;

    async fn respond(&self, request: Request<Incoming>) -> Response {
        self.clone().oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
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
    pub(crate) fn start(site: impl Site, listeners: Vec<StdTcpListener>) -> io::Result<Self> {
        let (phase, _) = watch::channel(Phase::Serving);
        let mut accepting = JoinSet::new();
        let connections = TaskTracker::new();
        for listener in listeners {
            let acceptor =
                Acceptor { site: site.clone(), phase: phase.subscribe(), connections: connections.clone() };
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
    site: S,
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
                    Ok((stream, _)) => self.serve(stream),
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
                Ok((stream, _)) => {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        self.serve(stream);
                    }
                }
                Err(error) if gave_up(&error) => {}
                Err(_) => break,
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        // Answers are small and complete: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        self.connections.spawn(connection::serve(stream, self.site.clone(), self.phase.clone()));
    }
}

/// Whether accepting failed only because the client gave up before: no reason to keep the next one waiting.
fn gave_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
