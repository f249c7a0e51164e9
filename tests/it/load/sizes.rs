//! Requests that are too large.

use std::net::{Ipv4Addr, SocketAddr};

use rendezvous_model::size::Size;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::exclusive;

use crate::peers::{Answer, Connection, connect, request};

/// The limits that the server is given.
const HEADERS: usize = 10;
const TARGET: usize = 200;
const BODY: usize = 300;
const HEAD: usize = 8192;

/// How much more memory the server may have in use after many more tries.
const MOST: u64 = 1 << 20;

#[test]
fn a_request_that_is_too_large_is_refused() {
    let tries: u32 = Size::get().pick("requests that are too large", 300, 3000, 100_000);
    let _exclusive = exclusive();
    let process = Process::start(&[
        "--max-header-bytes=8192",
        "--max-headers=10",
        "--max-uri-bytes=200",
        "--max-body-bytes=300",
    ]);
    let server = process.http()[0];
    // Whoever is served is told that there is no such route.
    for (what, at_limit, beyond, expected) in [
        ("head", head(HEAD), head(HEAD + 1), (431, "headers_too_large")),
        ("headers", headers(HEADERS), headers(HEADERS + 1), (431, "headers_too_large")),
        ("target", target(TARGET), target(TARGET + 1), (414, "uri_too_long")),
        ("long target", target(TARGET), target(5 * TARGET), (414, "uri_too_long")),
        ("body", body(BODY), body(BODY + 1), (413, "too_large")),
        ("chunked body", chunked(BODY), chunked(BODY + 1), (413, "too_large")),
    ] {
        let answer = ask(0, server, &at_limit);
        assert_eq!((answer.status, answer.code().as_str()), (404, "no_such_route"), "{what} at its limit");
        let mut connection = Connection::new(connect(source(0), server).unwrap());
        let answer = connection.ask(&beyond).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), expected, "{what} beyond its limit");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
        assert!(connection.is_closed(), "{what}");
    }

    let kinds = [head(2 * HEAD), headers(2 * HEADERS), target(2 * TARGET), body(2 * BODY), chunked(2 * BODY)];
    let mut used = vec![];
    for attempt in 0..=tries {
        if attempt == tries / 10 || attempt == tries {
            used.push(process.resident_bytes());
        }
        let kind = &kinds[attempt as usize % kinds.len()];
        assert!([413, 414, 431].contains(&ask(attempt, server, kind).status));
    }
    println!(
        "{tries} requests that are too large: memory {} KiB after the first tenth, {} KiB after all",
        used[0] >> 10,
        used[1] >> 10
    );
    assert!(used[1] <= used[0] + MOST, "{used:?}");
}

/// A different address every now and then: each has only so many ports.
fn source(attempt: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 2, 0, 0)) + attempt / 1000)
}

fn ask(attempt: u32, server: SocketAddr, bytes: &[u8]) -> Answer {
    Connection::new(connect(source(attempt), server).unwrap()).ask(bytes).unwrap()
}

/// A request with a head of this many bytes.
fn head(size: usize) -> Vec<u8> {
    let with = |padding: usize| request("GET", "/none", &format!("A: {}\r\n", "a".repeat(padding)));
    with(size - with(0).len())
}

/// A request with this many header fields.
fn headers(count: usize) -> Vec<u8> {
    request("GET", "/none", &"A: a\r\n".repeat(count - 1))
}

/// A request with a target of this many bytes.
fn target(size: usize) -> Vec<u8> {
    request("GET", &format!("/{}", "a".repeat(size - 1)), "")
}

/// A request with a body of this many bytes.
fn body(size: usize) -> Vec<u8> {
    let mut bytes = request("POST", "/none", &format!("Content-Length: {size}\r\n"));
    bytes.resize(bytes.len() + size, b'a');
    bytes
}

/// The same in two chunks, with a length that is not said before.
fn chunked(size: usize) -> Vec<u8> {
    let mut bytes = request("POST", "/none", "Transfer-Encoding: chunked\r\n");
    for size in [100, size - 100] {
        bytes.extend(format!("{size:x}\r\n{}\r\n", "a".repeat(size)).into_bytes());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
