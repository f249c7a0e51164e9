//! The HTTP side: accept, serve HTTP/1.1, and stop without cutting off a request.
//!
//! `axum::serve` sets no timer, which switches hyper's timeout for request headers off; hence an accept loop of our
//! own.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::Node;

mod routes;

/// How long, once told to stop, to go on accepting and serving, with `Connection: close`: busy connections come to
/// an end by themselves meanwhile, so that later only idle ones are closed.
const WIND_DOWN: Duration = Duration::from_millis(300);

/// How long a connection that was accepted last has to send its request.
const LAST_CALL: Duration = Duration::from_millis(200);

/// How long requests under way may take after that.
const DRAIN: Duration = Duration::from_secs(4);

/// How long to wait after accepting failed, for lack of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves on `listeners` until `shutdown` completes, and then until every request under way has its answer.
pub(crate) async fn serve(
    node: Arc<Node>,
    listeners: Vec<StdTcpListener>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = Arc::new(GracefulShutdown::new());
    let stopping = Arc::new(AtomicBool::new(false));
    let (stop_accepting, _) = watch::channel(());
    let mut accepting = JoinSet::new();
    let router = routes::router(node);
    for listener in listeners {
        let acceptor = Acceptor {
            router: router.clone(),
            stopping: Arc::clone(&stopping),
            connections: Arc::clone(&connections),
        };
        accepting.spawn(acceptor.run(TcpListener::from_std(listener)?, stop_accepting.subscribe()));
    }

    shutdown.await;
    stopping.store(true, Ordering::Relaxed);
    sleep(WIND_DOWN).await;
    drop(stop_accepting);
    accepting.join_all().await;
    sleep(LAST_CALL).await;
    let connections =
        Arc::into_inner(connections).expect("only the accept loops shared it, and they have ended");
    if timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests took longer than {DRAIN:?} to finish and were cut off");
    }
    Ok(())
}

/// Accepts the connections of one listener.
struct Acceptor {
    router: Router,
    /// Each answer ends its connection.
    stopping: Arc<AtomicBool>,
    connections: Arc<GracefulShutdown>,
}

impl Acceptor {
    /// Runs until the sender of `stop` is dropped.
    async fn run(self, listener: TcpListener, mut stop: watch::Receiver<()>) {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.serve(stream),
                    Err(error) => {
                        tracing::debug!(%error, "accepting a connection failed");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                _ = stop.changed() => break,
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

    fn serve(&self, stream: TcpStream) {
        // Answers are small and complete: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        let (router, stopping) = (self.router.clone(), Arc::clone(&self.stopping));
        let service = service_fn(move |request| {
            let (router, stopping) = (router.clone(), Arc::clone(&stopping));
            async move {
                let mut response = router.oneshot(request).await?;
                if stopping.load(Ordering::Relaxed) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let connection = self.connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended early");
            }
        });
    }
}
