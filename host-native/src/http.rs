//! The HTTP side: accept, serve HTTP/1.1, and stop without cutting off a request.
//!
//! `axum::serve` sets no timer, which switches hyper's timeout for request headers off; hence an accept loop of our
//! own. `connection` is one connection from accept to close.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Node;
use crate::logging::Sampled;

mod connection;
mod routes;

/// How long, once told to stop, to go on accepting and serving, with `Connection: close`: busy connections come to
/// an end by themselves meanwhile, so that later only idle ones are closed.
const WIND_DOWN: Duration = Duration::from_millis(300);

/// How long a connection that was accepted last has to begin its request.
const LAST_CALL: Duration = Duration::from_millis(200);

/// How long requests that were begun may take after that.
const DRAIN: Duration = Duration::from_secs(3);

/// How long to wait after accepting failed, for lack of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    /// Each accept loop and each connection has a receiver of this, and drops it when it ends.
    phase: watch::Sender<Phase>,
    accepting: JoinSet<()>,
}

impl HttpServer {
    /// Starts serving. Must be called within the runtime.
    pub(crate) fn start(node: Arc<Node>, listeners: Vec<StdTcpListener>) -> io::Result<Self> {
        let (phase, _) = watch::channel(Phase::Serving);
        let router = routes::router(node);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let acceptor = Acceptor { router: router.clone(), phase: phase.subscribe() };
            accepting.spawn(acceptor.run(TcpListener::from_std(listener)?));
        }
        Ok(Self { phase, accepting })
    }

    /// Stops accepting, and returns when every request that was begun has its answer, or has had its time.
    pub(crate) async fn stop(self) {
        let Self { phase, accepting } = self;
        phase.send_replace(Phase::WindingDown);
        if phase.receiver_count() > accepting.len() {
            sleep(WIND_DOWN).await;
        }
        phase.send_replace(Phase::LastCall);
        accepting.join_all().await;
        if phase.receiver_count() > 0 {
            sleep(LAST_CALL).await;
        }
        phase.send_replace(Phase::Closing);
        if timeout(DRAIN, phase.closed()).await.is_err() {
            tracing::warn!("{} requests took longer than {DRAIN:?} and were cut off", phase.receiver_count());
        }
    }
}

/// Accepts the connections of one listener.
struct Acceptor {
    router: Router,
    phase: watch::Receiver<Phase>,
}

impl Acceptor {
    /// Runs until the last call.
    async fn run(mut self, listener: TcpListener) {
        let failures = Sampled::default();
        loop {
            let mut phase = self.phase.clone();
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.serve(stream),
                    Err(error) => {
                        failures.log(|| tracing::warn!(%error, "connections cannot be accepted"));
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = Phase::LastCall.reached(&mut phase) => break,
            }
        }
        // Connections that the kernel has completed would be reset with the listener; take them first.
        if let Ok(listener) = listener.into_std() {
            while let Ok((stream, _)) = listener.accept() {
                if stream.set_nonblocking(true).is_ok()
                    && let Ok(stream) = TcpStream::from_std(stream)
                {
                    self.serve(stream);
                }
            }
        }
    }

    fn serve(&mut self, stream: TcpStream) {
        // Answers are small and complete: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection::serve(stream, self.router.clone(), self.phase.clone()));
    }
}
