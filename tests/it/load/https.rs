//! HTTPS: a certificate that is replaced, handshakes in small pieces, and files that are wrong.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_model::size::Size;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::timing::exclusive;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::peers::{Connection, PATIENCE, connect, request};
use crate::tls_client::{Authority, Files, NAME, connect_tls};

const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// From one certificate to the next.
const BETWEEN: Duration = Duration::from_millis(100);

/// What the server logs when it has read the files again, and when it could not.
const READ: &str = "new connections get the certificate";
const KEPT: &str = "the certificate in use stays in use";

#[test]
fn a_certificate_is_replaced_under_load_without_a_failure() {
    let times: u64 = Size::get().pick("certificates replaced under load", 3, 10, 50);
    let _exclusive = exclusive();
    let directory = Directory::new("tls-reload");
    let authority = Authority::new();
    let files = Files::write(&directory, &authority.certify(1));
    let process = Process::start(&files.flags().each_ref().map(String::as_str));
    let (server, config) = (process.http()[0], authority.config());
    let ended = AtomicBool::new(false);
    let get = request("GET", "/none", "");
    let (short, long) = scope(|scope| {
        let (ended, config, get) = (&ended, &config, &get);
        let short: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut requests = 0_u64;
                    while !ended.load(Ordering::Relaxed) {
                        let (mut connection, _) = connect_tls(config, CLIENT, server).unwrap();
                        assert_eq!(connection.ask(get).unwrap().status, 404);
                        requests += 1;
                    }
                    requests
                })
            })
            .collect();
        let long: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let (mut connection, _) = connect_tls(config, CLIENT, server).unwrap();
                    let mut requests = 0_u64;
                    while !ended.load(Ordering::Relaxed) {
                        assert_eq!(connection.ask(get).unwrap().status, 404);
                        requests += 1;
                        sleep(Duration::from_millis(1));
                    }
                    requests
                })
            })
            .collect();
        // However this ends, the threads must.
        let _ended = SetOnDrop(ended);
        for serial in 2..2 + times {
            let certificate = authority.certify(serial);
            Files::write(&directory, &certificate);
            process.signal(Signal::SIGHUP);
            wait_for_lines(&process, READ, serial as usize - 1);
            let (_, shown) = connect_tls(config, CLIENT, server).unwrap();
            assert!(shown == certificate.der, "certificate {serial} is not shown");
            sleep(BETWEEN);
        }
        let last = authority.certify(99);
        Files::write(&directory, &last);
        process.signal(Signal::SIGHUP);
        wait_for_lines(&process, READ, times as usize + 1);
        for (number, (cert, key)) in
            [("nonsense", ""), (last.pem.as_str(), authority.certify(100).key_pem.as_str())]
                .iter()
                .enumerate()
        {
            directory.write("cert.pem", cert);
            directory.write("key.pem", key);
            process.signal(Signal::SIGHUP);
            wait_for_lines(&process, KEPT, number + 1);
            let (_, shown) = connect_tls(config, CLIENT, server).unwrap();
            assert!(shown == last.der, "the last good certificate is shown");
        }
        ended.store(true, Ordering::Relaxed);
        let sum = |threads: Vec<std::thread::ScopedJoinHandle<'_, u64>>| {
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
        };
        (sum(short), sum(long))
    });
    let errors = process.log().iter().filter(|line| line["level"] == "ERROR").count();
    println!(
        "{times} certificates replaced: {short} requests on connections of their own, {long} on 3 that stayed open, 0 failed; 2 bad \
         files, {errors} lines of errors"
    );
    assert_eq!(errors, 2);
    assert!(short > times && long > times);
}

#[test]
fn a_handshake_byte_by_byte_is_one_and_what_is_none_does_no_harm() {
    let directory = Directory::new("tls-bytes");
    let authority = Authority::new();
    let files = Files::write(&directory, &authority.certify(1));
    let process = Process::start(&files.flags().each_ref().map(String::as_str));
    let (server, config) = (process.http()[0], authority.config());

    let mut session = ClientConnection::new(config.clone(), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut stream = connect(CLIENT, server).unwrap();
    let mut hello = vec![];
    session.write_tls(&mut hello).unwrap();
    for byte in &hello {
        stream.write_all(&[*byte]).unwrap();
        sleep(Duration::from_millis(1));
    }
    while session.is_handshaking() {
        session.complete_io(&mut stream).unwrap();
    }
    let mut connection = Connection::new(tokio_rustls::rustls::StreamOwned::new(session, stream));
    assert_eq!(connection.ask(&request("GET", "/none", "")).unwrap().status, 404);

    let half = &hello[..hello.len() / 2];
    let plain = request("POST", "/register", "");
    let long = vec![0x16; 100_000];
    for bytes in [&plain[..], half, &[], b"\x16\x03\x01\xff\xff", &long] {
        let mut stream = connect(CLIENT, server).unwrap();
        let _ = stream.write_all(bytes);
        stream.shutdown(std::net::Shutdown::Write).ok();
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "an answer in clear");
    }
    let (mut connection, _) = connect_tls(&config, CLIENT, server).unwrap();
    assert_eq!(connection.ask(&request("POST", "/register", "")).unwrap().status, 200);
    let log = format!("{:?}", process.log());
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_one_clear_line() {
    let directory = Directory::new("tls-files");
    let authority = Authority::new();
    let (one, other) = (authority.certify(1), authority.certify(2));
    let file = |name, text: &str| directory.write(name, text).display().to_string();
    let (cert, key) = (file("cert.pem", &one.pem), file("key.pem", &one.key_pem));
    let other_key = file("other.pem", &other.key_pem);
    let torn = file("torn.pem", &one.key_pem[..one.key_pem.len() / 2]);
    let none = directory.path().join("none.pem").display().to_string();
    for (cert, key, flag, expected) in [
        (&cert, &other_key, "--tls-key", "it is not the certificate's key"),
        (&cert, &torn, "--tls-key", "PEM"),
        (&cert, &cert, "--tls-key", "there is none in it"),
        (&key, &key, "--tls-cert", "there is no certificate in it"),
        (&none, &key, "--tls-cert", "No such file"),
        (&cert, &none, "--tls-key", "No such file"),
    ] {
        let mut command = command();
        command.args([format!("--tls-cert={cert}"), format!("--tls-key={key}")]);
        command.args(
            ["--udp-listen", "--http-listen", "--admin-listen"].map(|name| format!("{name}=127.0.0.1:0")),
        );
        command.args(["--store=memory:", "--log-format=text"]);
        let output = run_to_end(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(flag) && said.contains(expected), "{expected:?} is not in {said}");
        for text in [&one.pem, &one.key_pem, &other.key_pem] {
            let secret = text.lines().filter(|line| !line.starts_with('-'));
            assert!(!secret.into_iter().any(|line| said.contains(line)), "it quotes a file");
        }
    }
}

#[test]
fn keys_that_cross_networks_in_clear_are_warned_of() {
    let directory = Directory::new("tls-warning");
    let [cert, key] = Files::write(&directory, &Authority::new().certify(1)).flags();
    let everywhere = "--http-listen=0.0.0.0:0";
    for (flags, warns) in [
        (&[everywhere][..], true),
        (&[everywhere, "--allow-plain-http"], false),
        (&[everywhere, &cert, &key], false),
        (&["--http-listen=127.0.0.1:0"], false),
    ] {
        let mut process = Process::start(flags);
        process.signal(Signal::SIGTERM);
        process.wait_for("stopped");
        process.wait();
        let log = format!("{:?}", process.log());
        assert_eq!(log.contains("keys cross the network in clear"), warns, "{flags:?}");
    }
}

/// Waits until there are this many lines with `what` in the log.
fn wait_for_lines(process: &Process, what: &str, count: usize) {
    let start = Instant::now();
    loop {
        let log = process.log();
        let lines =
            log.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.contains(what)));
        match lines.count() {
            found if found == count => return,
            found => assert!(found < count, "{found} lines with {what:?} instead of {count}"),
        }
        assert!(start.elapsed() < PATIENCE, "too few lines with {what:?} in {log:#?}");
        sleep(Duration::from_millis(2));
    }
}
