//! What strangers can find out, and what they cannot: ids that cannot be guessed, and peers that are gone in whatever way.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rendezvous_native::Node;
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};
use rendezvous_tests::target::Client;
use ureq::http::Method;

use crate::exchange::{Delivery, exchange};
use crate::stored::settings;

#[test]
fn whether_a_peer_never_was_expired_or_logged_out_cannot_be_told() {
    let server = LocalServer::with(&[&SHORT_TIMING[..], &["--no-limits"]].concat());
    let target = server.target();
    let (expired, left) = (target.register(), target.register());
    assert_eq!(expired.pulse(), 1020);
    left.logout().assert_ok();
    sleep(expired.gone_after() + Duration::from_millis(200));
    let caller = target.register();
    for end in ["udp", "udp/status"] {
        let never = ask(&caller, &"00112233445566778899aabbccddeeff", end);
        assert!(never.starts_with("HTTP/1.1 404 ") && never.contains("\"unknown_peer\""), "{never}");
        assert_eq!(ask(&caller, &expired.id(), end), never, "{end}");
        assert_eq!(ask(&caller, &left.id(), end), never, "{end}");
    }
    // Nor can whose key is no longer good.
    let unknown = target.call(Method::POST, "/verify", &[&format!("Bearer {}", "0".repeat(64))]);
    for client in [&expired, &left] {
        let answer = client.verify();
        answer.assert_problem(401, "unknown_client");
        assert_eq!((&answer.json, names(&answer.headers)), (&unknown.json, names(&unknown.headers)));
    }
}

#[test]
fn of_a_hundred_thousand_clients_no_two_share_an_id_or_a_key() {
    const CLIENTS: usize = 100_000;
    let node = Node::open(&settings(&["--no-limits"]), 5024).unwrap();
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    for _ in 0..CLIENTS {
        let client = node.register().unwrap().wait().unwrap();
        ids.insert(client.client_id);
        keys.insert(*client.private_id.reveal());
    }
    assert_eq!((ids.len(), keys.len()), (CLIENTS, CLIENTS));
    // Each bit is as often one as not: by more than 5 standard deviations in one of 256 once in 7,000 runs.
    for bit in 0..256 {
        let ones = keys.iter().filter(|key| key[bit / 8] >> (bit % 8) & 1 == 1).count();
        assert!(ones.abs_diff(CLIENTS / 2) < 800, "bit {bit}: {ones} ones");
    }
}

#[test]
fn no_lookup_that_begins_after_a_logout_was_answered_finds_the_client() {
    const ROUNDS: usize = 60;
    let server = LocalServer::with(&["--no-limits"]);
    let callers: Vec<_> = (0..3).map(|_| server.target().register()).collect();
    let mut found = 0;
    for round in 0..ROUNDS {
        let peer = server.target().register();
        assert_eq!(peer.pulse(), 1020);
        let (stop, id) = (AtomicBool::new(false), peer.id());
        let (left, asked) = thread::scope(|scope| {
            let asking: Vec<_> = (callers.iter())
                .map(|caller| {
                    let stop = &stop;
                    scope.spawn(move || {
                        let mut asked = vec![];
                        while !stop.load(Ordering::Relaxed) {
                            asked.push((Instant::now(), caller.address_of(id).status));
                        }
                        asked
                    })
                })
                .collect();
            sleep(Duration::from_millis(5));
            peer.logout().assert_ok();
            let left = Instant::now();
            sleep(Duration::from_millis(5));
            stop.store(true, Ordering::Relaxed);
            let asked: Vec<_> = asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            (left, asked)
        });
        for (begun, status) in asked {
            assert!(status == 404 || status == 200 && begun < left, "round {round}: {status}");
            found += usize::from(status == 200);
        }
    }
    assert!(found > ROUNDS, "only {found} lookups found a peer before it left: that was no race");
}

/// The bytes of an answer about a peer, without its date.
fn ask(caller: &Client<'_>, peer: &dyn std::fmt::Display, end: &str) -> String {
    let request = format!(
        "GET /peer/{peer}/{end} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        caller.bearer()
    );
    let answer = exchange(caller.target().http_address(), request.as_bytes(), Delivery::Whole);
    let answer = String::from_utf8(answer).unwrap();
    let lines = answer.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    lines.collect()
}

/// The headers of an answer without its date.
fn names(headers: &ureq::http::HeaderMap) -> Vec<(String, String)> {
    let mut names: Vec<_> = (headers.iter().filter(|(name, _)| *name != "date"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    names.sort();
    names
}
