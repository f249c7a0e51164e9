//! Targets: RFC 9112, section 3.2, and RFC 3986. Where a path could be taken for another's, it is tried with the victim's key.

use super::{EITHER, NO_ROUTE, REFUSED};
use crate::exchange::{Case, case, made};

const TOO_LONG: &[u16] = &[414];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("9112 3.2.2: absolute form", b"POST http://x/verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", EITHER),
        case(
            "9112 3.2.2: absolute form of another host",
            b"POST http://y/verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n",
            &[200, 400, 421],
        ),
        case(
            "9112 3.2.2: absolute form with a user",
            b"POST http://a:b@x/verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n",
            EITHER,
        ),
        case("9112 3.2.2: another scheme", b"POST ftp://x/verify HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", EITHER),
        case(
            "9112 3.2.2: a scheme without a host",
            b"POST http:///verify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]",
            REFUSED,
        ),
        case("9112 3.2.3: authority form", b"POST x:80 HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NO_ROUTE),
        case("9112 3.2.4: asterisk form", b"POST * HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NO_ROUTE),
        case("9112 3.2: a space within", b"POST /ver ify HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: a NUL", b"POST /verify\0 HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: a control byte", b"POST /verify?x=\x01 HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: DEL", b"POST /verify?x=\x7f HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: a bare CR", b"POST /verify?\r HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: a bare LF", b"POST /verify?\n HTTP/1.1\r\nHost: x\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 3.2: not ASCII", b"POST /verif\xc3\xbf HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NO_ROUTE),
        case("9112 3.2: not UTF-8", b"POST /verif\xff HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", NO_ROUTE),
        case("3986 3.5: a fragment", b"POST /verify#x HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", &[200, 400, 404]),
        case("3986 3.4: an empty query", b"POST /verify? HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", EITHER),
        case(
            "3986 3.4: a request in the query",
            b"POST /verify?%0d%0a[REST] HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n",
            EITHER,
        ),
        made("9110 4.1: 1,025 bytes", long(1025), TOO_LONG),
        made("9110 4.1: 8,000 bytes", long(8000), TOO_LONG),
        made("9110 4.1: 70,000 bytes", long(70_000), &[414, 431]),
    ];
    for target in [
        "logout",
        "//logout",
        "/logout/",
        "/logout//",
        "/./logout",
        "/x/../logout",
        "/peer/../logout",
        "/%6cogout",
        "/LOGOUT",
        "/logout%00",
        "/logout%20",
        "/logout%2f",
        "/logout;x=1",
        "/logout.json",
        "\\logout",
        "/\\logout",
        "/verify/..%2flogout",
        "/verify%0d%0a",
        "/..;/logout",
        "/%2e%2e/logout",
        "/%2flogout",
        "/logout%3f",
    ] {
        let bytes = format!("POST {target} HTTP/1.1\r\nHost: x\r\n[VICTIM]\r\n");
        cases.push(made(format!("3986 6.2: POST {target}"), bytes.into_bytes(), NO_ROUTE));
    }
    for target in [
        "/peer/../logout/udp",
        "/peer/%00/udp",
        "/peer/%ff/udp",
        "/peer//udp",
        "/peer/a%2fb/udp",
        "/peer/%/udp",
        "/peer/%zz/udp/status",
        "/peer/{client_id}/udp",
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n");
        cases.push(made(format!("3986 2.1: GET {target}"), bytes.into_bytes(), NO_ROUTE));
    }
    cases
}

fn long(len: usize) -> Vec<u8> {
    format!("POST /{} HTTP/1.1\r\nHost: x\r\n[AUTH]\r\n", "a".repeat(len - 1)).into_bytes()
}
