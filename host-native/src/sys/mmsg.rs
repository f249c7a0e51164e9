//! Many datagrams in one call: `recvmmsg` and `sendmmsg`.
//!
//! A call of the system costs as much as all that is done with a pulse. The safe wrappers there are do not reset the length
//! of the control buffers between two calls, and then the kernel fills them only once; so the headers are kept here.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;
use rendezvous_protocol::{PULSE_LEN, PulseCode, ReplyWidth, Server};

/// Datagrams that were received together, and the answers to them.
///
/// An answer goes to where the datagram came from, with the flow label and scope of IPv6, and leaves from the local address
/// that the datagram reached: on a wildcard address a machine with several would else answer from the one that routing
/// prefers, and the client's NAT would not let that through. (`IP_PKTINFO`; RFC 3542 section 6.1 for IPv6.)
pub(crate) struct Batch {
    received: usize,
    answers: usize,
    payloads: Vec<[u8; Self::PAYLOAD]>,
    /// Where each came from. An IPv4 address lies in the first 16 bytes.
    sources: Vec<libc::sockaddr_in6>,
    /// Which local address each reached; empty if the socket has only one.
    locals: Vec<Control>,
    /// The answers that there are, in the order of [`PulseCode::ALL`].
    codes: Vec<[u8; 4]>,
    // The headers point into the vectors above (`code_buffers` into `codes`, and so on), which are never resized.
    buffers: Vec<libc::iovec>,
    code_buffers: Vec<libc::iovec>,
    incoming: Vec<libc::mmsghdr>,
    outgoing: Vec<libc::mmsghdr>,
}

/// What the kernel says about a datagram, and is told about the answer.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    /// IPv4 (`in_pktinfo`): interface, local address, destination. IPv6 (`in6_pktinfo`): address in four, interface.
    data: [u32; 5],
    /// The kernel rounds lengths up to whole words.
    _padding: [u32; 1],
}

const V4_INFO: usize = size_of::<libc::in_pktinfo>();
const V6_INFO: usize = size_of::<libc::in6_pktinfo>();

impl Batch {
    /// How many datagrams are taken at a time.
    pub(crate) const SIZE: usize = Server::BATCH;
    /// One byte more than a pulse: enough to see that a datagram is too long.
    const PAYLOAD: usize = PULSE_LEN + 1;

    /// Room for datagrams, of a socket that was told to say which local address they reached, or not.
    pub(crate) fn new(says_local: bool, width: ReplyWidth) -> Self {
        // SAFETY: these structures are plain integers and pointers, for which zero is a value.
        let (source, header, control): (libc::sockaddr_in6, libc::mmsghdr, Control) =
            unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        let mut batch = Self {
            received: 0,
            answers: 0,
            payloads: vec![[0; Self::PAYLOAD]; Self::SIZE],
            sources: vec![source; Self::SIZE],
            locals: vec![control; if says_local { Self::SIZE } else { 0 }],
            codes: vec![[0; 4]; PulseCode::ALL.len()],
            buffers: vec![],
            code_buffers: vec![],
            incoming: vec![header; Self::SIZE],
            outgoing: vec![header; Self::SIZE],
        };
        let buffer =
            |bytes: &mut [u8]| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        batch.buffers = batch.payloads.iter_mut().map(|payload| buffer(payload)).collect();
        batch.code_buffers = (batch.codes.iter_mut().zip(PulseCode::ALL))
            .map(|(bytes, code)| {
                let reply = code.encode(width);
                let bytes = &mut bytes[..reply.as_bytes().len()];
                bytes.copy_from_slice(reply.as_bytes());
                buffer(bytes)
            })
            .collect();
        batch
    }

    /// Lets each header of the incoming ones point to its buffers, and say how much room there is.
    fn make_room(&mut self) {
        let buffers = self.sources.iter_mut().zip(&mut self.buffers);
        for (index, (header, (source, buffer))) in self.incoming.iter_mut().zip(buffers).enumerate() {
            let header = &mut header.msg_hdr;
            header.msg_name = ptr::from_mut(source).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_iov = ptr::from_mut(buffer);
            header.msg_iovlen = 1;
            if let Some(control) = self.locals.get_mut(index) {
                header.msg_control = ptr::from_mut(control).cast();
                header.msg_controllen = size_of::<Control>() as _;
            }
        }
    }

    /// Waits until a datagram is there, for as long as the socket's read timeout, and takes all that are there by then.
    ///
    /// # Errors
    /// `EAGAIN` after the timeout, and whatever else the kernel says.
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> Result<(), Errno> {
        self.answers = 0;
        self.received = 0;
        // All of it again each time: the kernel has written how much it used, and the buffers have been borrowed meanwhile.
        self.make_room();
        // SAFETY: each header points to buffers of this batch, as they are now, and says how long they are. None of them is
        // borrowed while this runs.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.incoming.as_mut_ptr(),
                Self::SIZE as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        self.received = Errno::result(received)? as usize;
        Ok(())
    }

    /// The datagrams that were received last: where each came from, and its bytes, of which no more are kept than show that
    /// it is no pulse.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let parts = self.sources.iter().zip(&self.payloads).zip(&self.incoming);
        parts.take(self.received).map(|((source, payload), header)| {
            (socket_addr(source), &payload[..Self::PAYLOAD.min(header.msg_len as usize)])
        })
    }

    /// Lets [`Batch::send`] answer the datagram with this index, among those received last. Once for each.
    pub(crate) fn answer(&mut self, index: usize, code: PulseCode) {
        let incoming = &self.incoming[index].msg_hdr;
        let outgoing = &mut self.outgoing[self.answers].msg_hdr;
        outgoing.msg_name = (&raw mut self.sources[index]).cast();
        outgoing.msg_namelen = incoming.msg_namelen;
        outgoing.msg_iov = &raw mut self.code_buffers[code_index(code)];
        outgoing.msg_iovlen = 1;
        outgoing.msg_control = ptr::null_mut();
        outgoing.msg_controllen = 0;
        if let Some(control) = self.locals.get_mut(index)
            && incoming.msg_controllen >= size_of::<libc::cmsghdr>() as _
            && let Some(length) = control.turn_round()
        {
            outgoing.msg_control = ptr::from_mut(control).cast();
            outgoing.msg_controllen = length as _;
        }
        self.answers += 1;
    }

    /// Sends the answers. `failed` is called for each that the kernel does not take.
    pub(crate) fn send(&mut self, socket: &impl AsFd, mut failed: impl FnMut(Errno)) {
        let mut next = 0;
        while next < self.answers {
            let left = &mut self.outgoing[next..self.answers];
            // SAFETY: as for receiving; the kernel only reads what the headers point to.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_fd().as_raw_fd(),
                    left.as_mut_ptr(),
                    left.len() as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match Errno::result(sent) {
                // It stops at one that fails, and says why only if that is the first.
                Ok(sent) => next += sent as usize,
                Err(Errno::EINTR) => {}
                Err(error) => {
                    failed(error);
                    next += 1;
                }
            }
        }
        self.answers = 0;
    }
}

impl Control {
    /// Turns what was received into what is to be sent, and says how long that is; `None` if routing is to choose the
    /// address.
    fn turn_round(&mut self) -> Option<usize> {
        let of = (self.header.cmsg_level, self.header.cmsg_type, self.header.cmsg_len);
        let length = |info: usize| size_of::<libc::cmsghdr>() + info;
        if of == (libc::IPPROTO_IP, libc::IP_PKTINFO, length(V4_INFO) as _) {
            // The route back need not be the interface it came by.
            self.data[0] = 0;
            // Padded to whole words, as CMSG_SPACE is.
            Some(length(V4_INFO).next_multiple_of(size_of::<usize>()))
        } else if of == (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, length(V6_INFO) as _) {
            let [a, b, c, d, _] = self.data;
            let address = ipv6([a, b, c, d]);
            if address.is_multicast() {
                // Not an address to send from.
                return None;
            }
            if !address.is_unicast_link_local() {
                self.data[4] = 0;
            }
            Some(length(V6_INFO).next_multiple_of(size_of::<usize>()))
        } else {
            None
        }
    }
}

fn code_index(code: PulseCode) -> usize {
    PulseCode::ALL.iter().position(|&other| other == code).expect("one of all")
}

fn socket_addr(source: &libc::sockaddr_in6) -> SocketAddr {
    let port = u16::from_be(source.sin6_port);
    if libc::c_int::from(source.sin6_family) == libc::AF_INET {
        // `sockaddr_in` has the port at the same place, and then the address where `sockaddr_in6` has the flow label.
        let ip = Ipv4Addr::from(source.sin6_flowinfo.to_ne_bytes());
        return SocketAddr::V4(SocketAddrV4::new(ip, port));
    }
    let ip = Ipv6Addr::from(source.sin6_addr.s6_addr);
    SocketAddr::V6(SocketAddrV6::new(ip, port, source.sin6_flowinfo, source.sin6_scope_id))
}

/// Words in the order of memory.
fn ipv6(words: [u32; 4]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.chunks_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(bytes)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    #[test]
    fn what_was_sent_is_received_and_answered_in_any_number_of_batches() {
        let (server, clients) = (socket(), [socket(), socket(), socket()]);
        let mut batch = Batch::new(false, ReplyWidth::Two);
        for round in 1..=3 * Batch::SIZE {
            for (n, client) in clients.iter().enumerate() {
                client.send_to(&vec![n as u8; 31 + n], server.local_addr().unwrap()).unwrap();
            }
            let mut seen = 0;
            while seen < clients.len() {
                batch.receive(&server).unwrap();
                let arrived: Vec<_> =
                    batch.datagrams().map(|(source, bytes)| (source, bytes.to_vec())).collect();
                for (index, (source, bytes)) in arrived.into_iter().enumerate() {
                    let n = usize::from(bytes[0]);
                    assert_eq!((source, bytes.len()), (clients[n].local_addr().unwrap(), 31 + n));
                    batch.answer(index, PulseCode::ALL[n]);
                    seen += 1;
                }
                batch.send(&server, |error| panic!("{error}"));
            }
            for (n, client) in clients.iter().enumerate() {
                let mut reply = [0; 8];
                let length = client.recv(&mut reply).unwrap();
                assert_eq!(PulseCode::decode(&reply[..length]), Some(PulseCode::ALL[n]), "round {round}");
            }
        }
    }

    #[test]
    fn one_answer_that_the_kernel_refuses_does_not_keep_the_others() {
        let (server, client) = (socket(), socket());
        let mut batch = Batch::new(false, ReplyWidth::Two);
        for _ in 0..3 {
            client.send_to(&[7; 32], server.local_addr().unwrap()).unwrap();
        }
        while batch.received < 3 {
            batch.receive(&server).unwrap();
        }
        (0..3).for_each(|index| batch.answer(index, PulseCode::OnTime));
        // Port 0 cannot be sent to.
        batch.sources[1].sin6_port = 0;
        let mut errors = vec![];
        batch.send(&server, |error| errors.push(error));
        assert_eq!(errors, [Errno::EINVAL]);
        let mut reply = [0; 8];
        assert_eq!((client.recv(&mut reply).unwrap(), client.recv(&mut reply).unwrap()), (2, 2));
    }

    #[test]
    fn the_local_address_is_told_in_every_batch_not_only_the_first() {
        let server = UdpSocket::bind("0.0.0.0:0").unwrap();
        let address = "0.0.0.0:0".parse().unwrap();
        crate::udp::ask_for_local_addresses(&server, address).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut batch = Batch::new(true, ReplyWidth::Two);
        for round in 1..=3_u8 {
            // Connected: it hears nothing that comes from another address.
            let client = socket();
            client.connect(SocketAddr::from(([127, 0, 0, round], port))).unwrap();
            client.send(&[7; 32]).unwrap();
            client.send(&[7; 32]).unwrap();
            let mut answered = 0;
            while answered < 2 {
                batch.receive(&server).unwrap();
                (0..batch.received).for_each(|index| batch.answer(index, PulseCode::OnTime));
                answered += batch.received;
                batch.send(&server, |error| panic!("{error}"));
            }
            let mut reply = [0; 8];
            assert_eq!(
                (client.recv(&mut reply).unwrap(), client.recv(&mut reply).unwrap()),
                (2, 2),
                "{round}"
            );
        }
    }

    #[test]
    fn waiting_for_a_datagram_ends() {
        let server = socket();
        server.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let mut batch = Batch::new(false, ReplyWidth::Two);
        assert_eq!(batch.receive(&server), Err(Errno::EAGAIN));
        assert_eq!(batch.datagrams().count(), 0);
    }

    #[test]
    fn an_address_is_read_in_either_family() {
        // SAFETY: plain integers.
        let mut source: libc::sockaddr_in6 = unsafe { mem::zeroed() };
        source.sin6_family = libc::AF_INET as _;
        source.sin6_port = 4000_u16.to_be();
        source.sin6_flowinfo = u32::from_ne_bytes([192, 0, 2, 7]);
        assert_eq!(socket_addr(&source), "192.0.2.7:4000".parse().unwrap());
        source.sin6_family = libc::AF_INET6 as _;
        source.sin6_addr.s6_addr = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        assert_eq!(socket_addr(&source).ip(), "2001:db8::7".parse::<Ipv6Addr>().unwrap());
    }
}
