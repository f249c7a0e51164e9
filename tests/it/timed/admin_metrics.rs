//! `/metrics`: what happens is counted, under names that do not grow in number, and without telling who it was.

use std::collections::BTreeMap;
use std::net::TcpStream;

use rendezvous_model::secrets::Needles;
use rendezvous_native::Refusal;
use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};
use ureq::http::Method;

#[test]
fn what_happens_is_counted() {
    let server = LocalServer::with_default_timing();
    let (client, peer) = (server.target().register(), server.target().register());
    let before = server.admin().metrics();
    assert_eq!((client.pulse(), client.pulse()), (1020, 1020));
    let stranger = server.target().socket();
    stranger.send(&[7; 32]).unwrap();
    assert_eq!(rendezvous_tests::target::receive_code(&stranger), 1060);
    stranger.send(b"noise").unwrap();
    client.address_of(client.id()).assert_ok();
    client.status_of(peer.id()).assert_ok();
    client.address_of(peer.id()).assert_problem(404, "address_unknown");
    client.verify().assert_ok();
    server.target().call(Method::POST, "/verify", &[]).assert_problem(401, "missing_credentials");
    server.target().call(Method::GET, "/nothing", &[]).assert_problem(404, "no_such_route");
    peer.logout().assert_ok();
    peer.logout().assert_problem(401, "unknown_client");
    client.address_of(peer.id()).assert_problem(404, "unknown_peer");
    server.node().note_refused(Refusal::Lookup, 3);
    let _open = TcpStream::connect(server.target().http_address()).unwrap();
    // The noise may be on its way still.
    assert_eq!(client.pulse(), 1020);
    let after = server.admin().metrics();

    let differences: BTreeMap<_, _> = after
        .iter()
        .map(|(name, value)| (name.as_str(), value - before[name]))
        .filter(|(name, difference)| *difference != 0.0 && !name.starts_with("rendezvous_batch_"))
        .filter(|&(name, _)| name != "rendezvous_records_memory_bytes")
        .collect();
    let expected = BTreeMap::from([
        ("rendezvous_clients", -1.0),
        ("rendezvous_clients_by_status{status=\"online\"}", -1.0),
        ("rendezvous_pulses_total{answer=\"on_time\"}", 3.0),
        ("rendezvous_pulses_total{answer=\"unknown\"}", 1.0),
        ("rendezvous_datagrams_dropped_total{reason=\"wrong_length\"}", 1.0),
        ("rendezvous_moves_total", 1.0),
        ("rendezvous_verifies_total", 1.0),
        ("rendezvous_logouts_total", 1.0),
        ("rendezvous_lookups_total{outcome=\"found\"}", 3.0),
        ("rendezvous_lookups_total{outcome=\"unknown\"}", 1.0),
        ("rendezvous_unauthorized_total", 1.0),
        ("rendezvous_rate_limited_total{kind=\"lookup\"}", 3.0),
        ("rendezvous_open_connections", 1.0),
        ("rendezvous_http_requests_total{route=\"peer_address\",status=\"2xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"peer_address\",status=\"4xx\"}", 2.0),
        ("rendezvous_http_requests_total{route=\"peer_status\",status=\"2xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"verify\",status=\"2xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"verify\",status=\"4xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"logout\",status=\"2xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"logout\",status=\"4xx\"}", 1.0),
        ("rendezvous_http_requests_total{route=\"other\",status=\"4xx\"}", 1.0),
    ]);
    assert_eq!(differences, expected);
    assert_eq!(after["rendezvous_registrations_total"], 2.0);
    let datagrams = after["rendezvous_batch_datagrams_sum"] - before["rendezvous_batch_datagrams_sum"];
    assert_eq!(datagrams, 5.0);
}

#[test]
fn clients_that_are_late_are_counted_as_pending() {
    let server = LocalServer::with(&SHORT_TIMING);
    let client = server.target().register();
    std::thread::sleep(client.late_after() + std::time::Duration::from_millis(50));
    assert_eq!(client.pulse(), 1050);
    let series = server.admin().metrics();
    assert_eq!(series["rendezvous_clients"], 1.0);
    assert_eq!(series["rendezvous_clients_by_status{status=\"online\"}"], 0.0);
    assert_eq!(series["rendezvous_clients_by_status{status=\"pending\"}"], 1.0);
    assert_eq!(series["rendezvous_pulses_total{answer=\"late\"}"], 1.0);
}

#[test]
fn what_the_store_does_is_counted() {
    let server = LocalServer::on(&SimulatedDisk::default());
    let before = server.admin().metrics();
    server.target().register();
    server.target().register().logout().assert_ok();
    let after = server.admin().metrics();
    let grown = |name: &str| after[name] - before[name];
    assert_eq!(grown("rendezvous_store_commits_total"), 3.0);
    assert_eq!(grown("rendezvous_store_commit_seconds_count"), 3.0);
    assert!(
        grown("rendezvous_store_syncs_total") >= 3.0 && grown("rendezvous_store_written_bytes_total") > 0.0
    );
    assert_eq!((after["rendezvous_store_failing"], after["rendezvous_store_failures_total"]), (0.0, 0.0));
}

#[test]
fn there_are_as_many_series_with_many_clients_as_with_none() {
    let server = LocalServer::with_default_timing();
    let before = server.admin().metrics();
    for _ in 0..300 {
        let client = server.target().register();
        assert_eq!(client.pulse(), 1020);
        client.address_of(client.id()).assert_ok();
    }
    let after = server.admin().metrics();
    assert!(after.keys().eq(before.keys()));
    assert_eq!(after["rendezvous_clients"], 300.0);
    assert!(after.len() < 200, "{}", after.len());
}

#[test]
fn no_key_id_or_address_is_in_what_the_operator_sees() {
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    assert_eq!(client.pulse(), 1020);
    client.address_of(client.id()).assert_ok();
    let key = client.key_hex();
    server.target().call(Method::GET, &format!("/peer/{key}/udp?key={key}"), &[&client.bearer()]);
    server.target().call(Method::GET, &format!("/{key}"), &[&client.bearer()]);
    // Samples of the history are of no client either, but there should be one.
    std::thread::sleep(std::time::Duration::from_secs(6));
    let needles = Needles::of(&client.registration.private_id);
    let port = client.socket.local_addr().unwrap().port().to_string();
    for path in ["/metrics", "/status.json", "/readyz", "/livez", "/version", "/", &format!("/{key}")] {
        let answer = server.admin().get_raw(path);
        let (_, answer) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(needles.find(answer.as_bytes()), None, "{path}");
        assert!(!answer.contains(&client.id().to_string()), "{path}: {answer}");
        if path != "/" {
            let told = answer.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
            assert!(told.clone().all(|word| word != "127.0.0.1" && word != port), "{path}: {answer}");
        }
    }
}
