//! The HTTP wire: bodies, paths and methods (specification, Routes).

use std::time::{SystemTime, UNIX_EPOCH};

use ureq::http::Method;

use super::checks;
use crate::target::{Answer, Target};

const NOBODY: &str = "00112233445566778899aabbccddeeff";

checks! {
    /// "Register a new Client": POST /register.
    fn register_answers_with_id_key_timestamp_and_ok(target) {
        let answer = target.call(Method::POST, "/register", &[]);
        answer.assert_ok();
        assert_hex(&answer, "client_id", 32);
        assert_hex(&answer, "private_id", 64);
        assert_now(&answer);
        assert_eq!(
            answer.members(),
            [
                "client_id", "error_time", "ok", "private_id", "pulse_grace", "pulse_interval", "timestamp",
                "udp_port",
            ],
            "the specification's members, and our extension"
        );
    }

    /// Each registration makes a new client.
    fn no_two_registrations_share_an_id_or_a_key(target) {
        let clients: Vec<_> = (0..50).map(|_| target.register()).collect();
        let distinct = |values: Vec<String>| values.into_iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(distinct(clients.iter().map(|client| client.id().to_string()).collect()), 50);
        assert_eq!(distinct(clients.iter().map(|client| client.key_hex()).collect()), 50);
    }

    /// "Re-Verify a Client": POST /verify.
    fn verify_answers_with_id_timestamp_and_ok(target) {
        let client = target.register();
        let answer = client.verify();
        assert_eq!(answer.assert_ok().members(), ["client_id", "ok", "timestamp"]);
        assert_eq!(answer.json["client_id"], client.id().to_string());
        assert_now(&answer);
    }

    /// "Logout the Client": POST /logout.
    fn logout_answers_with_id_and_ok(target) {
        let client = target.register();
        let answer = client.logout();
        assert_eq!(answer.assert_ok().members(), ["client_id", "ok"]);
        assert_eq!(answer.json["client_id"], client.id().to_string());
    }

    /// "Get another Client's UDP Address": GET /peer/<client_id>/udp.
    fn a_peers_address_has_the_targets_id_host_port_timestamp_and_ok(target) {
        let (client, peer) = (target.register(), target.register());
        assert_eq!(peer.pulse(), 1020);
        let answer = client.address_of(peer.id());
        assert_eq!(
            answer.assert_ok().members(),
            ["client_id", "host", "last_online", "ok", "port", "timestamp"]
        );
        let local = peer.socket.local_addr().unwrap();
        assert_eq!(answer.json["client_id"], peer.id().to_string());
        assert_eq!(answer.json["host"], local.ip().to_string());
        assert_eq!(answer.json["port"], local.port());
        assert_eq!(answer.json["last_online"], 0);
        assert_now(&answer);
    }

    /// "Get another Client's status": GET /peer/<client_id>/udp/status.
    fn a_peers_status_has_the_targets_id_status_last_online_timestamp_and_ok(target) {
        let (client, peer) = (target.register(), target.register());
        assert_eq!(peer.pulse(), 1020);
        let answer = client.status_of(peer.id());
        assert_eq!(answer.assert_ok().members(), ["client_id", "last_online", "ok", "status", "timestamp"]);
        assert_eq!(answer.json["client_id"], peer.id().to_string());
        assert_eq!(answer.json["status"], "ONLINE");
        assert_eq!(answer.json["last_online"], 0);
        assert_now(&answer);
    }

    /// A client may look itself up: to learn its own public address, say.
    fn a_client_may_look_itself_up(target) {
        let client = target.register();
        assert_eq!(client.pulse(), 1020);
        assert_eq!(client.socket_address_of(client.id()), client.socket.local_addr().unwrap());
        client.status_of(client.id()).assert_ok();
    }

    /// Ids are accepted in either case, and printed lower.
    fn ids_are_taken_in_either_case_and_printed_lower(target) {
        let client = target.register();
        let lower = client.id().to_string();
        for id in [lower.to_ascii_uppercase(), lower.clone()] {
            let answer = client.call(Method::GET, &format!("/peer/{id}/udp/status"));
            assert_eq!(answer.assert_ok().json["client_id"], lower);
        }
    }

    /// 404 `no_such_route`.
    fn a_path_that_is_no_route_is_404(target) {
        let id = target.register().id();
        for path in [
            "/", "/registers", "/register/", "/peer", "/peer/", &format!("/peer/{id}"),
            &format!("/peer/{id}/tcp"), &format!("/peer/{id}/udp/"), &format!("/peer/{id}/udp/status/more"),
            "/Register", "/favicon.ico",
        ] {
            target.call(Method::GET, path, &[]).assert_problem(404, "no_such_route");
            target.call(Method::POST, path, &[]).assert_problem(404, "no_such_route");
        }
    }

    /// 405 `method_not_allowed`, with the methods that are (RFC 9110, section 15.5.6).
    fn another_method_than_the_routes_own_is_405(target) {
        let address = format!("/peer/{NOBODY}/udp");
        let status = format!("/peer/{NOBODY}/udp/status");
        for (path, allowed) in [
            ("/register", "POST"), ("/verify", "POST"), ("/logout", "POST"), (&address, "GET"), (&status, "GET"),
        ] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
                if method == allowed {
                    continue;
                }
                let answer = target.call(method.clone(), path, &[]);
                answer.assert_problem(405, "method_not_allowed");
                let allow = answer.header("allow").expect("an Allow header");
                assert!(allow.split(',').any(|name| name.trim() == allowed), "{method} {path}: {allow}");
            }
        }
    }

    /// The same for a method that nobody has heard of.
    fn a_method_that_nobody_knows_is_405(target) {
        let answer = target.send_raw(b"BREW /register HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("\"method_not_allowed\""), "{answer}");
    }

    /// 400 `malformed_client_id`: the path is not 32 hex digits.
    fn a_path_without_an_id_is_400(target) {
        let client = target.register();
        let long = format!("{NOBODY}0");
        for id in ["", "0", "me", &NOBODY[1..], &long, "00112233445566778899aabbccddeefg", "%00", "%ff%fe", "a%2fb", "%20"] {
            for path in [format!("/peer/{id}/udp"), format!("/peer/{id}/udp/status")] {
                client.call(Method::GET, &path).assert_problem(400, "malformed_client_id");
            }
        }
    }

    /// 404 `unknown_peer`: never registered.
    fn a_peer_that_never_registered_is_404(target) {
        let client = target.register();
        for path in [format!("/peer/{NOBODY}/udp"), format!("/peer/{NOBODY}/udp/status")] {
            client.call(Method::GET, &path).assert_problem(404, "unknown_peer");
        }
    }

    /// 404 `address_unknown`: registered, no pulse accepted yet; its status is known all the same.
    fn a_peer_that_never_pulsed_has_no_address_yet(target) {
        let (client, peer) = (target.register(), target.register());
        let answer = client.address_of(peer.id());
        answer.assert_problem(404, "address_unknown");
        assert!(answer.header("retry-after").and_then(|secs| secs.parse::<u32>().ok()).is_some_and(|secs| secs > 0));
        client.status_of(peer.id()).assert_ok();
    }

    /// What is no HTTP at all has no route either: a 400 of whatever kind, and the connection is closed.
    fn what_is_not_http_is_400_and_the_connection_is_closed(target) {
        for bytes in [
            &b"hello\r\n\r\n"[..],
            b"POST /verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x01\r\n\r\n",
            b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
            b"POST /register HTTP/9.9\r\nHost: x\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
        ] {
            let answer = target.send_raw(bytes);
            assert!(answer.starts_with("HTTP/1.1 400 "), "{:?}: {answer}", String::from_utf8_lossy(bytes));
        }
        target.register();
    }

    /// Answers are true only at their moment, and one holds a key.
    fn no_answer_may_be_cached(target) {
        let client = target.register();
        for answer in [
            target.call(Method::POST, "/register", &[]),
            client.verify(),
            client.status_of(client.id()),
            client.address_of(client.id()),
            client.logout(),
            client.verify(),
        ] {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
        }
    }

    /// No route has a body to read; one that is sent does no harm.
    fn a_body_is_ignored(target) {
        let answer = target.send(Method::POST, "/register", &[], "{\"client_id\":\"me\"}");
        answer.assert_ok();
        assert_ne!(answer.json["client_id"], "me");
    }
}

fn assert_hex(answer: &Answer, member: &str, digits: usize) {
    let text = answer.json[member].as_str().expect("a string");
    assert_eq!(text.len(), digits, "{text}");
    assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
}

/// "unix timestamp": whole seconds, as a number.
fn assert_now(answer: &Answer) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let timestamp = answer.json["timestamp"].as_u64().expect("a whole number");
    assert!(timestamp.abs_diff(now) <= 10, "{timestamp} is not {now}");
}
