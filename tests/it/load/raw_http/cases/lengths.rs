//! `Content-Length`, and bodies that nobody asked for: RFC 9112, sections 6.2 and 6.3. The body is a request, which must not be
//! taken for one, whether or not the server reads it.

use super::REFUSED;
use crate::exchange::{CLOSED, Case, case, made};

/// The body is read and ignored.
const BODY: &[u16] = &[200];

/// It is longer than any may be.
const TOO_LARGE: &[u16] = &[413];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("9112 6.2: a request as the body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.2: three requests as the body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT][LOGOUT][LOGOUT]", BODY),
        case("9112 6.3: the same twice", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.3: the same in a list", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST], [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.3: zero, then more", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 0\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.3: more, then zero", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nContent-Length: 0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.3: a good and an empty one", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nContent-Length:\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.2: in other letters", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]cOnTeNt-lEnGtH: [REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.2: spaces around it", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: \t [REST] \t\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.2: zeros before it", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 000000000000000000000000[REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 5.1: a space before its colon", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length : [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: folded", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length:\r\n [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: behind a bare CR", b"POST /verify HTTP/1.1\r\nHost: x\r\nA: b\rContent-Length: [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: behind a bare LF", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]A: b\nContent-Length: [REST]\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.2: HTTP/1.0", b"POST /verify HTTP/1.0\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.2: HTTP/1.0 that stays", b"POST /verify HTTP/1.0\r\n[AUTH]Connection: keep-alive\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.2: a body that never comes", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 100\r\n\r\nshort", &[CLOSED, 200, 400, 408]),
        case("9112 6.3: an endless body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 9223372036854775807\r\n\r\n[LOGOUT]", TOO_LARGE),
        case("9112 6.3: the longest body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 18446744073709551613\r\n\r\n[LOGOUT]", TOO_LARGE),
        case("9110 9.3.1: a body of a GET", b"GET /peer/x/udp HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 413]),
        case("9110 9.3.2: a body of a HEAD", b"HEAD /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 405, 413]),
        case("9110 9.3.5: a body of a DELETE", b"DELETE /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 405, 413]),
        case("9110 9.3.7: a body of an OPTIONS", b"OPTIONS /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 405, 413]),
        case("9110 15.5.2: a body without credentials", b"POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 401, 413]),
        case("9110 15.5.5: a body for no route", b"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", &[400, 404, 413]),
        case("9110 6.4.1: two contents in one body", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Type: multipart/form-data; boundary=a\r\nContent-Length: [REST]\r\n\r\n--a\r\n\r\n[LOGOUT]\r\n--a--\r\n", BODY),
        case("9110 8.4: a coding of the content", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Encoding: gzip\r\nContent-Length: [REST]\r\n\r\n[LOGOUT]", BODY),
        made("9110 15.5.14: 4,097 bytes", padded(4097), TOO_LARGE),
        made("9110 15.5.14: 100,000 bytes", padded(100_000), TOO_LARGE),
    ];
    for value in [
        "-1",
        "-0",
        "+[REST]",
        "0x[REST]",
        "[REST].0",
        "[REST]e0",
        "[REST];",
        "[REST] 0",
        "0 [REST]",
        "\"[REST]\"",
        "[REST],",
        ",[REST]",
        "0, [REST]",
        "[REST], 0",
        "",
        "many",
        "NaN",
        "0b1",
        "1_0",
        "\u{663}",
        "\u{ff11}",
        "\x0b[REST]",
        "[REST]\0",
        "18446744073709551616",
        "99999999999999999999999999999999999999999",
        "184467440737095516160",
    ] {
        let bytes =
            format!("POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: {value}\r\n\r\n[LOGOUT]");
        cases.push(made(format!("9112 6.2: Content-Length: {value:?}"), bytes.into_bytes(), REFUSED));
    }
    cases
}

/// A body of so many bytes at least that is one request after another.
fn padded(len: usize) -> Vec<u8> {
    let body = "[LOGOUT]".repeat(len.div_ceil(100));
    format!("POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\n\r\n{body}").into_bytes()
}
