//! How a client is to be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rendezvous_protocol::client::{Client as Machine, State};
use tokio::sync::{Mutex, broadcast, mpsc, watch};

use super::driver::{Driver, View};
use super::http::Http;
use super::names::Names;
use super::socket::Socket;
use super::{Client, Credentials, EVENTS, QUEUE, Server, ServerError, Shared, clock};

/// How a client is to be; [`ClientBuilder::register`] makes it.
#[derive(Debug)]
pub struct ClientBuilder {
    server: String,
    roots: Option<Vec<u8>>,
    bind: Option<SocketAddr>,
    credentials: Option<Credentials>,
    names: Names,
    patience: Duration,
    stays: bool,
}

impl ClientBuilder {
    pub(super) fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            roots: None,
            bind: None,
            credentials: None,
            names: Names::system(),
            patience: Duration::from_secs(30),
            stays: false,
        }
    }

    /// Trusts whoever is in this PEM text, beside whom the system trusts.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Binds the UDP socket there. By default the system chooses a port, and the address goes with the network.
    #[must_use]
    pub fn udp_bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// Is the client that it was before, if the server still knows it.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Looks the server's name up like this, and not as the system does.
    #[must_use]
    pub fn look_up_names_with<F>(mut self, lookup: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        self.names = Names::with(lookup);
        self
    }

    /// How long [`ClientBuilder::register`] tries before it gives up: 30 s by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Stays registered when the last handle is dropped, in place of logging out: for who keeps the credentials.
    #[must_use]
    pub fn stay_registered(mut self) -> Self {
        self.stays = true;
        self
    }

    /// Registers, or verifies if there are credentials and the server still knows them, and begins to pulse. From then on a task of the current
    /// tokio runtime keeps the client reachable.
    ///
    /// # Errors
    /// [`ServerError`] if there is no client when patience is over, or never can be.
    pub async fn register(self) -> Result<Client, ServerError> {
        let http = Http::new(&self.server, self.roots.as_deref(), self.names)?;
        let deadline = tokio::time::Instant::now() + self.patience;
        let server = find(&http, deadline).await?;
        let socket = Socket::bind(self.bind, server)
            .await
            .map_err(|error| ServerError::Invalid(format!("cannot bind the UDP socket: {error}")))?;
        let seed = getrandom::u64().map_err(|error| ServerError::Invalid(format!("no entropy: {error}")))?;
        let now = clock::now();
        let machine = match &self.credentials {
            Some(kept) => Machine::resume(now, kept.id(), kept.timing(), seed),
            None => Machine::new(now, seed),
        };
        let (commands, commands_receiver) = mpsc::unbounded_channel();
        let (datagrams, datagrams_receiver) = mpsc::channel(QUEUE);
        let events = broadcast::Sender::new(EVENTS);
        let first = View { state: machine.state(), credentials: None, address: None, trouble: None };
        let (view_sender, mut view) = watch::channel(first);
        let early = events.subscribe();
        let driver = Driver {
            http: http.clone(),
            socket: socket.clone(),
            machine,
            credentials: self.credentials.map(Arc::new),
            server,
            roams: self.bind.is_none_or(|address| address.ip().is_unspecified()),
            stays: self.stays,
            commands: commands_receiver,
            view: view_sender,
            events: events.clone(),
            datagrams,
        };
        tokio::spawn(driver.run());
        let known = |view: &View| view.credentials.is_some() && view.state != State::Verifying;
        let waited = tokio::time::timeout_at(deadline, view.wait_for(known)).await.map(|found| found.is_ok());
        match waited {
            Ok(true) => {}
            Ok(false) => return Err(ServerError::Ended),
            Err(_) => {
                let trouble = view.borrow().trouble.clone();
                return Err(ServerError::Unreachable(
                    trouble.unwrap_or_else(|| format!("no answer within {:?}", self.patience)),
                ));
            }
        }
        let shared = Shared {
            commands,
            socket,
            server: Server { http },
            view,
            events: events.downgrade(),
            early: std::sync::Mutex::new(Some(early)),
            datagrams: Mutex::new(datagrams_receiver),
        };
        Ok(Client { shared: Arc::new(shared) })
    }
}

/// Where the server's host is, as soon as its name can be looked up.
async fn find(http: &Http, deadline: tokio::time::Instant) -> Result<IpAddr, ServerError> {
    loop {
        let why = match tokio::time::timeout_at(deadline, http.addresses()).await {
            Ok(Ok(found)) => match found.first() {
                Some(ip) => return Ok(*ip),
                None => "its name has no address".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its name is not answered for".to_owned(),
        };
        let next = tokio::time::Instant::now() + Duration::from_secs(1);
        if next > deadline {
            return Err(ServerError::Unreachable(why));
        }
        tokio::time::sleep_until(next).await;
    }
}
