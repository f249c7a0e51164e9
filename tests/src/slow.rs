//! A connection that is as slow as a test wants it to be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A listener that passes everything on, each piece of it late.
#[derive(Debug)]
pub struct SlowProxy {
    address: SocketAddr,
    delay: Arc<AtomicU64>,
}

impl SlowProxy {
    /// One in front of the server at this port of loopback, as fast as it can be. It lives as long as the test's process.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let delay = Arc::<AtomicU64>::default();
        let delayed = Arc::clone(&delay);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                for (from, to, delay) in [
                    (client.try_clone(), server.try_clone(), None),
                    (server.try_clone(), client.try_clone(), Some(Arc::clone(&delayed))),
                ] {
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    thread::spawn(move || pass(from, to, delay));
                }
            }
        });
        Self { address, delay }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on each piece of what the server says comes so late.
    pub fn delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).expect("a short delay"), Ordering::Relaxed);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Option<Arc<AtomicU64>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let delay = delay.as_ref().map_or(0, |delay| delay.load(Ordering::Relaxed));
        thread::sleep(Duration::from_millis(delay));
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
