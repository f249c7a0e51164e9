//! A direct way to a peer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rendezvous_protocol::punch::Reason;
use rendezvous_protocol::{ClientId, Millis};
use tokio::sync::{Mutex, mpsc, watch};

use super::Shared;
use super::driver::Command;

/// How a punch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathState {
    Begun,
    Probing { sent: u32 },
    Connected { address: SocketAddr, rtt: Millis },
    Failed { reason: Reason },
    Closed,
}

/// A direct way to a peer, over the client's one UDP socket. It is kept open by probes until it is dropped, or until the peer has not
/// answered for 30 s.
///
/// It carries datagrams, as UDP does: they may be lost, doubled and reordered, and are neither encrypted nor authenticated. Put QUIC, DTLS
/// or Noise on top for that.
#[derive(Debug)]
pub struct Path {
    pub(super) hold: Hold,
    pub(super) state: watch::Receiver<PathState>,
    pub(super) data: Mutex<mpsc::Receiver<Vec<u8>>>,
    pub(super) took: Millis,
}

/// The right to a punch. It ends with it.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: ClientId,
    pub(super) token: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let end = Command::EndPunch { peer: self.peer, token: self.token };
        let _it_ended = self.shared.commands.send(end);
    }
}

impl Path {
    /// Who is there.
    pub fn peer(&self) -> ClientId {
        self.hold.peer
    }

    /// Where it is now; `None` once the path is closed.
    pub fn address(&self) -> Option<SocketAddr> {
        if let PathState::Connected { address, .. } = *self.state.borrow() { Some(address) } else { None }
    }

    /// How long it took to find, since the server had told where the peer is.
    pub fn took(&self) -> Millis {
        self.took
    }

    /// Sends a datagram. One of at most 1200 bytes gets through nearly everywhere.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] once the path is closed, and what the system says: a datagram that is too long, say.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let address = self.address().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotConnected, "the peer does not answer any more")
        })?;
        self.hold.shared.socket.send_to(bytes, address).await.map(drop)
    }

    /// The next datagram; `None` once the path is closed. What arrives while nobody asks waits in a queue of
    /// [`super::QUEUE`] datagrams, and is lost if that is full.
    pub async fn recv(&self) -> Option<Vec<u8>> {
        self.data.lock().await.recv().await
    }

    /// Waits until the path is closed: the peer has not answered for 30 s, or the client has ended.
    pub async fn closed(&self) {
        let mut state = self.state.clone();
        // An error says that the driver has ended, and with it the path.
        let _either = state.wait_for(|state| *state == PathState::Closed).await.is_ok();
    }
}
