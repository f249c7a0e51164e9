//! Malformed and smuggling requests over raw sockets, after RFC 9110 and RFC 9112: none is taken for two requests, none disturbs
//! the server, and none leaves anything behind.

use std::time::Instant;

use rendezvous_model::size::tell;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::Client;
use rendezvous_tests::timing::exclusive;
use ureq::http::Method;

use crate::exchange::{self, Case, Delivery, statuses};

mod cases;

/// There are as many cases at least. A case that is dropped in passing is missed.
const CASES: usize = 250;

/// RSS of the program after so many rounds of all cases is compared with that after the first few.
const ROUNDS: usize = 200;
const FIRST_ROUNDS: usize = 20;

/// What the allocator may keep more.
const SPARE: u64 = 1 << 20;

/// What comes first on the connection, in the same write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nothing = 0,
    AGoodOne = 1,
}

/// The ways in which each case is sent.
const WAYS: [(Behind, Delivery); 4] = [
    (Behind::Nothing, Delivery::Whole),
    (Behind::Nothing, Delivery::HeadFirst),
    (Behind::AGoodOne, Delivery::Whole),
    (Behind::AGoodOne, Delivery::HeadFirst),
];

#[test]
fn none_of_the_malformed_and_smuggling_requests_is_taken_for_two() {
    let cases = cases::all();
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let server = LocalServer::with(&["--no-limits"]);
    let mut wrong = vec![];
    let (caller, mut victim) = (server.target().register(), server.target().register());
    for (behind, delivery) in WAYS {
        for case in &cases {
            let registered = server.node().stats().counters.registered;
            let mut complain = |what| wrong.push(format!("{}, {behind:?}, {delivery:?}: {what}", case.name));
            if let Err(error) = judge(case, (behind, delivery), &caller, &victim) {
                complain(error);
            }
            // A good request is answered, and tells whether the other one was.
            if victim.verify().status != 200 {
                complain("the smuggled request was done".into());
                victim = server.target().register();
            } else if server.node().stats().counters.registered != registered {
                complain("somebody was registered".into());
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), WAYS.len() * cases.len(), wrong.join("\n"));
    assert_eq!(caller.pulse(), 1020);
    println!("{} malformed and smuggling requests, each sent in {} ways", cases.len(), WAYS.len());
}

/// The check must be able to fail: a smuggled request that is a request of its own is noticed.
#[test]
fn a_request_that_is_not_smuggled_but_sent_is_noticed() {
    let server = LocalServer::with(&["--no-limits"]);
    let (caller, victim) = (server.target().register(), server.target().register());
    let two = exchange::case("two", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n[LOGOUT]", &[200]);
    for way in WAYS {
        let judged = judge(&two, way, &caller, &victim);
        assert!(judged.is_err_and(|error| error.contains("2 answers")), "{way:?}");
    }
    assert_eq!(victim.verify().status, 401, "and it was done");
}

#[test]
fn two_complete_requests_in_one_write_are_answered_in_order() {
    let server = LocalServer::with(&["--no-limits"]);
    let caller = server.target().register();
    let good = format!("POST /verify HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", caller.bearer());
    let send = |bytes: &str| {
        let received = exchange::exchange(server.target().http_address(), bytes.as_bytes(), Delivery::Whole);
        statuses(&received, None).unwrap()
    };
    assert_eq!(send(&good.repeat(10)), [200; 10]);
    let other = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(send(&[&good, other, &good].concat()), [200, 404, 200]);
    assert_eq!(
        send(&[&good, "bad\r\n\r\n", &good].concat()),
        [200, 400],
        "what is malformed ends the connection"
    );
    let last = good.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n");
    assert_eq!(send(&[&good, last.as_str(), &good].concat()), [200, 200], "and so does who asks for it");
}

#[test]
fn the_program_takes_every_malformed_request_again_and_again_in_the_same_memory() {
    let _exclusive = exclusive();
    let process = Process::start(&["--no-limits", "--log-level=trace"]);
    let cases = cases::all();
    let (caller, victim) = (process.target().register(), process.target().register());
    let requests: Vec<_> =
        cases.iter().map(|case| case.filled(&caller.key_hex(), &victim.key_hex())).collect();
    let (begun, mut first) = (Instant::now(), 0);
    for round in 1..=ROUNDS {
        for request in &requests {
            exchange::exchange(process.target().http_address(), request, Delivery::Ended);
        }
        if round == FIRST_ROUNDS {
            first = process.resident_bytes();
        }
    }
    let last = process.resident_bytes();
    tell(&format!(
        "{} malformed requests, {ROUNDS} rounds: RSS {} KiB after {FIRST_ROUNDS}, {} KiB at the end ({:.0} s)",
        cases.len(),
        first >> 10,
        last >> 10,
        begun.elapsed().as_secs_f64()
    ));
    assert!(last <= first + SPARE, "RSS grew from {first} to {last} bytes");
    assert_eq!(caller.pulse(), 1020);
    let log = format!("{:?}", process.log());
    assert!(!log.contains("panicked"), "{log}");
}

/// No route parses a body, so that none can be nested too deeply (the tests of B37).
#[test]
fn a_body_that_is_nested_a_hundred_thousand_deep_is_not_parsed() {
    let server = LocalServer::with(&["--no-limits"]);
    let caller = server.target().register();
    let id = caller.id();
    for depth in [10, 1000, 100_000] {
        let body = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        for (method, path, usual) in [
            ("POST", "/register", 200),
            ("POST", "/verify", 200),
            ("GET", &format!("/peer/{id}/udp"), 404),
            ("GET", &format!("/peer/{id}/udp/status"), 200),
            ("POST", "/none", 404),
            ("PUT", "/logout", 405),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                caller.bearer(),
                body.len()
            );
            let received =
                exchange::exchange(server.target().http_address(), request.as_bytes(), Delivery::Whole);
            let found = statuses(&received, None).unwrap();
            // The answer may be lost when the server closes on a body that it did not read.
            assert!(
                found.iter().all(|&status| status == usual || status == 413),
                "{path} {depth}: {found:?}"
            );
            assert!(found.len() == 1 || depth == 100_000, "{path} {depth}: {found:?}");
        }
    }
    caller.verify().assert_ok();
}

/// No page of another site gets an answer that its browser would let it read (the test of B34).
#[test]
fn no_other_site_is_let_in() {
    let server = LocalServer::with(&["--no-limits"]);
    let client = server.target().register();
    for origin in ["https://evil.example", "null", "http://127.0.0.1:5025"] {
        for (method, path, status) in [
            ("OPTIONS", "/register", 405),
            ("OPTIONS", "/verify", 405),
            ("POST", "/verify", 200),
            ("GET", "/none", 404),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: evil.example\r\nOrigin: {origin}\r\nAuthorization: {}\r\n\
                 Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n",
                client.bearer()
            );
            let received =
                exchange::exchange(server.target().http_address(), request.as_bytes(), Delivery::Whole);
            assert_eq!(statuses(&received, None).unwrap(), [status], "{method} {path}");
            let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
            for header in ["access-control-", "set-cookie", "timing-allow-origin"] {
                assert!(!text.contains(header), "{method} {path}: {text}");
            }
        }
    }
    let answer = client.call(Method::OPTIONS, "/verify");
    answer.assert_problem(405, "method_not_allowed");
}

/// Sends a case, and says what is wrong with what comes back.
fn judge(
    case: &Case,
    (behind, delivery): (Behind, Delivery),
    caller: &Client<'_>,
    victim: &Client<'_>,
) -> Result<(), String> {
    let mut request = case.filled(&caller.key_hex(), &victim.key_hex());
    if behind == Behind::AGoodOne {
        request.splice(..0, exchange::good(&caller.key_hex()));
    }
    let received = exchange::exchange(caller.target().http_address(), &request, delivery);
    let mut found = statuses(&received, case.bytes.starts_with(b"HEAD ").then_some(behind as usize))?;
    if behind == Behind::AGoodOne && found.first() != Some(&200) {
        return Err(format!("the good request before it is answered {found:?}"));
    }
    found.drain(..behind as usize);
    match found[..] {
        // Line ends that stand alone, in what came with the good request: that is the last one on its connection.
        [] if behind == Behind::AGoodOne && has_lone_line_end(&case.bytes) => Ok(()),
        [] if case.statuses.contains(&exchange::CLOSED) => Ok(()),
        [status] if case.statuses.contains(&status) => Ok(()),
        [] | [_] => Err(format!("answered {found:?}, not one of {:?}", case.statuses)),
        [..] => Err(format!("{} answers: {found:?}", found.len())),
    }
}

/// Whether a CR stands without an LF behind it, or an LF without a CR before it.
fn has_lone_line_end(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'\r' => bytes.get(at + 1).is_some_and(|next| *next != b'\n'),
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        _ => false,
    })
}
