//! A client of a rendezvous server: it stays reachable through loss, rebinding and restarts, finds peers, and opens direct
//! ways to them.
//!
//! ```no_run
//! # async fn example(peer: rendezvous_protocol::ClientId) -> Result<(), Box<dyn std::error::Error>> {
//! use rendezvous_native::client::Client;
//!
//! let client = Client::builder("https://rendezvous.example.org").register().await?;
//! println!("tell your peer: {}", client.id().expect("it is registered"));
//! let path = client.connect(peer).await?; // The peer does the same.
//! path.send(b"hello").await?;
//! while let Some(datagram) = path.recv().await {
//!     println!("{} bytes", datagram.len());
//! }
//! client.logout().await;
//! # Ok(())
//! # }
//! ```
//!
//! Everything that decides is in [`rendezvous_protocol::client`] and [`rendezvous_protocol::punch`]. Here are a socket, a clock and an
//! HTTP client, and one task that drives them:
//!
//! ```text
//!                          ┌── from the server, a code ──▶ client machine ──▶ pulses, requests
//! UDP ── one socket ───────┼── a probe ──────────────────▶ punch of that peer ─▶ probes
//!                          ├── from a path's address ────▶ Path::recv
//!                          └── anything else ────────────▶ Client::recv_from
//! ```
//!
//! The task runs on whatever tokio runtime it is made on, with one thread or several. All futures here can be dropped at any point: nothing
//! is lost but the attempt. When the last handle and path are dropped the client logs out, in the background
//! and only if the runtime goes on; [`Client::logout`] waits for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{ClientId, Millis};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot, watch};

mod asking;
mod builder;
mod clock;
mod connect;
mod credentials;
mod driver;
mod error;
mod http;
mod names;
mod path;
mod server;
mod socket;

pub use builder::ClientBuilder;
pub use connect::{ATTEMPTS, Progress, ROUND};
pub use credentials::{Credentials, MalformedCredentials};
pub use error::{ConnectError, RequestError, ServerError};
pub use path::Path;
pub use rendezvous_protocol::client::{Event as ClientEvent, State};
pub use server::Server;

use driver::{Command, View};
use socket::Socket;

/// How many datagrams wait for whoever reads them, of each path and of the application.
pub const QUEUE: usize = 1024;

/// How many events wait for whoever reads them.
const EVENTS: usize = 256;

/// A datagram, and where it came from.
type Datagram = (Vec<u8>, SocketAddr);

/// A registered client. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    commands: mpsc::UnboundedSender<Command>,
    socket: Socket,
    server: Server,
    view: watch::Receiver<View>,
    events: broadcast::WeakSender<Event>,
    /// What happened while it registered, for the first who asks.
    early: StdMutex<Option<broadcast::Receiver<Event>>>,
    datagrams: Mutex<mpsc::Receiver<Datagram>>,
}

/// Something that a program may want to know of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// How it stands with the server.
    Client(ClientEvent),
    /// A probe came from a peer to which this client does not connect: [`Client::connect`] answers it. Told once a second at most. Anybody who
    /// knows both ids can send such.
    Knock {
        /// Who it says it is.
        peer: ClientId,
        /// From where.
        from: SocketAddr,
    },
    /// Whoever reads was too slow for so many events: the oldest are gone.
    Missed(u64),
}

/// The events of a client, from when [`Client::events`] was called; for the first caller, from the beginning.
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Event>>);

impl Events {
    /// The next one; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// Its public address.
    pub address: SocketAddr,
    /// How long ago it last pulsed, in whole seconds; `None` if a restart of the server lies between.
    pub last_online: Option<Millis>,
}

/// How a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Whether it was heard recently.
    pub status: Status,
    /// How long ago it last pulsed, in whole seconds; `None` before the first pulse, and after a restart of the server until the next.
    pub last_online: Option<Millis>,
}

impl Client {
    /// A client of the server at this URL, `http://` or `https://`.
    pub fn builder(server: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(server)
    }

    /// Its id, for its peers; `None` while it registers again.
    pub fn id(&self) -> Option<ClientId> {
        self.credentials().map(|credentials| credentials.id())
    }

    /// What to keep so that it is the same client after a restart; `None` while it registers again.
    pub fn credentials(&self) -> Option<Arc<Credentials>> {
        self.shared.view.borrow().credentials.clone()
    }

    /// How it stands with the server.
    pub fn state(&self) -> State {
        self.shared.view.borrow().state
    }

    /// Why the last request to the server failed, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.shared.view.borrow().trouble.clone()
    }

    /// Waits until it stands like this.
    ///
    /// # Errors
    /// [`ServerError::Ended`] if it never will, since it has logged out.
    pub async fn wait_for(&self, state: State) -> Result<(), ServerError> {
        let mut view = self.shared.view.clone();
        view.wait_for(|view| view.state == state).await.map(drop).map_err(|_| ServerError::Ended)
    }

    /// Where the server sees it, as it last said.
    pub fn public_address(&self) -> Option<SocketAddr> {
        self.shared.view.borrow().address
    }

    /// Where its UDP socket is bound.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.shared.socket.local_address()
    }

    /// What happens to it.
    pub fn events(&self) -> Events {
        let early = self.shared.early.lock().unwrap_or_else(PoisonError::into_inner).take();
        Events(early.or_else(|| self.shared.events.upgrade().map(|sender| sender.subscribe())))
    }

    /// Where `peer` is.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn lookup(&self, peer: ClientId) -> Result<PeerAddress, RequestError> {
        let credentials = self.credentials().ok_or(RequestError::NotRegistered)?;
        self.shared.server.address(&credentials, peer).await
    }

    /// How `peer` stands.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn status(&self, peer: ClientId) -> Result<PeerStatus, RequestError> {
        let credentials = self.credentials().ok_or(RequestError::NotRegistered)?;
        self.shared.server.status(&credentials, peer).await
    }

    /// Sends a datagram of the application from the client's socket. Nothing is sent to who did not ask for it but by you: a [`Path`] is the
    /// way to a peer.
    ///
    /// # Errors
    /// What the system says.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> std::io::Result<()> {
        self.shared.socket.send_to(bytes, to).await.map(drop)
    }

    /// The next datagram that is neither the server's, nor a probe, nor a path's; `None` once the client has ended. Up to [`QUEUE`] wait.
    pub async fn recv_from(&self) -> Option<(Vec<u8>, SocketAddr)> {
        self.shared.datagrams.lock().await.recv().await
    }

    /// Logs out, and waits until the server knows, or does not answer. Returns whether it knows; otherwise it forgets the client after
    /// interval + error time.
    pub async fn logout(&self) -> bool {
        let (sender, told) = oneshot::channel();
        // Who has ended already has logged out, or the runtime has gone.
        let _ended = self.shared.commands.send(Command::Logout(sender));
        told.await.unwrap_or(false)
    }

    fn has_ended(&self) -> bool {
        self.shared.commands.is_closed()
    }
}
