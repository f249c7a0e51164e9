//! Several UDP threads: one server, whichever of its sockets the kernel picks.

use rendezvous_tests::local::LocalServer;

#[test]
fn every_client_is_answered_whichever_thread_its_pulses_reach() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = LocalServer::with(&[&format!("--udp-listen={address}"), "--udp-threads=4"]);
        let target = server.target();
        let clients: Vec<_> = (0..64).map(|_| target.register()).collect();
        // Each has a port of its own, so the kernel deals them to all of the sockets.
        for _ in 0..3 {
            for client in &clients {
                assert_eq!(client.pulse(), 1020, "{address}");
            }
        }
        // A client that moves is dealt to another thread, perhaps, and it is the same client.
        for _ in 0..16 {
            assert_eq!(clients[0].pulse_from(&target.socket()), 1020, "{address}");
        }
        let here = clients[1].socket.local_addr().unwrap();
        assert_eq!(clients[0].socket_address_of(clients[1].id()), here);
        let counters = server.node().stats().counters;
        assert_eq!((counters.pulses_on_time, counters.pulses_unknown), (64 * 3 + 16, 0));
    }
}
