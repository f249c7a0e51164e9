//! Datagrams of every length.

use rendezvous_tests::local::LocalServer;
use rendezvous_tests::target::receive_code;
use rendezvous_tests::timing::exclusive;

/// The longest payload of a UDP datagram over IPv4.
const LONGEST: usize = 65_507;

#[test]
fn of_all_lengths_only_32_is_answered() {
    let _exclusive = exclusive();
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    let payload = vec![0x5A; LONGEST];
    let mut unknown = 0;
    for len in 0..=LONGEST {
        client.socket.send(&payload[..len]).unwrap();
        if len == 32 {
            assert_eq!(receive_code(&client.socket), 1060, "32 bytes of anything are a key");
            unknown += 1;
        }
        // A good pulse after each: it is answered next, so the datagram before it was not. It also keeps the
        // socket's buffer from overflowing.
        assert_eq!(client.pulse(), 1020, "after {len} bytes");
    }
    assert_eq!(client.pulse(), 1020);
    let stats = server.node().stats();
    assert_eq!(
        stats.counters.dropped_wrong_length, LONGEST as u64,
        "every other length arrived, and was dropped"
    );
    assert_eq!((stats.counters.pulses_unknown, unknown), (1, 1));
}
