//! What the system can do and no safe library offers: many datagrams in one call, and the kernel's count of those it
//! dropped. All of the program's `unsafe` code is here.
#![expect(unsafe_code, reason = "calls of the system, each with its reasons")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

mod inherited;
mod mmsg;

pub(crate) use inherited::inherited;
pub(crate) use mmsg::Batch;

/// How many datagrams the kernel dropped on their way into this socket, mostly because its receive buffer was full: what
/// `/proc/net/udp` shows. It wraps at 2^32.
///
/// # Errors
/// If the kernel does not tell (before Linux 4.12).
pub(crate) fn kernel_drops(socket: &impl AsFd) -> io::Result<u32> {
    /// From asm-generic/socket.h.
    const SO_MEMINFO: libc::c_int = 55;
    /// Where the drops are among its figures (linux/sock_diag.h).
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let mut figures = [0_u32; DROPS + 1];
    let mut length = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `figures`, which is as long as that.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            (&raw mut figures).cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    if (length as usize) < size_of_val(&figures) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(figures[DROPS])
}

/// Lets other threads have the processor first: this one's work can wait for milliseconds, and theirs cannot. A thread that is
/// nicer already stays so.
///
/// # Errors
/// If the system does not allow it.
pub(crate) fn yield_to_others() -> io::Result<()> {
    /// Half way down: a tenth of what a thread at 0 gets when both want all of it.
    const NICE: libc::c_int = 10;
    // SAFETY: the calls take and return numbers only. On Linux a process of `setpriority` is a thread.
    let result = unsafe {
        let thread = libc::gettid() as libc::id_t;
        // It may fail by returning -1, which is less than the other.
        let nice = libc::getpriority(libc::PRIO_PROCESS, thread).max(NICE);
        libc::setpriority(libc::PRIO_PROCESS, thread, nice)
    };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_thread_that_yields_is_nicer_than_its_process() {
        let nice_of = |task: &str| {
            let stat = std::fs::read_to_string(format!("/proc/{task}/stat")).unwrap();
            // The 19th field; the second is a name in brackets, which may hold blanks.
            let (_, fields) = stat.rsplit_once(')').unwrap();
            fields.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let before = nice_of("self");
        let there = std::thread::spawn(move || {
            yield_to_others().unwrap();
            nice_of("thread-self")
        });
        assert_eq!((there.join().unwrap(), nice_of("self")), (10.max(before), before));
    }

    #[test]
    fn datagrams_that_find_no_room_are_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(kernel_drops(&socket).unwrap(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Much more than any default buffer holds.
        for _ in 0..5000 {
            sender.send_to(&[0; 1400], socket.local_addr().unwrap()).unwrap();
        }
        assert!(kernel_drops(&socket).unwrap() > 0);
    }
}
