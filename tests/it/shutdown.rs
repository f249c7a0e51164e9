//! Stopping under load: every request that was begun is answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use rendezvous_tests::process::Process;

/// Connections that send one request after the other for as long as the server keeps them.
const CONNECTIONS: usize = 16;

#[test]
fn sigterm_under_load_cuts_off_no_request() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut process = Process::start(&[]);
        let address = process.addresses("(http)")[0];
        let answered = AtomicU64::new(0);
        thread::scope(|scope| {
            let loads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| load(address, &answered))).collect();
            while answered.load(Ordering::Relaxed) < 1000 {
                thread::sleep(Duration::from_millis(1));
            }
            process.signal(signal);
            for load in loads {
                load.join().expect("every request that was sent was answered");
            }
        });
        let (status, took) = process.wait();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
    }
}

#[test]
fn a_request_that_was_begun_is_answered_and_so_are_pulses_meanwhile() {
    let process = Process::start(&[]);
    let client = process.target().register();
    let mut stream = TcpStream::connect(process.addresses("(http)")[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"POST /register HTTP/1.1\r\nHost: local").unwrap();
    thread::sleep(Duration::from_millis(50));
    process.signal(Signal::SIGTERM);
    // Well after the listener is closed, and well before the server gives up.
    thread::sleep(Duration::from_millis(1500));
    assert!(TcpStream::connect(process.addresses("(http)")[0]).is_err(), "it does not accept any more");
    assert_eq!(client.pulse(), 1020);
    stream.write_all(b"host\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let mut process = Process::start(&[]);
    let _silent = TcpStream::connect(process.addresses("(http)")[0]).unwrap();
    thread::sleep(Duration::from_millis(50));
    process.signal(Signal::SIGTERM);
    let (status, took) = process.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Registers over one connection until the server says that it closes it.
fn load(address: std::net::SocketAddr, answered: &AtomicU64) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        stream.write_all(b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").unwrap();
        let (mut length, mut last) = (0, false);
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "closed before the answer");
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            last |= header == "connection: close";
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        answered.fetch_add(1, Ordering::Relaxed);
        if last {
            return;
        }
    }
}
