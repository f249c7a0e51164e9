//! A node whose clients are in a store that it shares with others. It holds none itself: each call asks the store, and the times are
//! the store's.

use rendezvous_protocol::http::RegisterBody;
use rendezvous_protocol::lifecycle::{Registration, Unknown};
use rendezvous_protocol::{ClientId, Instant, Rejection, Response, UnixTime};

use super::{DRAWS, Node, Refusal, draw_key};
use crate::logging::short;
use crate::shared::{SharedStore, Unavailable};

impl Node {
    /// The store that it shares with others, if it does.
    pub fn shared_store(&self) -> Option<&SharedStore> {
        self.shared.as_ref()
    }

    pub(crate) async fn register_shared(&self, store: &SharedStore) -> Result<RegisterBody, Rejection> {
        if self.capacity.is_exceeded_by(store.clients()) {
            self.note_refused(Refusal::AtCapacity, 1);
            return Err(Rejection::AtCapacity);
        }
        for _ in 0..DRAWS {
            let key = draw_key().map_err(|error| self.no_entropy(&error))?;
            let id = ClientId::of(&key);
            let (answer, at) = store.register(id).await?;
            if answer == Registration::Registered {
                tracing::debug!(client = short(id), "registered");
                return Ok(RegisterBody::new(key, unix(at), self.udp_port, &self.timing));
            }
        }
        Err(self.no_luck())
    }

    pub(crate) async fn verify_shared(
        &self,
        store: &SharedStore,
        caller: ClientId,
    ) -> Result<Response, Rejection> {
        let (answer, at) = store.verify(caller).await?;
        answer?;
        tracing::debug!(client = short(caller), "verified");
        Ok(Response::Verified { client_id: caller, timestamp: unix(at) })
    }

    pub(crate) async fn logout_shared(
        &self,
        store: &SharedStore,
        caller: ClientId,
    ) -> Result<Response, Rejection> {
        store.logout(caller).await?.0?;
        tracing::debug!(client = short(caller), "logged out");
        Ok(Response::LoggedOut { client_id: caller })
    }

    /// Credentials first, then the path, then the peer.
    pub(crate) async fn look_up_shared(
        &self,
        store: &SharedStore,
        caller: ClientId,
        peer: Option<ClientId>,
        wants_status: bool,
    ) -> Result<Response, Rejection> {
        let Some(peer) = peer else {
            store.authorize(caller).await?.0?;
            return Err(Rejection::MalformedClientId);
        };
        let (found, at) = store.look_up(caller, peer).await?;
        let observation = found?.map_err(|Unknown| Rejection::UnknownPeer)?;
        if wants_status {
            Ok(Response::peer_status(peer, observation, unix(at)))
        } else {
            Response::peer_address(peer, observation, unix(at))
        }
    }
}

/// The clock of a shared store is the time of day.
fn unix(at: Instant) -> UnixTime {
    UnixTime::from_millis(at.as_millis())
}

impl From<Unavailable> for Rejection {
    fn from(Unavailable: Unavailable) -> Self {
        Self::Unavailable
    }
}
