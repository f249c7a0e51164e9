//! The bodies of the fuzz targets: a function of any bytes that must not panic.

use rendezvous_protocol::http::parse_bearer;
use rendezvous_protocol::{ClientId, PULSE_LEN, PrivateKey, PulseCode, Rejection, ReplyWidth, decode_pulse};

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 2] = [("datagram", datagram), ("bearer", bearer)];

/// A datagram of any bytes is a pulse if it is 32 bytes long, and is never answered with more bytes than it has.
pub fn datagram(payload: &[u8]) {
    let source = ([192, 0, 2, 7], 4000).into();
    match (decode_pulse(source, payload), <[u8; PULSE_LEN]>::try_from(payload)) {
        (Ok(id), Ok(key)) => {
            assert_eq!(id, ClientId::of(&PrivateKey::from_bytes(key)));
            for width in [ReplyWidth::One, ReplyWidth::Two, ReplyWidth::Four] {
                for code in PulseCode::ALL {
                    assert!(code.encode(width).as_bytes().len() < payload.len());
                }
            }
        }
        (Err(_), Err(_)) => {}
        (decoded, _) => panic!("{} bytes are {decoded:?}", payload.len()),
    }
    let nowhere = ([192, 0, 2, 7], 0).into();
    assert!(decode_pulse(nowhere, payload).is_err());
    // The client's side of the wire: any bytes, too.
    if let Some(code) = PulseCode::decode(payload) {
        let widths = [ReplyWidth::One, ReplyWidth::Two, ReplyWidth::Four];
        assert!(widths.iter().any(|&width| code.encode(width).as_bytes() == payload));
    }
}

/// An `Authorization` header of any bytes names a client only if it is a `Bearer` with that client's key.
pub fn bearer(header: &[u8]) {
    match parse_bearer([header].into_iter()) {
        Ok(id) => {
            assert!(header[..6].eq_ignore_ascii_case(b"bearer"));
            let key = PrivateKey::from_hex(&header[header.len() - 64..]).unwrap();
            assert_eq!(id, ClientId::of(&key));
            assert!(header[6..header.len() - 64].iter().all(|&byte| byte == b' '));
            assert!(header.len() > 6 + 64, "a space at least");
        }
        Err(rejection) => assert_eq!(rejection, Rejection::MalformedCredentials),
    }
    assert!(parse_bearer([header, header].into_iter()).is_err(), "two are never accepted");
}
