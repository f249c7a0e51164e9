//! The client as a library: against real servers, on real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rendezvous_native::client::{
    Client, ClientEvent, ConnectError, Credentials, Event, Events, RequestError, ServerError, State,
};
use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{ClientId, PulseCode, ReplyWidth};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::attempt;
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};

use crate::tls_client::{Authority, Files};

/// Timing in which clients pulse often: the machine scales with the interval. On a busy machine or a slow disk nobody is gone so soon.
const FAST: [&str; 3] = ["--pulse-interval=600ms", "--pulse-grace=300ms", "--error-time=20s"];
/// The same, with lives of two seconds.
const SHORT_LIVED: [&str; 3] = [FAST[0], FAST[1], "--error-time=1500ms"];
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtimes() -> [Runtime; 2] {
    let mut one = Builder::new_current_thread();
    let mut several = Builder::new_multi_thread();
    [one.enable_all().build().unwrap(), several.worker_threads(2).enable_all().build().unwrap()]
}

fn runtime() -> Runtime {
    let [one, _] = runtimes();
    one
}

async fn register(server: &str) -> Client {
    Client::builder(server).register().await.unwrap()
}

/// The next event that is like this.
async fn event(events: &mut Events, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
    tokio::time::timeout(PATIENCE, async {
        loop {
            match events.next().await {
                Some(Event::Client(event)) if wanted(&event) => return event,
                Some(_) => {}
                None => panic!("no more events"),
            }
        }
    })
    .await
    .expect("it happens in time")
}

#[test]
fn it_stays_online_on_a_runtime_of_one_thread_and_of_several() {
    attempt("it_stays_online_on_a_runtime_of_one_thread_and_of_several", || {
        let server = LocalServer::with(&SHORT_LIVED);
        let watcher = server.target().register();
        for runtime in runtimes() {
            runtime.block_on(async {
                let client = register(server.target().http()).await;
                let mut events = client.events();
                event(&mut events, |event| *event == ClientEvent::Online).await;
                let id = client.id().unwrap();
                // Four lives of a client that would not pulse.
                for _ in 0..80 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    assert_eq!(client.status(id).await.unwrap().status, Status::Online);
                    watcher.verify().assert_ok();
                }
                assert_eq!(client.state(), State::Online);
                let local = client.local_address().unwrap().port();
                assert_eq!(client.public_address(), Some(([127, 0, 0, 1], local).into()));
                assert_eq!(watcher.socket_address_of(id), client.public_address().unwrap());
                assert!(client.logout().await);
                watcher.address_of(id).assert_problem(404, "unknown_peer");
                assert_eq!(client.lookup(id).await, Err(RequestError::NotRegistered));
            });
        }
    });
}

#[test]
fn a_dropped_client_logs_out() {
    let server = LocalServer::with_default_timing();
    let watcher = server.target().register();
    runtime().block_on(async {
        let client = register(server.target().http()).await;
        let id = client.id().unwrap();
        drop(client);
        let begun = Instant::now();
        while watcher.status_of(id).status == 200 {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn credentials_are_the_same_client_again_and_a_server_that_forgot_it_is_an_event() {
    let server = LocalServer::with_default_timing();
    runtime().block_on(async {
        let http = server.target().http();
        let client = Client::builder(http).stay_registered().register().await.unwrap();
        let (id, kept) = (client.id(), client.credentials().unwrap().to_json());
        drop(client);
        let again = || Client::builder(http).credentials(Credentials::from_json(&kept).unwrap());
        let client = again().register().await.unwrap();
        assert_eq!(client.id(), id);
        assert!(client.logout().await);
        let client = again().register().await.unwrap();
        let mut events = client.events();
        let ClientEvent::ReRegistered { lost, id: new } =
            event(&mut events, |event| matches!(event, ClientEvent::ReRegistered { .. })).await
        else {
            panic!("another event");
        };
        assert_eq!((Some(lost), Some(new)), (id, client.id()));
        assert_ne!(lost, new);
    });
}

#[test]
fn lookups_say_what_is_wrong() {
    let server = LocalServer::with_default_timing();
    runtime().block_on(async {
        let client = register(server.target().http()).await;
        let silent = server.target().register();
        assert_eq!(client.lookup(silent.id()).await, Err(RequestError::AddressUnknown));
        assert_eq!(client.lookup(ClientId::from_bytes([7; 16])).await, Err(RequestError::UnknownPeer));
        silent.pulse();
        let found = client.lookup(silent.id()).await.unwrap();
        assert_eq!(found.address.port(), silent.socket.local_addr().unwrap().port());
        let own = client.id().unwrap();
        assert_eq!(client.connect(own).await.unwrap_err(), ConnectError::Myself);
    });
}

#[test]
fn a_server_that_is_not_there_or_makes_no_sense_is_told_in_a_line() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    runtime().block_on(async {
        let patience = Duration::from_millis(500);
        let error =
            Client::builder(format!("http://{nobody}")).patience(patience).register().await.unwrap_err();
        let ServerError::Unreachable(why) = &error else { panic!("{error}") };
        assert!(why.to_lowercase().contains("refused"), "{error}");
        for url in ["", "nonsense", "ftp://a", "http://a/path", "http://user@a", "http://a?b"] {
            let error = Client::builder(url).register().await.unwrap_err();
            assert!(matches!(error, ServerError::Invalid(_)), "{url}: {error}");
        }
    });
}

#[test]
fn a_server_that_is_killed_and_restarted_or_moves_is_found_again() {
    let directory = Directory::new("client-moves");
    let store = format!("--store=redb:{}", directory.path().join("clients").display());
    let flags: Vec<&str> = FAST.iter().copied().chain([store.as_str()]).collect();
    let mut server = Process::start(&[&flags[..], &["--udp-listen=127.0.0.1:0"]].concat());
    let port = |server: &Process| server.target().http().rsplit(':').next().unwrap().to_owned();
    let http_port = port(&server);
    let address = Arc::new(Mutex::new(IpAddr::from([127, 0, 0, 1])));
    let lookup = Arc::clone(&address);
    runtime().block_on(async {
        let client = Client::builder(format!("http://rendezvous.test:{http_port}"))
            .look_up_names_with(move |_| {
                let address = *lookup.lock().unwrap();
                async move { Ok(vec![address]) }
            })
            .register()
            .await
            .unwrap();
        let id = client.id();
        client.wait_for(State::Online).await.unwrap();
        let udp_port = server.target().udp().port();
        for (what, ip) in [("restarted", [127, 0, 0, 1]), ("moved", [127, 0, 0, 9])] {
            let ip = Ipv4Addr::from(ip);
            server.kill();
            client.wait_for(State::Lost).await.unwrap();
            let begun = Instant::now();
            let listen = [format!("--udp-listen={ip}:{udp_port}"), format!("--http-listen={ip}:{http_port}")];
            server = Process::start(&[&flags[..], &[&listen[0], &listen[1]]].concat());
            *address.lock().unwrap() = ip.into();
            tokio::time::timeout(PATIENCE, client.wait_for(State::Online)).await.unwrap().unwrap();
            assert_eq!(client.id(), id, "{what}");
            println!("{what}: ONLINE after {:?}, of which the server's start", begun.elapsed());
        }
    });
}

/// A server that this test plays over UDP; the real one answers the requests.
struct Forged {
    real: LocalServer,
    udp: UdpSocket,
}

impl Forged {
    async fn new() -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = format!("--advertise-udp-port={}", udp.local_addr().unwrap().port());
        Self { real: LocalServer::with(&[&FAST[..], &[&port]].concat()), udp }
    }

    async fn pulse(&self) -> SocketAddr {
        let mut buffer = [0; 64];
        loop {
            let (len, from) =
                tokio::time::timeout(PATIENCE, self.udp.recv_from(&mut buffer)).await.unwrap().unwrap();
            if len == 32 {
                return from;
            }
        }
    }
}

#[test]
fn a_code_that_is_forged_from_the_servers_own_address_costs_no_id() {
    runtime().block_on(async {
        let forged = Forged::new().await;
        let client = register(forged.real.target().http()).await;
        let mut events = client.events();
        let id = client.id();
        for code in [PulseCode::NotFound, PulseCode::Reverify, PulseCode::NotFound] {
            let from = forged.pulse().await;
            forged.udp.send_to(code.encode(ReplyWidth::Two).as_bytes(), from).await.unwrap();
            event(&mut events, |event| *event == ClientEvent::Reverified).await;
            assert_eq!(client.id(), id);
        }
    });
}

#[test]
fn what_comes_from_elsewhere_is_the_applications_even_if_it_looks_like_a_code() {
    runtime().block_on(async {
        let forged = Forged::new().await;
        let client = register(forged.real.target().http()).await;
        let from = forged.pulse().await;
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let code = PulseCode::NotFound.encode(ReplyWidth::Two);
        let own: [&[u8]; 4] = [code.as_bytes(), b"", b"hello", &[0x0b; 48]];
        for datagram in own {
            stranger.send_to(datagram, from).await.unwrap();
        }
        // Of the server, too, if it is no code.
        forged.udp.send_to(b"not a code", from).await.unwrap();
        for datagram in own {
            let (bytes, source) = client.recv_from().await.unwrap();
            assert_eq!((&bytes[..], source), (datagram, stranger.local_addr().unwrap()));
        }
        assert_eq!(client.recv_from().await.unwrap().0, b"not a code");
        client.send_to(b"and back", stranger.local_addr().unwrap()).await.unwrap();
        let mut buffer = [0; 64];
        let (len, source) = stranger.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..len], source.port()), (&b"and back"[..], from.port()), "it is one socket");
        assert_ne!(client.state(), State::Online, "the 1060 of a stranger is no answer");
    });
}

#[test]
fn two_find_each_other_and_talk_while_they_pulse_on() {
    attempt("two_find_each_other_and_talk_while_they_pulse_on", || {
        let server = LocalServer::with(&FAST);
        for runtime in runtimes() {
            runtime.block_on(async {
                let (a, b) = (register(server.target().http()).await, register(server.target().http()).await);
                let (a_id, b_id) = (a.id().unwrap(), b.id().unwrap());
                let (to_b, to_a) = tokio::join!(a.connect(b_id), b.connect(a_id));
                let (to_b, to_a) = (to_b.unwrap(), to_a.unwrap());
                assert_eq!((to_b.peer(), to_a.peer()), (b_id, a_id));
                assert_eq!(to_b.address().unwrap().port(), b.local_address().unwrap().port());
                for number in 0..50_u8 {
                    to_b.send(&[number, 1]).await.unwrap();
                    to_a.send(&[number, 2]).await.unwrap();
                    assert_eq!(to_a.recv().await.unwrap(), [number, 1]);
                    assert_eq!(to_b.recv().await.unwrap(), [number, 2]);
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
                for client in [&a, &b] {
                    assert_eq!(client.status(client.id().unwrap()).await.unwrap().status, Status::Online);
                }
                drop(to_a);
                a.logout().await;
                // The driver has ended, and with it the path.
                assert_eq!(to_b.recv().await, None);
                assert!(to_b.send(b"?").await.is_err() || to_b.address().is_some());
            });
        }
    });
}

#[test]
fn a_peer_that_does_not_try_is_told_apart_from_one_that_is_not_there() {
    attempt("a_peer_that_does_not_try_is_told_apart_from_one_that_is_not_there", || {
        let server = LocalServer::with_default_timing();
        runtime().block_on(async {
            let (a, b) = (register(server.target().http()).await, register(server.target().http()).await);
            // The server knows where both are: or else the look-up of the address would be repeated after a second.
            for client in [&a, &b] {
                client.wait_for(State::Online).await.unwrap();
            }
            let mut knocks = b.events();
            let begun = Instant::now();
            let mut attempts = vec![];
            let error = a
                .connect_with(b.id().unwrap(), Duration::from_secs(4), |progress| attempts.push(progress))
                .await
                .unwrap_err();
            let took = begun.elapsed();
            assert!(matches!(error, ConnectError::RelayNeeded { .. }), "{error}");
            assert!(error.to_string().contains("relay"), "{error}");
            assert!(took > Duration::from_secs(3) && took < Duration::from_secs(4), "{took:?}");
            assert_eq!(attempts.len(), 20, "a probe each: {attempts:?}");
            let knock = tokio::time::timeout(PATIENCE, async {
                loop {
                    if let Some(Event::Knock { peer, .. }) = knocks.next().await {
                        return peer;
                    }
                }
            });
            assert_eq!(knock.await.unwrap(), a.id().unwrap());
            let nobody = ClientId::from_bytes([7; 16]);
            let error = a.connect_with(nobody, Duration::from_millis(1_500), |_| {}).await.unwrap_err();
            assert_eq!(error, ConnectError::NotFound(nobody, RequestError::UnknownPeer));
        });
    });
}

#[test]
fn an_attempt_that_is_dropped_sends_nothing_more() {
    let server = LocalServer::with_default_timing();
    runtime().block_on(async {
        let a = register(server.target().http()).await;
        let silent = server.target().register();
        silent.pulse();
        let dropped = tokio::time::timeout(Duration::from_millis(400), a.connect(silent.id())).await;
        assert!(dropped.is_err());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let socket = silent.socket.try_clone().unwrap();
        socket
            .connect(a.local_address().map(|local| SocketAddr::from(([127, 0, 0, 1], local.port()))).unwrap())
            .unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        assert!(socket.recv(&mut [0; 64]).is_err(), "a probe after the attempt was dropped");
    });
}

#[test]
fn https_is_believed_if_its_certificate_is() {
    let directory = Directory::new("client-https");
    let authority = Authority::new();
    let [cert, key] = Files::write(&directory, &authority.certify(1)).flags();
    let server = LocalServer::with(&[&cert, &key]);
    let port = server.target().http().rsplit(':').next().unwrap().to_owned();
    let builder = || {
        Client::builder(format!("https://rendezvous.test:{port}"))
            .look_up_names_with(|_| async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
            .patience(Duration::from_secs(2))
    };
    runtime().block_on(async {
        let error = builder().register().await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        let client = builder().root_certificates(authority.pem()).register().await.unwrap();
        client.wait_for(State::Online).await.unwrap();
        assert!(client.logout().await);
    });
}
