//! A flood from a million addresses.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use rendezvous_crowd::TestRng;
use rendezvous_model::size::Size;
use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::exclusive;

use crate::peers::{Pulses, drops_in_the_end, register, udp};

/// Datagrams that one address sends.
const EACH: usize = 10;

/// How much more memory the flood may leave in use.
const MOST: u64 = 1 << 20;

#[test]
fn a_flood_from_many_sources_takes_no_memory() {
    let count: usize = Size::get().pick("datagrams from many sources", 100_000, 1_000_000, 10_000_000);
    let _exclusive = exclusive();
    let process = Process::start(&["--no-limits=false"]);
    let SocketAddr::V4(server) = process.target().udp() else { panic!("an IPv4 address") };
    let good_address = Ipv4Addr::new(127, 0, 0, 10);
    let key = register(good_address, process.http()[0]);
    let ended = AtomicBool::new(false);
    let mut flood = Flood::new(SockaddrIn::from(server));
    // Whatever is needed once is there after these.
    flood.send(0..5000);
    sleep(Duration::from_millis(500));
    let (before, took, pulses, after) = scope(|scope| {
        let _ends = SetOnDrop(&ended);
        let good = scope.spawn(|| {
            let (socket, mut pulses) = (udp(good_address, server.into()), Pulses::default());
            while !ended.load(Ordering::Relaxed) {
                pulses.pulse(&socket, &key);
                sleep(Duration::from_millis(5));
            }
            pulses
        });
        sleep(Duration::from_millis(200));
        let before = process.resident_bytes();
        let start = Instant::now();
        flood.send(5000..5000 + count / EACH);
        let took = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        let pulses = good.join().unwrap();
        (before, took, pulses, process.resident_bytes())
    });
    let drops = drops_in_the_end(process);
    let Pulses { answered, repeated } = pulses;
    println!(
        "{count} unknown keys from {} sources in {:.1} s: memory {} KiB before and {} KiB after; of a good client {answered} pulses \
         were answered 1020, {repeated} repeated; the kernel dropped {drops} datagrams",
        count / EACH,
        took.as_secs_f64(),
        before >> 10,
        after >> 10
    );
    assert!(after <= before + MOST, "{before} bytes became {after}");
    assert!(repeated <= drops, "{repeated} pulses were lost, but the kernel dropped {drops}");
    assert!(answered > 0);
}

/// One socket that sends from any address.
struct Flood {
    socket: UdpSocket,
    to: [Option<SockaddrIn>; EACH],
    headers: MultiHeaders<SockaddrIn>,
    rng: TestRng,
}

impl Flood {
    fn new(to: SockaddrIn) -> Self {
        let space = nix::cmsg_space!(in_pktinfo);
        Self {
            socket: UdpSocket::bind("0.0.0.0:0").unwrap(),
            to: [Some(to); EACH],
            headers: MultiHeaders::preallocate(EACH, Some(space)),
            rng: TestRng::new(2),
        }
    }

    /// Some unknown keys from each of these addresses.
    fn send(&mut self, addresses: std::ops::Range<usize>) {
        for address in addresses {
            // All of 127.0.0.0/8 but the first few, where the good clients are.
            let source = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + u32::try_from(address).unwrap();
            let info = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: source.to_be() },
                ipi_addr: in_addr { s_addr: 0 },
            };
            let mut keys = [[0; 32]; EACH];
            for key in &mut keys {
                key[..8].copy_from_slice(&self.rng.number().to_ne_bytes());
                key[8..16].copy_from_slice(&self.rng.number().to_ne_bytes());
            }
            let slices: [_; EACH] = std::array::from_fn(|index| [IoSlice::new(&keys[index])]);
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            let sent = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.headers,
                &slices,
                self.to,
                control,
                MsgFlags::empty(),
            );
            match sent.map(Iterator::count) {
                Ok(EACH) | Err(Errno::EAGAIN | Errno::ENOBUFS) => {}
                Ok(fewer) => panic!("{fewer} datagrams were sent"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
