//! Who asks: `{ "Authorization": "Bearer private_key" }` (specification, Headers).

use ureq::http::Method;

use super::checks;
use crate::target::Target;

checks! {
    /// The scheme is case-insensitive (RFC 9110, section 11.1), and the key is taken in either case.
    fn a_bearer_key_is_taken_in_either_case(target) {
        let client = target.register();
        let key = client.key_hex();
        for header in [
            format!("Bearer {key}"), format!("bearer {key}"), format!("BEARER {}", key.to_ascii_uppercase()),
            format!("Bearer   {key}"),
        ] {
            target.call(Method::POST, "/verify", &[&header]).assert_ok();
        }
    }

    /// 401 `missing_credentials`, on every route that wants them.
    fn without_a_header_credentials_are_missing(target) {
        for (method, path) in routes(target) {
            target.call(method, &path, &[]).assert_problem(401, "missing_credentials");
        }
    }

    /// 401 `malformed_credentials`, on every route that wants them.
    fn a_header_that_is_no_bearer_key_is_malformed(target) {
        let key = target.register().key_hex();
        for header in [
            "Bearer", "Bearer ", "Bearer x", &key, &format!("Basic {key}"), &format!("Bearer {key}0"),
            &format!("Bearer {}", &key[1..]), &format!("Bearer {key},"), &format!("Bearer{key}"),
            &format!("Bearer {key} {key}"), &format!("Bearer g{}", &key[1..]),
        ] {
            for (method, path) in routes(target) {
                target.call(method, &path, &[header]).assert_problem(401, "malformed_credentials");
            }
        }
    }

    /// Two headers could mean two clients; neither is believed.
    fn two_headers_are_malformed(target) {
        let client = target.register();
        let bearer = client.bearer();
        for (method, path) in routes(target) {
            target.call(method, &path, &[&bearer, &bearer]).assert_problem(401, "malformed_credentials");
        }
        client.verify().assert_ok();
    }

    /// Bytes that are not even text.
    fn a_header_of_any_bytes_is_malformed(target) {
        let answer = target.send_raw(
            b"POST /verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xFF\xFE\x80\r\nConnection: close\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("\"malformed_credentials\""), "{answer}");
    }

    /// 401 `unknown_client`: a key that nobody has.
    fn a_key_nobody_has_is_unknown(target) {
        let header = format!("Bearer {}", "0".repeat(64));
        for (method, path) in routes(target) {
            target.call(method, &path, &[&header]).assert_problem(401, "unknown_client");
        }
    }

    /// A client id is public: it proves nothing.
    fn an_id_is_no_key(target) {
        let id = target.register().id();
        for token in [format!("{id}"), format!("{id}{id}")] {
            let answer = target.call(Method::POST, "/verify", &[&format!("Bearer {token}")]);
            assert_eq!(answer.status, 401, "{answer}");
        }
    }

    /// Keys in a query end up in logs, so they are not taken from there, nor from a body.
    fn a_key_is_not_taken_from_a_query_or_a_body(target) {
        let client = target.register();
        let key = client.key_hex();
        for query in ["access_token", "private_key", "private_id", "key", "Authorization"] {
            let path = format!("/verify?{query}={key}");
            target.call(Method::POST, &path, &[]).assert_problem(401, "missing_credentials");
        }
        for body in [format!("access_token={key}"), format!("{{\"private_id\":\"{key}\"}}"), key] {
            target.send(Method::POST, "/verify", &[], &body).assert_problem(401, "missing_credentials");
        }
    }

    /// A query changes nothing, a well-formed request included.
    fn a_query_is_ignored(target) {
        let client = target.register();
        client.call(Method::POST, "/verify?client_id=someone-else").assert_ok();
    }

    /// The specification calls the id a query parameter, and shows it in the path; the path counts.
    fn a_peer_is_named_by_the_path_and_not_by_the_query(target) {
        let (client, other) = (target.register(), target.register());
        let path = format!("/peer/{}/udp/status?client_id={}", client.id(), other.id());
        assert_eq!(client.call(Method::GET, &path).assert_ok().json["client_id"], client.id().to_string());
        let path = format!("/peer/x/udp/status?client_id={}", other.id());
        client.call(Method::GET, &path).assert_problem(400, "malformed_client_id");
    }

    /// The order of the checks: route, method, credentials, path, peer.
    fn what_is_wrong_first_is_said_first(target) {
        let bearer = target.register().bearer();
        let unknown = format!("Bearer {}", "0".repeat(64));
        let nobody = "f".repeat(32);
        let get = |path: &str, headers: &[&str]| target.call(Method::GET, path, headers);

        get("/peers/x/udp", &[]).assert_problem(404, "no_such_route");
        target.call(Method::POST, "/peer/x/udp", &[]).assert_problem(405, "method_not_allowed");
        get("/peer/x/udp", &[]).assert_problem(401, "missing_credentials");
        get("/peer/x/udp", &["Bearer x"]).assert_problem(401, "malformed_credentials");
        get("/peer/x/udp", &[&unknown]).assert_problem(401, "unknown_client");
        get("/peer/x/udp", &[&bearer]).assert_problem(400, "malformed_client_id");
        get(&format!("/peer/{nobody}/udp"), &[&unknown]).assert_problem(401, "unknown_client");
        get(&format!("/peer/{nobody}/udp"), &[&bearer]).assert_problem(404, "unknown_peer");
    }
}

/// The routes that want credentials.
fn routes(target: &Target) -> [(Method, String); 4] {
    let peer = target.register().id();
    [
        (Method::POST, "/verify".into()),
        (Method::POST, "/logout".into()),
        (Method::GET, format!("/peer/{peer}/udp")),
        (Method::GET, format!("/peer/{peer}/udp/status")),
    ]
}
