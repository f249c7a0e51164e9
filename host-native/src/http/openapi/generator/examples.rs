//! Bodies as the server prints them, of clients that do not exist.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rendezvous_protocol::http::{
    LogoutBody, PeerAddressBody, PeerStatusBody, RegisterBody, VerifyBody, to_json,
};
use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{ClientId, Millis, PrivateKey, Timing, UnixTime};
use serde_json::Value;

/// When they are said.
const NOW: UnixTime = UnixTime::from_millis(1_767_225_600_000);
/// The key of a client that is never drawn.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// How long ago the peer pulsed.
const AGO: Millis = Millis(12_300);

/// The id of the client in all of them.
pub(super) fn id() -> ClientId {
    ClientId::of(&key())
}

/// What `/register` answers.
pub(super) fn register() -> Vec<(&'static str, Value)> {
    let body = to_json(&RegisterBody::new(key(), NOW, 5024, &Timing::default()));
    vec![("registered", parsed(&body))]
}

/// What `/verify` answers.
pub(super) fn verify() -> Vec<(&'static str, Value)> {
    vec![("verified", parsed(&to_json(&VerifyBody::new(id(), NOW))))]
}

/// What `/logout` answers.
pub(super) fn logout() -> Vec<(&'static str, Value)> {
    vec![("logged_out", parsed(&to_json(&LogoutBody::new(id()))))]
}

/// What a lookup of an address finds.
pub(super) fn peer_address() -> Vec<(&'static str, Value)> {
    let found = |address, ago| parsed(&to_json(&PeerAddressBody::new(id(), address, ago, NOW)));
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
    vec![
        ("ipv4", found(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 40_123)), Some(AGO))),
        ("ipv6_after_a_restart", found(SocketAddr::from((v6, 40_123)), None)),
    ]
}

/// What a lookup of a status finds.
pub(super) fn peer_status() -> Vec<(&'static str, Value)> {
    let found = |status, ago| parsed(&to_json(&PeerStatusBody::new(id(), status, ago, NOW)));
    vec![
        ("online", found(Status::Online, Some(AGO))),
        ("registered_but_never_pulsed", found(Status::Online, None)),
        ("pending", found(Status::Pending, Some(Millis(47_000)))),
    ]
}

fn key() -> PrivateKey {
    PrivateKey::from_hex(KEY.as_bytes()).expect("64 hex digits")
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("a body is JSON")
}
