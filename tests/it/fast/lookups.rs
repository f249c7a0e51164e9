//! Lookups that are plain, and lookups that are written in an unusual way: the server answers the former without its router,
//! and nobody may be able to tell.

use rendezvous_tests::local::LocalServer;
use rendezvous_tests::target::Answer;
use ureq::http::Method;

/// Status, headers and members of an answer, without what depends on the moment.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, serde_json::Value) {
    let mut headers: Vec<_> = (answer.headers.iter())
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| name != "date")
        .collect();
    headers.sort();
    let mut json = answer.json.clone();
    if let Some(members) = json.as_object_mut() {
        for member in ["timestamp", "last_online"] {
            members.remove(member);
        }
    }
    (answer.status, headers, json)
}

#[test]
fn an_encoded_path_is_answered_like_a_plain_one() {
    let server = LocalServer::with_default_timing();
    let (caller, peer) = (server.target().register(), server.target().register());
    assert_eq!(peer.pulse(), 1020);
    let id = peer.id().to_string();
    let encoded = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    let bearer = caller.bearer();
    let bearer = bearer.as_str();
    for credentials in [&[bearer][..], &[bearer, bearer], &["Basic eA=="], &[]] {
        for (plain, unusual) in [(id.as_str(), encoded.as_str()), ("no-id", "n%6f-id"), ("%00", "%00")] {
            for end in ["udp", "udp/status", "udp/", "udp?x=1"] {
                let ask = |id| server.target().call(Method::GET, &format!("/peer/{id}/{end}"), credentials);
                assert_eq!(shape(&ask(plain)), shape(&ask(unusual)), "{plain} {end} {credentials:?}");
            }
        }
    }
    let found = server.target().call(Method::GET, &format!("/peer/{encoded}/udp"), &[bearer]);
    assert_eq!(found.socket_address(), peer.socket.local_addr().unwrap());
}

#[test]
fn a_head_request_gets_the_headers_of_a_lookup() {
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    assert_eq!(client.pulse(), 1020);
    let path = format!("/peer/{}/udp", client.id());
    let (head, get) = (client.call(Method::HEAD, &path), client.call(Method::GET, &path));
    let (status, headers, _) = shape(&get);
    assert_eq!((head.status, shape(&head).1), (status, headers));
    assert!(head.json.is_null(), "and no body");
}
