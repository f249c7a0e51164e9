//! Single requests and pulses, for who does not want a task that stays: scripts, say.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use rendezvous_protocol::http::{PeerAddressBody, PeerStatusBody};
use rendezvous_protocol::{ClientId, Millis, PulseCode};
use serde::de::DeserializeOwned;

use super::http::{CallError, Http, Ok200};
use super::names::Names;
use super::socket::Socket;
use super::{Credentials, PeerAddress, PeerStatus, RequestError, ServerError};

/// How long a pulse waits for its answer before it is repeated, and in the end given up.
const PULSE_WAITS: [u64; 4] = [1, 2, 4, 8];

/// A server, asked one thing at a time. Nothing here keeps a client alive: [`super::Client`] does.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) http: Http,
}

impl Server {
    /// The server at this URL; `roots` is PEM text of whom to trust beside whom the system trusts.
    ///
    /// # Errors
    /// [`ServerError::Invalid`]
    pub fn new(url: &str, roots: Option<&[u8]>) -> Result<Self, ServerError> {
        Ok(Self { http: Http::new(url, roots, Names::system())? })
    }

    /// `POST /register`.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn register(&self) -> Result<Credentials, RequestError> {
        self.http.register().await.map_err(RequestError::from)
    }

    /// `POST /verify`.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn verify(&self, credentials: &Credentials) -> Result<(), RequestError> {
        self.ask::<Ok200>(credentials, Method::POST, "/verify").await.map(drop)
    }

    /// `POST /logout`.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn logout(&self, credentials: &Credentials) -> Result<(), RequestError> {
        self.ask::<Ok200>(credentials, Method::POST, "/logout").await.map(drop)
    }

    /// Where `peer` is.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn address(
        &self,
        credentials: &Credentials,
        peer: ClientId,
    ) -> Result<PeerAddress, RequestError> {
        let body: PeerAddressBody = self.ask(credentials, Method::GET, &format!("/peer/{peer}/udp")).await?;
        let last_online = body.last_online.map(Millis::from_secs);
        Ok(PeerAddress { address: (body.host, body.port).into(), last_online })
    }

    /// How `peer` stands.
    ///
    /// # Errors
    /// [`RequestError`]
    pub async fn status(
        &self,
        credentials: &Credentials,
        peer: ClientId,
    ) -> Result<PeerStatus, RequestError> {
        let body: PeerStatusBody =
            self.ask(credentials, Method::GET, &format!("/peer/{peer}/udp/status")).await?;
        Ok(PeerStatus { status: body.status, last_online: body.last_online.map(Millis::from_secs) })
    }

    /// Sends one pulse from a new socket, bound there or to any port, and repeats it after 1, 3 and 7 s until it is answered. The
    /// address that peers find is that of this socket, then, which is closed again.
    ///
    /// # Errors
    /// [`ServerError::Unreachable`] if nothing comes back within 15 s, [`ServerError::Invalid`] if the socket cannot be bound.
    pub async fn pulse(
        &self,
        credentials: &Credentials,
        bind: Option<SocketAddr>,
    ) -> Result<PulseCode, ServerError> {
        let unreachable = |error: std::io::Error| ServerError::Unreachable(error.to_string());
        let ip = self.http.addresses().await.map_err(unreachable)?[0];
        let server = SocketAddr::new(ip, credentials.udp_port());
        let socket = Socket::bind(bind, ip)
            .await
            .map_err(|error| ServerError::Invalid(format!("cannot bind the UDP socket: {error}")))?;
        for wait in PULSE_WAITS {
            socket.send_to(credentials.key().reveal(), server).await.map_err(unreachable)?;
            let answer = async {
                let mut buffer = [0; 64];
                loop {
                    if let Ok((len, from)) = socket.recv_from(&mut buffer).await
                        && from == server
                        && let Some(code) = PulseCode::decode(&buffer[..len])
                    {
                        return code;
                    }
                }
            };
            if let Ok(code) = tokio::time::timeout(Duration::from_secs(wait), answer).await {
                return Ok(code);
            }
        }
        Err(ServerError::Unreachable(format!("no answer from {server} over UDP within 15 s")))
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        credentials: &Credentials,
        method: Method,
        path: &str,
    ) -> Result<T, RequestError> {
        self.http.call_as(credentials, method, path).await.map_err(RequestError::from)
    }
}

impl From<CallError> for RequestError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(why) => Self::Unreachable(why),
            CallError::Refused { status, code, retry_after } => match code.as_deref() {
                Some("unknown_peer") => Self::UnknownPeer,
                Some("address_unknown") => Self::AddressUnknown,
                Some("unknown_client") => Self::NotRegistered,
                _ => Self::Refused { status, code, retry_after },
            },
        }
    }
}
