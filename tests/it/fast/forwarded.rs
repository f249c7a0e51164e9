//! Proxies, and whoever pretends to be one.

use std::net::{Ipv4Addr, SocketAddr};

use rendezvous_tests::process::Process;

use crate::peers::{Answer, Connection, connect, request};

/// One registration for each address.
const ONE: &str = "--limit-registrations=1/h burst 1";
const TRUSTED: &str = "--trusted-proxies=127.0.0.1/32";

const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Ways to pretend to be somebody else.
const PRETENCES: [&str; 20] = [
    "X-Forwarded-For: 192.0.2.1",
    "x-forwarded-for: 192.0.2.2",
    "X-FORWARDED-FOR: 192.0.2.3",
    "X-Forwarded-For: 192.0.2.4, 127.0.0.1",
    "X-Forwarded-For: 127.0.0.1, 192.0.2.5",
    "X-Forwarded-For: 192.0.2.6\r\nX-Forwarded-For: 192.0.2.7",
    "X-Forwarded-For: 2001:db8::1",
    "X-Forwarded-For: [2001:db8::2]:443",
    "X-Forwarded-For: ::ffff:192.0.2.8",
    "X-Forwarded-For: 192.0.2.9:80",
    "X-Forwarded-For:",
    "X-Forwarded-For: unknown",
    "X-Forwarded-For: _hidden",
    "X-Forwarded-For: \"192.0.2.10\"",
    "X_Forwarded_For: 192.0.2.11",
    "X-Real-IP: 192.0.2.12",
    "Forwarded: for=192.0.2.13",
    "True-Client-IP: 192.0.2.14",
    "CF-Connecting-IP: 192.0.2.15",
    "X-Client-IP: 192.0.2.16\r\nX-Cluster-Client-IP: 192.0.2.17\r\nVia: 1.1 192.0.2.18",
];

#[test]
fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
    // Nobody is trusted.
    let process = Process::start(&[ONE]);
    let server = process.http()[0];
    assert_eq!(register(PROXY, server, "").status, 200);
    for pretence in PRETENCES {
        assert_is_limited(&register(PROXY, server, &format!("{pretence}\r\n")), pretence);
    }

    // Another than this one is.
    let process = Process::start(&[ONE, TRUSTED]);
    let server = process.http()[0];
    assert_eq!(register(STRANGER, server, "").status, 200);
    for pretence in PRETENCES {
        assert_is_limited(&register(STRANGER, server, &format!("{pretence}\r\n")), pretence);
    }
    // This one is, and everybody behind it has their own limit.
    for client in 1..=20 {
        let line = format!("X-Forwarded-For: 203.0.113.7, 198.51.100.{client}\r\n");
        assert_eq!(register(PROXY, server, &line).status, 200, "{line}");
        assert_is_limited(&register(PROXY, server, &line), &line);
    }
    let line = "X-Forwarded-For: 127.0.0.2\r\n";
    assert_is_limited(&register(PROXY, server, line), "who has registered without the proxy");
}

#[test]
fn a_header_of_the_proxy_protocol_is_believed_from_trusted_proxies_only() {
    let process = Process::start(&[ONE, TRUSTED, "--proxy-protocol"]);
    let server = process.http()[0];
    let (register, ask) = (request("POST", "/register", ""), ask);
    for client in 1..=10 {
        for header in [v1([192, 0, 2, client]), v2([198, 51, 100, client])] {
            let bytes = [&header[..], &register].concat();
            assert_eq!(ask(PROXY, server, &bytes).unwrap().status, 200);
            assert_is_limited(&ask(PROXY, server, &bytes).unwrap(), "the same client again");
        }
    }
    // Both versions mean the same, and what a client itself says does not count.
    let bytes = [v1([198, 51, 100, 1]), register.clone()].concat();
    assert_is_limited(&ask(PROXY, server, &bytes).unwrap(), "version 1 after version 2");
    let pretence = request("POST", "/register", "X-Forwarded-For: 203.0.113.9\r\n");
    let bytes = [v1([198, 51, 100, 1]), pretence].concat();
    assert_is_limited(&ask(PROXY, server, &bytes).unwrap(), "X-Forwarded-For behind a header");

    assert!(ask(PROXY, server, &register).is_err(), "a proxy that says nothing is not served");
    assert_eq!(ask(STRANGER, server, &register).unwrap().status, 200, "others speak HTTP as ever");
    for header in [v1([203, 0, 113, 1]), v2([203, 0, 113, 2])] {
        let bytes = [&header[..], &register].concat();
        let answer = ask(STRANGER, server, &bytes).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_request"), "{}", answer.head);
    }
}

#[test]
fn connections_through_one_proxy_are_not_held_against_it() {
    let flags = [TRUSTED, "--max-connections-per-address=3"];
    let process = Process::start(&flags);
    let server = process.http()[0];
    let get = request("GET", "/none", "");
    let mut held: Vec<_> = (0..30).map(|_| Connection::new(connect(PROXY, server).unwrap())).collect();
    for connection in &mut held {
        assert_eq!(connection.ask(&get).unwrap().status, 404);
    }
    let mut others: Vec<_> = (0..3).map(|_| Connection::new(connect(STRANGER, server).unwrap())).collect();
    for connection in &mut others {
        assert_eq!(connection.ask(&get).unwrap().status, 404);
    }
    assert_eq!(Connection::new(connect(STRANGER, server).unwrap()).answer().unwrap().status, 429);

    // With the header, whose connection it is is known, and counts.
    let process = Process::start(&[&flags[..], &["--proxy-protocol"]].concat());
    let server = process.http()[0];
    let mut held = vec![];
    for client in 1..=10 {
        for _ in 0..3 {
            let mut connection = Connection::new(connect(PROXY, server).unwrap());
            let answer = connection.ask(&[v1([192, 0, 2, client]), get.clone()].concat()).unwrap();
            assert_eq!(answer.status, 404);
            held.push(connection);
        }
    }
    let answer = ask(PROXY, server, &v1([192, 0, 2, 1])).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
}

fn ask(from: Ipv4Addr, server: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    Connection::new(connect(from, server).unwrap()).ask(bytes)
}

fn register(from: Ipv4Addr, server: SocketAddr, more: &str) -> Answer {
    ask(from, server, &request("POST", "/register", more)).unwrap()
}

fn assert_is_limited(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{what}");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 3000, "{what}");
}

fn v1(source: [u8; 4]) -> Vec<u8> {
    format!("PROXY TCP4 {} 127.0.0.1 40000 5025\r\n", Ipv4Addr::from(source)).into_bytes()
}

fn v2(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    // Version 2, for somebody else; IPv4, TCP; twelve bytes.
    header.extend([0x21, 0x11, 0, 12]);
    header.extend(source);
    header.extend([127, 0, 0, 1]);
    header.extend([0x9C, 0x40, 0x13, 0xA1]);
    header
}
