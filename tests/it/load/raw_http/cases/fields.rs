//! Header fields: RFC 9112, section 5, and RFC 9110, sections 5, 7 and 10.

use super::{EITHER, REFUSED};
use crate::exchange::{Case, case, made};

const TOO_LARGE: &[u16] = &[400, 431];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        // A server has to refuse these (RFC 9112, section 3.2). Nothing here depends on the host.
        case("9112 3.2: no Host", b"POST /verify HTTP/1.1\r\n[AUTH]\r\n", REFUSED),
        case("9112 3.2: two hosts", b"POST /verify HTTP/1.1\r\nHost: x\r\nHost: y\r\n[AUTH]\r\n", REFUSED),
        case("9112 3.2: a host twice", b"POST /verify HTTP/1.1\r\nHost: x\r\nHost: x\r\n[AUTH]\r\n", REFUSED),
        case("9112 3.2: an empty host", b"POST /verify HTTP/1.1\r\nHost:\r\n[AUTH]\r\n", EITHER),
        case("9112 3.2: a host that is none", b"POST /verify HTTP/1.1\r\nHost: x/y@z y\r\n[AUTH]\r\n", REFUSED),
        case("9112 5: no colon", b"POST /verify HTTP/1.1\r\nHost: x\r\nbad\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5: no name", b"POST /verify HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5: a colon alone", b"POST /verify HTTP/1.1\r\nHost: x\r\n:\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.1: a space before the colon", b"POST /verify HTTP/1.1\r\nHost : x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.1: a tab before the colon", b"POST /verify HTTP/1.1\r\nHost\t: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.1: a space in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: a folded value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: folded by a tab", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: folded to nothing", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\r\n \r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: folded at once", b"POST /verify HTTP/1.1\r\n Host: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: a folded host", b"POST /verify HTTP/1.1\r\nHost:\r\n x\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a NUL in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\nA\0B: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a control byte in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\nA\x01: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a bracket in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\nA(: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a slash in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\nA/b: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a quote in a name", b"POST /verify HTTP/1.1\r\nHost: x\r\n\"A\": c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a name that is not ASCII", b"POST /verify HTTP/1.1\r\nHost: x\r\n\xc3\x84: c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.5: a NUL in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.5: a control byte in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.5: DEL in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.5: a bare CR in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: a CR more", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\r\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.5: bytes above ASCII", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: \x80\xff\r\n[AUTH]\r\n", EITHER),
        case("9110 5.5: a tab in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\tc\r\n[AUTH]\r\n", EITHER),
        case("9112 2.2: a field behind a bare LF", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\n[AUTH]\r\n", REFUSED),
        case("9112 2.2: a request behind bare LFs in a value", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\n\n[LOGOUT]", REFUSED),
        case("9110 11.6.2: two keys", b"POST /logout HTTP/1.1\r\nHost: x\r\n[AUTH][VICTIM]\r\n", &[401]),
        case("9110 11.6.2: a key in a cookie", b"POST /logout HTTP/1.1\r\nHost: x\r\nCookie: [VICTIM]\r\n", &[401]),
        case("9110 11.7: a key for a proxy", b"POST /logout HTTP/1.1\r\nHost: x\r\nProxy-[VICTIM]\r\n", &[401]),
        case("9110 11.6.2: a key in another field", b"POST /logout HTTP/1.1\r\nHost: x\r\nX-[VICTIM]\r\n", &[401]),
        case("9110 9: another method in a field", b"GET /logout HTTP/1.1\r\nHost: x\r\n[VICTIM]X-HTTP-Method-Override: POST\r\n\r\n", &[405]),
        case("9110 4: another path in a field", b"POST /register/ HTTP/1.1\r\nHost: x\r\n[VICTIM]X-Original-URL: /logout\r\nX-Rewrite-URL: /logout\r\n\r\n", &[404]),
        case("9112 9.6: after a close", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: close\r\n\r\n[LOGOUT]", &[200]),
        case("9112 9.6: after a close in capitals", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: CLOSE\r\n\r\n[LOGOUT]", &[200]),
        case("9112 9.6: after a close in a list", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: a, close\r\n\r\n[LOGOUT]", &[200]),
        case("9112 9.3: after HTTP/1.0", b"POST /verify HTTP/1.0\r\n[AUTH]\r\n[LOGOUT]", &[200]),
        case("9112 9.3: after HTTP/1.0 and a close", b"POST /verify HTTP/1.0\r\n[AUTH]Connection: close\r\n\r\n[LOGOUT]", &[200]),
        case("9112 9.3: after HTTP/1.0 and an old word", b"POST /verify HTTP/1.0\r\n[AUTH]Proxy-Connection: keep-alive\r\n\r\n[LOGOUT]", &[200]),
        case("9110 7.6.1: fields of the connection", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: Authorization, Host\r\n\r\n", EITHER),
        case("9110 10.1.1: an expectation nobody knows", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Expect: a-miracle\r\n\r\n", &[200, 400, 417]),
        case("9110 10.1.1: 100-continue without a body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Expect: 100-continue\r\n\r\n", EITHER),
        case("9110 10.1.1: 100-continue, and a request for a body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Expect: 100-continue\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", EITHER),
        made("9110 5.4: 65 fields", many(63), TOO_LARGE),
        made("9110 5.4: 1,000 fields", many(1000), TOO_LARGE),
        made("9110 5.4: 17 KiB in one field", large(17 << 10), TOO_LARGE),
        made("9110 5.4: 500 KB in one field", large(500_000), TOO_LARGE),
        made("9110 5.4: a name of 20 KB", [b"POST /verify HTTP/1.1\r\nHost: x\r\n", &[b'a'; 20_000][..], b": b\r\n[AUTH]\r\n"].concat(), TOO_LARGE),
    ];
    for value in ["", "Bearer", "Bearer \x20", "Bearer x, Bearer y"] {
        let bytes = format!("POST /logout HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\n\r\n");
        cases.push(made(format!("9110 11.4: Authorization: {value:?}"), bytes.into_bytes(), &[401]));
    }
    cases
}

fn many(count: usize) -> Vec<u8> {
    format!("POST /verify HTTP/1.1\r\nHost: x\r\n{}[AUTH]\r\n", "A: b\r\n".repeat(count)).into_bytes()
}

fn large(bytes: usize) -> Vec<u8> {
    format!("POST /verify HTTP/1.1\r\nHost: x\r\nA: {}\r\n[AUTH]\r\n", "b".repeat(bytes)).into_bytes()
}
