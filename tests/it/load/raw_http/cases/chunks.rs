//! `Transfer-Encoding` and chunks: RFC 9112, sections 6.1, 6.3 and 7. Where two servers could disagree on where the body ends,
//! neither end may be the beginning of a request.

use super::REFUSED;
use crate::exchange::{CLOSED, Case, case, made};

/// Answered as if there were no body, or refused for it; but never followed by another request.
const BODY: &[u16] = &[CLOSED, 200, 400, 408, 413, 501];

/// What has to be refused.
const NO_CODING: &[u16] = &[400, 501];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("9112 6.1: CL.TE", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: TE before CL", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\nContent-Length: [REST]\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: TE.CL", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n[SIZE]\r\n[LOGOUT]\r\n0\r\n\r\n", BODY),
        case("9112 6.1: TE.CL, TE first", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n[SIZE]\r\n[LOGOUT]\r\n0\r\n\r\n", BODY),
        case("9112 6.1: CL.TE with a length of 0", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: a GET", b"GET /peer/x/udp HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.1: no credentials", b"POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: [REST]\r\n\r\n0\r\n\r\n[LOGOUT]", &[400, 401]),
        case("9112 6.1: no route", b"POST /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: [REST]\r\n\r\n0\r\n\r\n[LOGOUT]", &[400, 404]),
        case("9112 6.1: a body of no chunk", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: a body of one chunk", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: a request in a chunk", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n[SIZE]\r\n[LOGOUT]\r\n0\r\n\r\n", BODY),
        case("9112 6.1: HTTP/1.0", b"POST /verify HTTP/1.0\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 6.1: HTTP/1.0 that stays", b"POST /verify HTTP/1.0\r\n[AUTH]Connection: keep-alive\r\nContent-Length: [REST]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.1: a space before the colon", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: folded", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding:\r\n chunked\r\nContent-Length: [REST]\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 5.2: a field that is folded into it", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9112 2.2: behind a bare LF", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 2.2: behind a bare CR", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: a NUL in its name", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer\0-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", REFUSED),
        case("9110 5.1: an underscore in its name", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: two fields, one good", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n[LOGOUT]", NO_CODING),
        case("9112 6.1: two fields, the last good", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 6.1: two good fields", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n[LOGOUT]", BODY),
        case("9112 7.1.2: a length in a trailer", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n[LOGOUT]", BODY),
        case("9112 7.1.2: a key in a trailer", b"POST /logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\n[VICTIM]\r\n", &[400, 401]),
        case("9112 7.1.2: a trailer that is none", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n0\r\n[LOGOUT]", BODY),
        case("9112 7.1: no last chunk", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n[LOGOUT]", BODY),
        case("9112 7.1: no chunk at all", b"POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n[LOGOUT]", BODY),
        made("9112 7.1.1: a long extension", chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20_000))), BODY),
        made("9112 7.1.2: 1,000 trailers", chunked(&format!("0\r\n{}\r\n", "A: b\r\n".repeat(1000))), BODY),
        made("9112 7.1.2: a long trailer", chunked(&format!("0\r\nA: {}\r\n\r\n", "b".repeat(100_000))), BODY),
        made("9112 7.1: 2,000 chunks of a byte", chunked(&format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(2000))), BODY),
    ];
    // What a header may say instead of "chunked". The first few mean the same, or may be taken so.
    for value in ["Chunked", "CHUNKED", " \tchunked \t", "gzip, chunked", "chunked, chunked", ",chunked"] {
        cases.push(coding(value, BODY));
    }
    for value in [
        "xchunked",
        "chunkedx",
        "identity",
        "chunked, identity",
        "chunked;q=1",
        "chunked,",
        "\"chunked\"",
        "chu nked",
        "",
        "x",
        "cow",
        "chunked\x0b",
        "chunk",
        "\u{212a}chunked",
        "gzip",
        "deflate, identity",
    ] {
        cases.push(coding(value, NO_CODING));
    }
    for value in ["chunked\0", "\0chunked", "chunked\x01"] {
        cases.push(coding(value, REFUSED));
    }
    // Bodies that are wrong in the middle, each followed by a request.
    for body in [
        "-1\r\na\r\n0\r\n\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "1 1\r\na\r\n0\r\n\r\n",
        "1\t;x\r\na\r\n0\r\n\r\n",
        "g\r\na\r\n0\r\n\r\n",
        ";x\r\na\r\n0\r\n\r\n",
        "\r\na\r\n0\r\n\r\n",
        "1;x=\"\r\na\r\n0\r\n\r\n",
        "1;x\ny\r\na\r\n0\r\n\r\n",
        "1;\nab\r\n0\r\n\r\n",
        "1\na\n0\n\n",
        "1\r\na\n0\n\n",
        "1\ra\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "2\r\na\r\n0\r\n\r\n",
        "1\r\na\r0\r\n\r\n",
        "5\r\na\r\n0\r\n\r\n",
        "00\r\n\r\n",
        "0;x\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\r\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nA: b\r\n c\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "7fffffffffffffff\r\na\r\n0\r\n\r\n",
        "ffffffffffffffff\r\na\r\n0\r\n\r\n",
        "fffffffffffffffff\r\na\r\n0\r\n\r\n",
        "10000000000000001\r\na\r\n0\r\n\r\n",
        "00000000000000000000000000000001\r\na\r\n0\r\n\r\n",
        "1\0\r\na\r\n0\r\n\r\n",
    ] {
        cases.push(made(format!("9112 7.1: chunks {body:?}"), chunked(&format!("{body}[LOGOUT]")), BODY));
    }
    cases
}

fn chunked(body: &str) -> Vec<u8> {
    format!("POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Transfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

/// A body that ends at once if this means chunks, and holds a request if the length counts.
fn coding(value: &str, statuses: &'static [u16]) -> Case {
    let bytes = format!(
        "POST /verify HTTP/1.1\r\nHost: x\r\n[AUTH]Content-Length: [REST]\r\nTransfer-Encoding: {value}\r\n\r\n0\r\n\r\n[LOGOUT]"
    );
    made(format!("9112 6.1: Transfer-Encoding: {value:?}"), bytes.into_bytes(), statuses)
}
