//! Connections that take their time, of every kind; and when the server has had enough.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::peers::request;

/// Between two bytes of a slow client.
const DRIP: Duration = Duration::from_millis(500);

/// Connections that are being opened at once: fewer than may wait to be accepted.
const OPENING: usize = 64;

/// Connections from one address.
const EACH: usize = 50;

/// How a connection is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The head of a request comes in drops.
    Head,
    /// The body does.
    Body,
    /// Not a byte of a TLS handshake comes.
    SilentHandshake,
    /// Half of one comes in drops.
    Handshake,
    /// Not a byte comes.
    Idle,
    /// One request comes, and nothing after its answer.
    IdleAfterAnswer,
}

/// What became of one.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    /// From the beginning of what was slow to the end of the connection.
    pub(crate) lasted: Duration,
    /// The status that was read after that beginning, if any was.
    pub(crate) status: Option<u16>,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Head, Self::Body, Self::SilentHandshake, Self::Handshake, Self::Idle, Self::IdleAfterAnswer];

    /// Who comes one after the other: heads, bodies, handshakes and idle ones in equal parts.
    const PARTS: [Self; 8] = [
        Self::Head,
        Self::Body,
        Self::SilentHandshake,
        Self::Idle,
        Self::Head,
        Self::Body,
        Self::Handshake,
        Self::IdleAfterAnswer,
    ];

    /// Whether this is about TLS.
    fn shakes_hands(self) -> bool {
        matches!(self, Self::SilentHandshake | Self::Handshake)
    }
}

/// Opens `count` slow connections of all kinds, and waits until all are closed, or until `patience` is over for one.
pub(crate) async fn open(
    count: usize,
    plain: SocketAddr,
    tls: SocketAddr,
    hello: Arc<[u8]>,
    patience: Duration,
) -> Vec<Outcome> {
    let opening = Arc::new(Semaphore::new(OPENING));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let kind = Kind::PARTS[number % Kind::PARTS.len()];
            let (opening, hello) = (Arc::clone(&opening), Arc::clone(&hello));
            let to = if kind.shakes_hands() { tls } else { plain };
            tokio::spawn(async move {
                let slot = opening.acquire().await.unwrap();
                let mut stream = connect(number, to).await.unwrap();
                drop(slot);
                be_slow(kind, &mut stream, &hello, patience).await
            })
        })
        .collect();
    let mut outcomes = vec![];
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

async fn connect(number: usize, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let from = u32::from(Ipv4Addr::new(127, 4, 0, 0)) + u32::try_from(number / EACH).unwrap();
    socket.bind((Ipv4Addr::from(from), 0).into())?;
    socket.connect(to).await
}

async fn be_slow(kind: Kind, stream: &mut TcpStream, hello: &[u8], patience: Duration) -> Outcome {
    let begun = Instant::now();
    let mut begun = match kind {
        Kind::SilentHandshake | Kind::Handshake | Kind::Idle | Kind::Head | Kind::Body => begun,
        Kind::IdleAfterAnswer => {
            stream.write_all(&request("GET", "/none", "")).await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0, "an answer");
            Instant::now()
        }
    };
    let head = request("GET", "/none", &format!("Slow: {}\r\n", "a".repeat(1000)));
    let drops: &[u8] = match kind {
        Kind::SilentHandshake | Kind::Idle | Kind::IdleAfterAnswer => &[],
        Kind::Handshake => &hello[..hello.len() / 2],
        Kind::Head => &head,
        Kind::Body => {
            stream.write_all(&request("POST", "/none", "Content-Length: 100\r\n")).await.unwrap();
            begun = Instant::now();
            &[b'a'; 99]
        }
    };
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        for byte in drops {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(DRIP).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = vec![];
    let end = async {
        let mut part = [0; 1024];
        while let Ok(count @ 1..) = reader.read(&mut part).await {
            answer.extend_from_slice(&part[..count]);
        }
    };
    let both = async {
        tokio::select! {
            () = drip => {}
            () = end => {}
        }
    };
    // Whoever is still open then has lasted too long.
    let _ = timeout(patience, both).await;
    let lasted = begun.elapsed();
    let status = std::str::from_utf8(&answer).ok().and_then(|text| text.get(9..12)?.parse().ok());
    Outcome { kind, lasted, status }
}
