//! What is not HTTP, methods and versions: RFC 9112, sections 2 and 3.

use super::{EITHER, REFUSED};
use crate::exchange::{CLOSED, Case, case, made};

/// A later minor version may be taken for 1.1, which the server does not do.
const VERSION: &[u16] = &[400, 505];

const NOT_ALLOWED: &[u16] = &[400, 404, 405];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("9112 2.1: nothing at all", b"", &[CLOSED]),
        case("9112 2.2: empty lines only", b"\r\n\r\n\r\n", &[CLOSED, 400]),
        case("9112 2.2: an empty line first", b"\r\nPOST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", EITHER),
        case("9112 2.2: a bare LF first", b"\nPOST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", EITHER),
        case("9112 2.2: a bare CR first", b"\rPOST /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: not HTTP", b"hello\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: NULs", b"\0\0\0\0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: a TLS handshake", b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2: PROXY protocol 1 from a stranger", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n[LOGOUT]", REFUSED),
        case(
            "9112 2: PROXY protocol 2 from a stranger",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02[LOGOUT]",
            REFUSED,
        ),
        case("9112 3: an incomplete head", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]", &[CLOSED, 400, 408]),
        case("9112 3: a method alone", b"POST\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: HTTP/0.9", b"GET /\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: no version", b"POST /verify\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: no target", b"POST HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: an empty target", b"POST  HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: a space first", b" POST /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: a space last", b"POST /verify HTTP/1.1 \r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: two spaces before the target", b"POST  /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: two spaces after the target", b"POST /verify  HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: tabs for spaces", b"POST\t/verify\tHTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: a vertical tab for a space", b"POST\x0b/verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3: one word too many", b"POST /verify HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: a line that ends in CR", b"POST /verify HTTP/1.1\rHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: a CR more", b"POST /verify HTTP/1.1\r\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: a line that ends in LF", b"POST /verify HTTP/1.1\nHost: x\r\n[AUTH]\r\n", EITHER),
        case("9112 2.2: all lines end in LF", b"POST /verify HTTP/1.1\nHost: x\nA: b\n\n", &[400, 401]),
        case("9112 2.2: a head that ends in two LFs", b"POST /verify HTTP/1.1\r\nHost: x\n\n[LOGOUT]", REFUSED),
        case("9112 2.2: a head that ends in CR LF LF", b"POST /verify HTTP/1.1\r\nHost: x\r\n\n[LOGOUT]", REFUSED),
        case("9110 9.1: a method in lower case", b"post /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NOT_ALLOWED),
        case("9110 9.1: a method nobody knows", b"BREW /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NOT_ALLOWED),
        case("9110 9.1: a method with a NUL", b"POST\0 /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 9.1: a method with DEL", b"POST\x7f /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 9.1: a method in brackets", b"(POST) /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 9.1: a method that is not ASCII", b"P\xc3\x96ST /verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 9.3.8: TRACE", b"TRACE /verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NOT_ALLOWED),
        case("9110 9.3.6: CONNECT", b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", NOT_ALLOWED),
        case("9110 9.3.6: CONNECT of a route", b"CONNECT /verify HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED),
        case("9110 9.3.7: OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED),
        case("9113 3.4: HTTP/2, at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0[LOGOUT]", &[CLOSED, 400, 505]),
        case(
            "7540 3.2: HTTP/2 by an upgrade",
            b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
              HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
            EITHER,
        ),
        case(
            "6455 4.1: a WebSocket",
            b"GET /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Connection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            NOT_ALLOWED,
        ),
        made("9110 9.1: a long method", [&[b'A'; 20_000][..], b" / HTTP/1.1\r\nHost: x\r\n\r\n"].concat(), &[400, 404, 405, 431]),
    ];
    for version in [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/2.0",
        "HTTP/3.0",
        "HTTP/9.9",
        "HTTP/-1.1",
        "HTTP/1.1x",
        "http/1.1",
        "HTP/1.1",
        "HTTP /1.1",
        "HTTP/1,1",
        "HTTPS/1.1",
        "RTSP/1.0",
        "1.1",
    ] {
        let bytes = format!("POST /verify {version}\r\nHost: x\r\n[AUTH]\r\n[LOGOUT]");
        cases.push(made(format!("9112 2.3: {version}"), bytes.into_bytes(), VERSION));
    }
    cases
}
