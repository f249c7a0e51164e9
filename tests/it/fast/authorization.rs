//! Every form of the `Authorization` header that somebody may think of: one is a key, the rest are not, and none is an internal error.

use rendezvous_tests::local::LocalServer;
use rendezvous_tests::target::Client;

use crate::exchange::{Delivery, exchange};

/// What a form is answered with: 200 if it is a key, else the code of the problem, or nothing if HTTP itself forbids it.
type Expected = &'static str;

const GOOD: Expected = "200";
const MISSING: Expected = "missing_credentials";
const MALFORMED: Expected = "malformed_credentials";
const UNKNOWN: Expected = "unknown_client";
const NO_HTTP: Expected = "400";

#[test]
fn of_all_forms_of_a_header_only_bearer_and_the_key_is_taken() {
    let server = LocalServer::with(&["--no-limits"]);
    let client = server.target().register();
    let forms = forms(&client);
    assert!(forms.len() >= 60, "{} forms", forms.len());
    for (fields, expected) in forms {
        let head =
            [b"POST /verify HTTP/1.1\r\nHost: x\r\n", &fields[..], b"Connection: close\r\n\r\n"].concat();
        let answer = exchange(server.target().http_address(), &head, Delivery::Whole);
        let (answer, form) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(&fields));
        match expected {
            GOOD => assert!(answer.starts_with("HTTP/1.1 200 "), "{form:?}: {answer}"),
            NO_HTTP => assert!(answer.starts_with("HTTP/1.1 400 "), "{form:?}: {answer}"),
            code => {
                assert!(answer.starts_with("HTTP/1.1 401 "), "{form:?}: {answer}");
                assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{form:?}: {answer}");
                assert!(answer.to_ascii_lowercase().contains("\r\nwww-authenticate: bearer\r\n"), "{answer}");
            }
        }
    }
}

/// Header lines, each with what is expected.
fn forms(client: &Client<'_>) -> Vec<(Vec<u8>, Expected)> {
    let key = client.key_hex();
    let upper = key.to_ascii_uppercase();
    let id = client.id().to_string();
    let (half, rest) = key.split_at(32);
    let base64 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let line = |value: &str| format!("Authorization: {value}\r\n").into_bytes();
    let mut forms = vec![(vec![], MISSING)];
    for value in [
        &format!("Bearer {key}"),
        &format!("bearer {key}"),
        &format!("BEARER {upper}"),
        &format!("bEaReR {key}"),
        &format!("Bearer  {key}"),
        &format!("  Bearer {key}"),
        &format!("Bearer {key}  "),
        &format!("\tBearer {key}\t"),
    ] {
        forms.push((line(value), GOOD));
    }
    for name in ["authorization", "AUTHORIZATION", "aUTHORIZATION"] {
        forms.push((format!("{name}: Bearer {key}\r\n").into_bytes(), GOOD));
    }
    forms.push((format!("Authorization:Bearer {key}\r\n").into_bytes(), GOOD));
    for name in [
        "Proxy-Authorization",
        "X-Authorization",
        "Authorisation",
        "Authorization2",
        "Authentication",
        "Cookie",
    ] {
        forms.push((format!("{name}: Bearer {key}\r\n").into_bytes(), MISSING));
    }
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "B",
        "Beare",
        &key,
        &format!("Bearer{key}"),
        &format!("Bearer\t{key}"),
        &format!("Bearer:{key}"),
        &format!("Bearer: {key}"),
        &format!("Bearer={key}"),
        &format!("Bearer, {key}"),
        &format!("Basic {key}"),
        &format!("Token {key}"),
        &format!("Digest {key}"),
        &format!("Negotiate {key}"),
        &format!("ApiKey {key}"),
        &format!("Bearers {key}"),
        &format!("Bear {key}"),
        &format!("Basic {base64}"),
        &format!("Bearer {base64}"),
        &format!("Bearer Bearer {key}"),
        &format!("Bearer {key},"),
        &format!("Bearer ,{key}"),
        &format!("Bearer {key};"),
        &format!("Bearer \"{key}\""),
        &format!("Bearer '{key}'"),
        &format!("Bearer <{key}>"),
        &format!("Bearer 0x{key}"),
        &format!("Bearer {key}0"),
        &format!("Bearer 0{key}"),
        &format!("Bearer {key}00"),
        &format!("Bearer {}", &key[1..]),
        &format!("Bearer {}", &key[2..]),
        &format!("Bearer {half} {rest}"),
        &format!("Bearer {half}:{rest}"),
        &format!("Bearer {half}-{rest}"),
        &format!("Bearer {key} {key}"),
        &format!("Bearer {key}, Bearer {key}"),
        &format!("Bearer {key}{key}"),
        &format!("Bearer g{}", &key[1..]),
        &format!("Bearer -{}", &key[1..]),
        &format!("Bearer +{}", &key[1..]),
        &format!("Bearer {}%30", &key[3..]),
        &format!("Bearer {id}"),
        &format!("Bearer realm={key}"),
        &format!("Bearer token={key}"),
        "Bearer null",
        "null",
        &format!("Bearer {}", "\u{ff10}".repeat(64)),
        &format!("Bearer {}", "a".repeat(2000)),
        "Bearer *",
        "*",
    ] {
        forms.push((line(value), MALFORMED));
    }
    for value in [&"0".repeat(64), &"f".repeat(64), &format!("{id}{id}"), &format!("{rest}{half}")] {
        forms.push((line(&format!("Bearer {value}")), UNKNOWN));
    }
    let good = line(&format!("Bearer {key}"));
    forms.push(([&good[..], &good].concat(), MALFORMED));
    forms.push(([&good[..], &line("Basic eA==")].concat(), MALFORMED));
    forms.push(([&good[..], &line("")].concat(), MALFORMED));
    forms.push((b"Authorization: Bearer \xff\xfe\x80\r\n".into(), MALFORMED));
    for value in ["\0", "\x01", "\x7f", "a\rb"] {
        forms.push((line(&format!("Bearer {value}{key}")), NO_HTTP));
    }
    forms.push((format!("Authorization: Bearer\r\n {key}\r\n").into_bytes(), NO_HTTP));
    forms.push((format!("Authorization : Bearer {key}\r\n").into_bytes(), NO_HTTP));
    forms
}
