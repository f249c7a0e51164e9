//! The UDP wire (specification, UDP Heartbeating).

use super::checks;
use crate::target::{Target, receive_code};

checks! {
    /// Code 1020: "Pulse was successful and on time".
    fn a_pulse_on_time_is_answered_1020(target) {
        let client = target.register();
        assert_eq!(client.pulse(), 1020);
        assert_eq!(client.pulse(), 1020, "and again: a repeated pulse does no harm");
    }

    /// Code 1060: "Client address was not found".
    fn a_pulse_with_a_key_nobody_has_is_answered_1060(target) {
        let socket = target.socket();
        for key in [[0; 32], [0xFF; 32], *b"this is no key of this server!!!"] {
            socket.send(&key).unwrap();
            assert_eq!(receive_code(&socket), 1060);
        }
    }

    /// "Response code is in Network (Big Endian) format"; the specification's one byte cannot hold its codes, so it
    /// is two.
    fn the_reply_is_a_16_bit_big_endian_integer(target) {
        let client = target.register();
        client.socket.send(client.registration.private_id.reveal()).unwrap();
        let mut reply = [0; 64];
        let len = client.socket.recv(&mut reply).unwrap();
        assert_eq!(reply[..len], [0x03, 0xFC]);
    }

    /// "| 32 byte private_key |": raw bytes, and nothing else is answered.
    fn a_datagram_that_is_not_32_bytes_long_is_not_answered(target) {
        let client = target.register();
        for len in [0, 1, 16, 31, 33, 64, 1000, 1472] {
            client.socket.send(&vec![7; len]).unwrap();
        }
        // A server that answered one of them would have done so before this one.
        assert_eq!(client.pulse(), 1020);
        client.socket.set_nonblocking(true).unwrap();
        assert!(client.socket.recv(&mut [0; 64]).is_err(), "there is one answer, to the pulse");
    }

    /// The wire has the key raw, HTTP has it in hex, and the two are not mixed up.
    fn a_key_in_hex_is_not_a_pulse(target) {
        let client = target.register();
        client.socket.send(client.key_hex().as_bytes()).unwrap();
        assert_eq!(client.pulse(), 1020);
        client.socket.set_nonblocking(true).unwrap();
        assert!(client.socket.recv(&mut [0; 64]).is_err());
    }

    /// The published address is where the latest accepted pulse came from.
    fn a_client_that_moves_to_another_port_is_found_there(target) {
        let (client, peer) = (target.register(), target.register());
        assert_eq!(client.pulse(), 1020);
        assert_eq!(peer.socket_address_of(client.id()), client.socket.local_addr().unwrap());
        let elsewhere = target.socket();
        assert_eq!(client.pulse_from(&elsewhere), 1020);
        assert_eq!(peer.socket_address_of(client.id()), elsewhere.local_addr().unwrap());
        assert_eq!(client.pulse(), 1020);
        assert_eq!(peer.socket_address_of(client.id()), client.socket.local_addr().unwrap());
    }

    /// Each client has an address of its own.
    fn clients_do_not_get_each_others_addresses(target) {
        let clients: Vec<_> = (0..20).map(|_| target.register()).collect();
        for client in &clients {
            assert_eq!(client.pulse(), 1020);
        }
        for client in &clients {
            assert_eq!(clients[0].socket_address_of(client.id()), client.socket.local_addr().unwrap());
        }
    }

    /// Two clients behind one address and port are still two clients.
    fn two_clients_may_pulse_from_one_socket(target) {
        let (a, b) = (target.register(), target.register());
        assert_eq!(a.pulse(), 1020);
        assert_eq!(b.pulse_from(&a.socket), 1020);
        let shared = a.socket.local_addr().unwrap();
        assert_eq!((a.socket_address_of(a.id()), a.socket_address_of(b.id())), (shared, shared));
    }

    /// The port that a registration tells is the one that takes pulses, and the timing is complete.
    fn a_registration_tells_where_and_how_often_to_pulse(target) {
        let registration = target.register().registration;
        assert_eq!(registration.udp_port, target.udp().port());
        assert!(registration.pulse_interval.0 > 0);
        assert!(registration.pulse_grace < registration.error_time);
    }
}
