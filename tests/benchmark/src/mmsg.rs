//! Many datagrams with one system call: `recvmmsg` and `sendmmsg`.
//!
//! Straight from the C library, since the yardstick must have no more to do than a program in C would: every buffer,
//! address and header is set up once and used again and again.

#![expect(unsafe_code, reason = "the headers hold pointers into the buffers beside them")]

use std::io;
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{from_mut, null_mut};

use nix::libc::{
    MSG_DONTWAIT, MSG_WAITFORONE, c_int, iovec, mmsghdr, recvmmsg, sendmmsg, sockaddr_in, socklen_t,
};

/// Room for a number of datagrams, to receive into or to send from on a connected socket.
pub(crate) struct Batch {
    size: usize,
    bytes: Box<[u8]>,
    buffers: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
}

/// Receives datagrams over IPv4 and sends the same answer to each.
pub(crate) struct Responder {
    received: Batch,
    answers: Batch,
    /// Where the received ones came from and the answers go: the headers of both point here.
    _addresses: Box<[sockaddr_in]>,
}

impl Batch {
    /// Room for `capacity` datagrams of up to `size` bytes each.
    pub(crate) fn new(capacity: usize, size: usize) -> Self {
        let mut bytes = vec![0_u8; capacity * size].into_boxed_slice();
        let chunks = bytes.chunks_exact_mut(size);
        let mut buffers: Box<[iovec]> =
            chunks.map(|chunk| iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: size }).collect();
        // SAFETY: a plain C structure, for which all zeros is a valid value.
        let header: mmsghdr = unsafe { zeroed() };
        let mut headers = vec![header; capacity].into_boxed_slice();
        for (header, buffer) in headers.iter_mut().zip(&mut buffers) {
            header.msg_hdr.msg_iov = buffer;
            header.msg_hdr.msg_iovlen = 1;
        }
        Self { size, bytes, buffers, headers }
    }

    /// Takes what is there, up to `limit` datagrams, without waiting. Returns how many; none is no error.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn receive(&mut self, socket: &impl AsFd, limit: usize) -> io::Result<usize> {
        none_if_blocked(self.call_receive(socket, limit, MSG_DONTWAIT))
    }

    /// Datagram `index` of those received last.
    pub(crate) fn received(&self, index: usize) -> &[u8] {
        let length = self.headers[index].msg_len as usize;
        &self.bytes[index * self.size..][..length]
    }

    /// Makes datagram `index` of those to send these bytes.
    ///
    /// # Panics
    /// If they are longer than there is room for.
    pub(crate) fn set(&mut self, index: usize, payload: &[u8]) {
        self.bytes[index * self.size..][..self.size][..payload.len()].copy_from_slice(payload);
        self.buffers[index].iov_len = payload.len();
    }

    /// Sends the first `number` datagrams. Returns how many the system took without waiting; none is no error.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn send(&mut self, socket: &impl AsFd, number: usize) -> io::Result<usize> {
        none_if_blocked(self.call_send(socket, number))
    }

    /// Like [`receive`](Self::receive) with a limit of one, by a call that costs less than one for many.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn receive_one(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        match socket.recv(&mut self.bytes[..self.size]) {
            Ok(length) => {
                self.headers[0].msg_len = count(length);
                Ok(1)
            }
            Err(error) => none_if_blocked(Err(error)),
        }
    }

    /// Like [`send`](Self::send) of the first datagram, by a call that costs less than one for many.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn send_one(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        none_if_blocked(socket.send(&self.bytes[..self.buffers[0].iov_len]).map(|_| 1))
    }

    fn call_receive(&mut self, socket: &impl AsFd, limit: usize, flags: c_int) -> io::Result<usize> {
        let limit = limit.min(self.headers.len());
        let descriptor = socket.as_fd().as_raw_fd();
        // SAFETY: there are at least `limit` headers. Each points to one buffer of the length that it names, on the
        // heap, and to an address or to none; whoever owns those owns the headers too, and nothing else touches them
        // during the call.
        let received =
            unsafe { recvmmsg(descriptor, self.headers.as_mut_ptr(), count(limit), flags as _, null_mut()) };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    fn call_send(&mut self, socket: &impl AsFd, number: usize) -> io::Result<usize> {
        let number = number.min(self.headers.len());
        let descriptor = socket.as_fd().as_raw_fd();
        // SAFETY: as in `call_receive`.
        let sent =
            unsafe { sendmmsg(descriptor, self.headers.as_mut_ptr(), count(number), MSG_DONTWAIT as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl Responder {
    /// Answers up to `capacity` datagrams at a time with `answer`. `size` is the longest datagram.
    pub(crate) fn new(capacity: usize, size: usize, answer: &[u8]) -> Self {
        let mut received = Batch::new(capacity, size);
        let mut answers = Batch::new(capacity, answer.len());
        // SAFETY: a plain C structure, for which all zeros is a valid value.
        let address: sockaddr_in = unsafe { zeroed() };
        let mut addresses = vec![address; capacity].into_boxed_slice();
        for (index, address) in addresses.iter_mut().enumerate() {
            answers.set(index, answer);
            for header in [&mut received.headers[index], &mut answers.headers[index]] {
                header.msg_hdr.msg_name = from_mut(address).cast();
                header.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as socklen_t;
            }
        }
        Self { received, answers, _addresses: addresses }
    }

    /// Waits for a datagram, takes what else is there, and answers all of it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn respond(&mut self, socket: &impl AsFd) -> io::Result<()> {
        let received = self.received.call_receive(socket, usize::MAX, MSG_WAITFORONE)?;
        self.answers.call_send(socket, received)?;
        Ok(())
    }
}

fn none_if_blocked(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn count(number: usize) -> u32 {
    number.try_into().expect("a batch is small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_get_there_and_answers_back() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        let (mut requests, mut answers) = (Batch::new(8, 33), Batch::new(8, 5));
        assert_eq!(answers.receive(&client, 8).unwrap(), 0);
        for (index, payload) in [&[1; 32][..], &[], &[2; 33]].into_iter().enumerate() {
            requests.set(index, payload);
        }
        assert_eq!(requests.send(&client, 3).unwrap(), 3);
        let mut responder = Responder::new(2, 33, b"ok");
        responder.respond(&server).unwrap();
        assert_eq!(answers.receive(&client, 8).unwrap(), 2);
        responder.respond(&server).unwrap();
        assert_eq!(answers.receive(&client, 8).unwrap(), 1);
        assert_eq!(answers.received(0), b"ok");
    }
}
