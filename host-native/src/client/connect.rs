//! From a peer's id to a path: ask until it is found, then up to three attempts in a row, each with a fresh lookup.

use std::sync::Arc;
use std::time::Duration;

use rendezvous_protocol::punch::{ATTEMPT, MAX_PROBES, Reason};
use rendezvous_protocol::{ClientId, Instant, Millis};
use tokio::sync::{Mutex, mpsc, watch};

use super::driver::{Command, PunchCommand};
use super::path::{Hold, PathState};
use super::{Client, ConnectError, Path, QUEUE, RequestError, clock};

/// How many attempts there are in a row.
pub const ATTEMPTS: u32 = 3;
/// How long a round of [`ATTEMPTS`] takes at most: 9.6 s, and their lookups.
pub const ROUND: Duration = Duration::from_secs(10);
/// How often the server is asked for a peer that is not there yet.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The server does not say yet where the peer is, and why.
    Waiting(RequestError),
    /// Probes are sent.
    Punching {
        /// Which attempt of the round, beginning with 1.
        attempt: u32,
        /// So many probes were sent.
        sent: u32,
        /// Of so many.
        of: u32,
    },
    /// A round of attempts failed; there is time for another.
    RoundFailed(Reason),
}

impl Client {
    /// Finds a direct way to `peer`, which has to do the same at the same time. Gives up after a round of three attempts, less than
    /// 10 s after the server said where the peer is.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn connect(&self, peer: ClientId) -> Result<Path, ConnectError> {
        self.connect_with(peer, ROUND, |_| {}).await
    }

    /// The same, waiting for so long for the peer to appear, and trying for so long once it did, round by round; `progress` is told of each
    /// step. Dropping the future ends the attempt.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn connect_with(
        &self,
        peer: ClientId,
        patience: Duration,
        mut progress: impl FnMut(Progress),
    ) -> Result<Path, ConnectError> {
        let token = getrandom::u64().unwrap_or_default();
        let hold = Hold { shared: Arc::clone(&self.shared), peer, token };
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut search = Search { client: self, peer, token, data: sender, patience, found: None };
        let began = clock::now();
        loop {
            let mut reason = Reason::Silent;
            for attempt in 1..=ATTEMPTS {
                let address = search.find(began, &mut progress).await?;
                if !search.has_time() {
                    break;
                }
                let told = |sent| progress(Progress::Punching { attempt, sent, of: MAX_PROBES });
                match search.attempt(address, told).await {
                    Ok(state) => {
                        let took = search.tried();
                        // The driver has the only other one: when it lets go, the path's queue ends.
                        drop(search);
                        return Ok(Path { hold, state, data: Mutex::new(receiver), took });
                    }
                    Err(why) => reason = why,
                }
            }
            if !search.has_time() {
                return Err(ConnectError::RelayNeeded { reason, tried: search.tried() });
            }
            progress(Progress::RoundFailed(reason));
        }
    }
}

struct Search<'a> {
    client: &'a Client,
    peer: ClientId,
    token: u64,
    data: mpsc::Sender<Vec<u8>>,
    patience: Duration,
    /// When the peer was found first.
    found: Option<Instant>,
}

impl Search<'_> {
    /// Where the server sees the peer, as soon as it says so.
    async fn find(
        &mut self,
        began: Instant,
        progress: &mut impl FnMut(Progress),
    ) -> Result<std::net::SocketAddr, ConnectError> {
        loop {
            if self.client.id() == Some(self.peer) {
                return Err(ConnectError::Myself);
            }
            if self.client.has_ended() {
                return Err(ConnectError::Ended);
            }
            match self.client.lookup(self.peer).await {
                Ok(found) => {
                    self.found.get_or_insert_with(clock::now);
                    return Ok(found.address);
                }
                Err(error) => {
                    let waited = Duration::from(clock::now().since(self.found.unwrap_or(began)));
                    let wait = match &error {
                        RequestError::Refused { retry_after: Some(wait), .. } => Duration::from(*wait),
                        RequestError::Refused { .. }
                        | RequestError::UnknownPeer
                        | RequestError::AddressUnknown
                        | RequestError::NotRegistered
                        | RequestError::Unreachable(_) => ASK_AGAIN,
                    };
                    if waited + wait > self.patience {
                        return Err(ConnectError::NotFound(self.peer, error));
                    }
                    progress(Progress::Waiting(error));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn tried(&self) -> Millis {
        self.found.map(|found| clock::now().since(found)).unwrap_or_default()
    }

    /// Whether another attempt is over before patience is.
    fn has_time(&self) -> bool {
        Duration::from(self.tried() + ATTEMPT) <= self.patience
    }

    async fn attempt(
        &self,
        address: std::net::SocketAddr,
        mut sent_so_far: impl FnMut(u32),
    ) -> Result<watch::Receiver<PathState>, Reason> {
        let (sender, mut state) = watch::channel(PathState::Begun);
        let command = PunchCommand {
            peer: self.peer,
            address,
            token: self.token,
            state: sender,
            data: self.data.clone(),
        };
        if self.client.shared.commands.send(Command::Punch(command)).is_err() {
            return Err(Reason::Silent);
        }
        while state.changed().await.is_ok() {
            let now = *state.borrow_and_update();
            match now {
                PathState::Probing { sent } => sent_so_far(sent),
                PathState::Connected { .. } => return Ok(state),
                PathState::Failed { reason } => return Err(reason),
                PathState::Begun | PathState::Closed => {}
            }
        }
        // The client has no id for a moment, or has ended: the next lookup tells which.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(Reason::Silent)
    }
}
