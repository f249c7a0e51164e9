//! Datagrams of every kind, at a live server.

use std::net::SocketAddr;
use std::time::Duration;

use rendezvous_model::size::left_out;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::target::receive_code;
use rendezvous_tests::timing::eventually;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

#[test]
fn bytes_that_are_not_text_do_not_disturb_the_server() {
    // The original program decoded the key as UTF-8, and its UDP thread died of the first that was not.
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    for byte in 0..=255 {
        client.socket.send(&[byte; 32]).unwrap();
        assert_eq!(receive_code(&client.socket), 1060);
    }
    assert_eq!(client.pulse(), 1020);
    for datagram in [&[0xED, 0xA0, 0x80][..], b"\xf8\x88\x80\x80\x80", &[0xFF; 1000]] {
        client.socket.send(datagram).unwrap();
        assert_eq!(client.pulse(), 1020, "after {datagram:?}");
    }
}

#[test]
fn a_datagram_from_port_zero_is_dropped() {
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) {
        Ok(raw) => {
            let destination = server.target().udp();
            let datagram = udp_datagram(0, destination.port(), client.registration.private_id.reveal());
            let to = SockAddr::from(SocketAddr::new(destination.ip(), 0));
            raw.send_to(&datagram, &to).unwrap();
            assert_eq!(client.pulse(), 1020, "the server lives");
            // Another thread may have got it, from another socket, and be behind with it.
            let is_counted = || server.node().stats().counters.dropped_port_zero > 0;
            eventually(Duration::from_secs(5), "a counted datagram from port 0", is_counted);
            let stats = server.node().stats();
            assert_eq!((stats.counters.dropped_port_zero, stats.counters.pulses_on_time), (1, 1));
        }
        // The protocol's own tests cover the rule; this one also needs the right to make such a datagram.
        Err(error) => {
            assert_ne!(std::env::var("RENDEZVOUS_TESTS_AS_ROOT").as_deref(), Ok("1"), "{error}");
            left_out(&format!("a real datagram from port 0 needs CAP_NET_RAW ({error})"));
        }
    }
}

#[test]
fn replies_have_the_configured_width() {
    for (width, on_time, not_found) in [
        ("1", &[0xFC][..], &[0x24][..]),
        ("2", &[0x03, 0xFC], &[0x04, 0x24]),
        ("4", &[0, 0, 0x03, 0xFC], &[0, 0, 0x04, 0x24]),
    ] {
        let server = LocalServer::with(&["--udp-listen=127.0.0.1:0", &format!("--reply-width={width}")]);
        let client = server.target().register();
        let mut reply = [0; 64];
        for (payload, expected) in [(client.registration.private_id.reveal(), on_time), (&[0; 32], not_found)]
        {
            client.socket.send(payload).unwrap();
            let len = client.socket.recv(&mut reply).unwrap();
            assert_eq!(&reply[..len], expected, "width {width}");
        }
    }
}

#[test]
fn a_client_that_pulses_all_the_time_and_never_reads_does_not_starve_others() {
    let server = LocalServer::with_default_timing();
    let (deaf, client) = (server.target().register(), server.target().register());
    for round in 0..200 {
        for _ in 0..50 {
            deaf.socket.send(deaf.registration.private_id.reveal()).unwrap();
        }
        assert_eq!(client.pulse(), 1020, "round {round}");
    }
}

/// A UDP datagram with its header (RFC 768). A checksum of zero means that there is none.
fn udp_datagram(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut datagram = vec![];
    for field in [source_port, destination_port, len, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}
