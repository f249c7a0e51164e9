//! Standard input and output as datagrams: each read is one, each one is a write.
//!
//! Both block, so each has a thread. Neither is waited for at the end: the process is over then.

use std::io::{self, Read, Write};
use std::sync::mpsc as blocking;
use std::thread;

use rendezvous_protocol::ClientId;
use tokio::sync::{mpsc, oneshot};

/// The most bytes of a datagram: with the headers of IPv6 and UDP it fits into the 1280 bytes that every link carries.
const LONGEST: usize = 1200;
/// How many wait between a thread and the network.
const QUEUE: usize = 64;

/// The id on the first line of standard input. It reads byte by byte: what follows belongs to the peer.
///
/// # Errors
/// One line that says what is wrong with it.
pub(super) async fn first_line() -> Result<ClientId, String> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _nobody_waits = sender.send(read_line());
    });
    receiver.await.unwrap_or_else(|_| Err("standard input cannot be read".to_owned()))
}

fn read_line() -> Result<ClientId, String> {
    let mut input = own(0);
    let mut line = vec![];
    let mut byte = [0];
    // An id has 32 digits; a line that goes on is none.
    while line.len() < 80
        && input.read(&mut byte).map_err(|error| error.to_string())? == 1
        && byte[0] != b'\n'
    {
        line.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&line);
    let text = text.trim();
    text.parse().map_err(|_| {
        format!("the first line of standard input is to be the peer's id, 32 hex digits, and is {text:?}")
    })
}

/// What is read from standard input. It ends where that ends.
pub(super) fn input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    thread::spawn(move || {
        let mut input = own(0);
        let mut buffer = [0; LONGEST];
        loop {
            match input.read(&mut buffer) {
                Ok(len) if len > 0 => {
                    if sender.blocking_send(buffer[..len].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return,
            }
        }
    });
    receiver
}

/// What is to be written to standard output. The receiver is told when nobody reads it any more.
pub(super) fn output() -> (blocking::SyncSender<Vec<u8>>, oneshot::Receiver<()>) {
    let (sender, receiver) = blocking::sync_channel::<Vec<u8>>(QUEUE);
    let (gone, is_gone) = oneshot::channel();
    thread::spawn(move || {
        let mut output = own(1);
        for datagram in receiver {
            if output.write_all(&datagram).is_err() {
                let _nobody_waits = gone.send(());
                return;
            }
        }
    });
    (sender, is_gone)
}

/// A standard stream without a buffer: those of std would join and split what is to stay as it is.
fn own(descriptor: i32) -> std::fs::File {
    use std::os::fd::{AsFd, BorrowedFd};
    let stream: Option<std::os::fd::OwnedFd> = {
        let (input, output) = (io::stdin(), io::stdout());
        let borrowed: BorrowedFd<'_> = if descriptor == 0 { input.as_fd() } else { output.as_fd() };
        borrowed.try_clone_to_owned().ok()
    };
    match stream {
        Some(stream) => stream.into(),
        // A closed stream reads as empty.
        None => std::fs::File::open("/dev/null").expect("the system has it"),
    }
}
