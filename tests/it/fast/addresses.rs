//! IPv4, IPv6, both on one socket, and machines with several addresses.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rendezvous_model::size::has_ipv6;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::Target;
use ureq::http::Method;

#[test]
fn a_reply_leaves_from_the_address_that_the_pulse_reached() {
    // A connected socket takes nothing from another address, as a NAT would not.
    let server = LocalServer::with(&["--udp-listen=0.0.0.0:0"]);
    let client = server.target().register();
    for address in ["127.0.0.1", "127.0.0.2", "127.99.98.97"] {
        let socket = connected("127.0.0.1:0", address, server.target().udp().port());
        assert_eq!(client.pulse_from(&socket), 1020, "{address}");
    }
}

#[test]
fn a_dual_stack_socket_takes_both_and_shows_ipv4_as_ipv4() {
    if !has_ipv6() {
        return;
    }
    let server = LocalServer::with(&["--udp-listen=[::]:0"]);
    let client = server.target().register();
    let port = server.target().udp().port();

    let v4 = connected("127.0.0.1:0", "127.0.0.3", port);
    assert_eq!(client.pulse_from(&v4), 1020);
    assert_eq!(client.address_of(client.id()).json["host"], "127.0.0.1", "a dotted quad");
    assert_eq!(client.socket_address_of(client.id()), v4.local_addr().unwrap());

    let v6 = connected("[::1]:0", "::1", port);
    assert_eq!(client.pulse_from(&v6), 1020);
    assert_eq!(client.address_of(client.id()).json["host"], "::1", "RFC 5952 text");
    assert_eq!(client.socket_address_of(client.id()), v6.local_addr().unwrap());
}

#[test]
fn a_socket_of_each_family_can_have_the_same_port() {
    if !has_ipv6() {
        return;
    }
    // One socket of each family on the same port: the IPv6 one then leaves IPv4 to the other.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server =
        LocalServer::with(&[&format!("--udp-listen=0.0.0.0:{free}"), &format!("--udp-listen=[::]:{free}")]);
    let client = server.target().register();
    for (local, remote) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let socket = connected(local, remote, free);
        assert_eq!(client.pulse_from(&socket), 1020, "{remote}");
        assert_eq!(client.socket_address_of(client.id()), socket.local_addr().unwrap());
    }
}

#[test]
fn several_listeners_are_one_server() {
    let process = Process::start(&[
        "--udp-listen=127.0.0.1:0,127.0.0.2:0",
        "--udp-listen=127.0.0.3:0",
        "--http-listen=127.0.0.1:0",
        "--http-listen=127.0.0.4:0",
    ]);
    let udp = process.udp();
    let client = process.target().register();
    assert_eq!(client.registration.udp_port, udp[0].port(), "the first UDP port is advertised");
    assert_eq!(udp.len(), 3);
    for address in udp {
        let socket = connected("127.0.0.1:0", &address.ip().to_string(), address.port());
        assert_eq!(client.pulse_from(&socket), 1020, "{address}");
    }
    let http = process.http();
    assert_eq!(http.len(), 2);
    for address in http {
        let target = Target::new(format!("http://{address}"), udp[0]);
        target.call(Method::POST, "/verify", &[&client.bearer()]).assert_ok();
    }
}

#[test]
fn the_advertised_port_can_be_another_than_the_bound_one() {
    let server = LocalServer::with(&["--udp-listen=127.0.0.1:0", "--advertise-udp-port=6000"]);
    let client = server.target().register();
    assert_eq!(client.registration.udp_port, 6000);
}

fn connected(local: &str, remote: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(local).unwrap();
    socket.connect(SocketAddr::new(remote.parse().unwrap(), port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}
