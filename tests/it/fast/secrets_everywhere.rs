//! The real program at its most talkative, given keys in every way there is: nothing of what it writes or says holds one, but the
//! answer to its registration.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;
use rendezvous_model::secrets::Needles;
use rendezvous_model::size::tell;
use rendezvous_protocol::PrivateKey;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command};
use rendezvous_tests::target::Client;

use crate::exchange::{Delivery, exchange};

/// Late after a quarter of a second, gone after a minute.
const TIMING: [&str; 3] = ["--pulse-interval=200ms", "--pulse-grace=50ms", "--error-time=60s"];

/// Something that was written or said, and all its bytes.
type Place = (String, Vec<u8>);

#[test]
fn nothing_that_the_program_writes_or_says_holds_a_key_but_the_answer_to_its_registration() {
    let directory = Directory::new("secrets-everywhere");
    let (store, output) = (directory.path().join("files"), directory.path().join("stdout"));
    fs::create_dir(&store).unwrap();
    let mut start = command();
    start.args(TIMING).args(["--no-limits", "--log-level=trace"]);
    start.arg(format!("--store=redb:{}", store.join("store.redb").display()));
    start.stdout(File::create(&output).unwrap());
    let mut process = Process::start_with(start);
    let target = process.target().clone();
    let http = target.http_address();

    let mut places: Vec<Place> = vec![];
    let clients: Vec<_> = (0..4).map(|_| target.register()).collect();
    for client in &clients {
        live(client, clients[0].id().to_string().as_str(), http, &mut places);
    }
    let admin = process.admin()[0];
    for path in
        ["/", "/metrics", "/status.json", "/version", "/livez", "/readyz", "/openapi.json", "/simulator/"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        let answer = exchange(admin, request.as_bytes(), Delivery::Whole);
        assert!(answer.starts_with(b"HTTP/1.1 "), "{path}");
        places.push((format!("admin {path}"), answer));
    }
    // Two are still there when it stops, and so are in the files.
    for client in &clients[2..] {
        say("logout", &request("POST", "/logout", &client.bearer(), ""), http, &mut places);
        client.socket.send(client.registration.private_id.reveal()).unwrap();
        assert_eq!(reply(client), [0x04, 0x24], "1060");
    }
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait().code(), Some(0));

    let log: String = process.log().iter().map(|line| format!("{line}\n")).collect();
    assert!(log.contains("registered") && log.contains("logged out"), "it did log: {log}");
    for client in &clients {
        assert!(!log.contains(&client.id().to_string()), "of an id, only the first digits are logged");
    }
    places.push(("the log".into(), log.into_bytes()));
    places.push(("standard output".into(), fs::read(&output).unwrap()));
    for entry in fs::read_dir(&store).unwrap() {
        let entry = entry.unwrap();
        places.push((format!("{:?}", entry.file_name()), fs::read(entry.path()).unwrap()));
    }
    let kept = places.iter().find(|(name, _)| name == "\"store.redb\"").expect("a store");
    let id = hex::decode(clients[0].id().to_string()).unwrap();
    assert!(kept.1.windows(16).any(|window| window == id), "the store does hold the clients");

    let keys: Vec<_> = clients.into_iter().map(|client| client.registration.private_id).collect();
    let needles: Vec<_> = keys.iter().map(Needles::of).collect();
    assert_eq!(leaks(&places, &needles), [""; 0]);
    tell(&format!(
        "none of {} keys in {} bytes of {} answers, files and logs",
        keys.len(),
        places.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
        places.len()
    ));
    would_be_found(&mut places, &keys, &needles);
}

/// The same search finds a key that is put into each of the places.
fn would_be_found(places: &mut [Place], keys: &[PrivateKey], needles: &[Needles]) {
    for at in 0..places.len() {
        let key = &keys[at % keys.len()];
        let forms = [
            key.reveal().to_vec(),
            hex::encode(key.reveal()).into_bytes(),
            format!("{:?}", key.reveal()).into(),
        ];
        let (name, bytes) = &mut places[at];
        let (name, middle) = (name.clone(), bytes.len() / 2);
        let good = bytes.clone();
        bytes.splice(middle..middle, forms[at % forms.len()].iter().copied());
        let found = leaks(places, needles);
        assert!(matches!(&found[..], [leak] if leak.contains(&name)), "{name}: {found:?}");
        places[at].1 = good;
    }
    assert_eq!(leaks(places, needles), [""; 0]);
}

/// Where there is a key.
fn leaks(places: &[Place], needles: &[Needles]) -> Vec<String> {
    let search = |(name, bytes): &Place| {
        let form = needles.iter().find_map(|needles| needles.find(bytes))?;
        Some(format!("{name} holds a key ({form})"))
    };
    places.iter().filter_map(search).collect()
}

/// A client's life, its mistakes included.
fn live(client: &Client<'_>, peer: &str, http: SocketAddr, places: &mut Vec<Place>) {
    let (key, bearer) = (client.key_hex(), client.bearer());
    let verify = request("POST", "/verify", &bearer, "");
    // On a busy machine, the first pulse may be late.
    let on_time = (0..100).any(|_| {
        say("verify", &verify, http, places);
        client.socket.send(client.registration.private_id.reveal()).unwrap();
        let reply = reply(client);
        places.push(("pulse".into(), reply.clone()));
        reply == [0x03, 0xFC]
    });
    assert!(on_time, "1020");
    sleep(client.late_after() + Duration::from_millis(100));
    client.socket.send(client.registration.private_id.reveal()).unwrap();
    let late = reply(client);
    assert_eq!(late, [0x04, 0x1A], "1050");
    places.push(("late pulse".into(), late));
    // Keys where none belong: in hex, cut off, and twice in one datagram.
    let raw = client.registration.private_id.reveal();
    for datagram in [key.as_bytes(), &raw[1..], &[&raw[..], &raw[..]].concat()] {
        client.socket.send(datagram).unwrap();
    }
    say("verify", &verify, http, places);
    for path in [format!("/peer/{peer}/udp"), format!("/peer/{peer}/udp/status"), format!("/peer/{key}/udp")]
    {
        say(&path.replace(&key, "KEY"), &request("GET", &path, &bearer, ""), http, places);
    }
    for header in [
        format!("Basic {key}"),
        key.clone(),
        format!("Bearer {key}0"),
        format!("Bearer {key}{key}"),
        format!("Bearer {key},"),
        format!("Bearer {key}\u{1}"),
        format!("Bearer {key}\u{fc}"),
        String::new(),
    ] {
        say("bad credentials", &request("POST", "/verify", &header, ""), http, places);
    }
    say(
        "a key in a body",
        &request("POST", "/verify", "", &format!("{{\"private_id\":\"{key}\"}}")),
        http,
        places,
    );
    for garbage in [
        format!("GET /peer/{peer}/udp?key={key} HTTP/1.1\r\nHost: {key}\r\nConnection: close\r\n\r\n"),
        format!("POST /{key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        format!("{key} /verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        format!("POST /verify HTTP/{key}\r\n\r\n"),
        format!("POST /verify HTTP/1.1\r\nKey: {key}\r\nbad header\r\n\r\n"),
        format!("POST /verify HTTP/1.1\r\n{key}: x\r\n{key} y: z\r\n\r\n"),
        format!("POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: {key}\r\n\r\n"),
        format!("POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {key}\r\n\r\n"),
        format!("POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{key}\r\n"),
        format!("PROXY TCP4 {key} 127.0.0.1 1 2\r\n"),
        format!("{key}\r\n\r\n"),
    ] {
        say("garbage", garbage.as_bytes(), http, places);
    }
    say("raw bytes", raw, http, places);
}

fn request(method: &str, path: &str, authorization: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {len}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn say(what: &str, bytes: &[u8], http: SocketAddr, places: &mut Vec<Place>) {
    places.push((format!("{}: {what}", places.len()), exchange(http, bytes, Delivery::Whole)));
}

/// The bytes of the answer to a pulse.
fn reply(client: &Client<'_>) -> Vec<u8> {
    let mut buffer = [0; 64];
    let len = client.socket.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}
