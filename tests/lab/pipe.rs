//! Ten megabytes each way at once through `rendezvous connect`, which carries datagrams: what is lost is sent again by the test.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rendezvous_crowd::TestRng;
use rendezvous_model::size::tell;

use crate::lasting::Stage;
use crate::net::Nat;
use crate::peer::Peer;
use crate::server::Server;

const FILE: usize = 10_000_000;
/// Every frame is a datagram of just this length, so that a lost one is a lost frame: a check of the rest, its kind, a number, a length, and its contents.
const FRAME: usize = 1200;
const HEAD: usize = 4 + 1 + 4 + 2;
const CONTENTS: usize = FRAME - HEAD;
const WINDOW: usize = 128;
const AGAIN: Duration = Duration::from_millis(40);

const DATA: u8 = 1;
const GOT: u8 = 2;

/// Both files arrive as they were.
pub(crate) fn play(stage: Stage<'_>) -> Result<(), String> {
    let address = stage.internet.address();
    let host = stage.internet.host("pipes", &[address]);
    let server = Server::start(&host, stage.program, address, &[]);
    let places = ["pipea", "pipeb"].map(|name| stage.internet.place(name, Nat::PortRestricted));
    let mut peers = [0, 1].map(|at: usize| {
        Peer::connect(&places[at].host, stage.program, &["--server", server.url(), "--wait", "20s"])
    });
    let ids = [peers[0].id()?, peers[1].id()?];
    for (peer, id) in peers.iter_mut().zip(ids.iter().rev()) {
        peer.say(&format!("{id}\n"));
    }
    for peer in &peers {
        peer.wait_for(&["connected"], Duration::from_secs(20))?;
    }
    let files = [1, 2].map(|seed| {
        let mut rng = TestRng::new(seed);
        let bytes: Vec<u8> = (0..FILE / 8).flat_map(|_| rng.number().to_le_bytes()).collect();
        bytes
    });
    let begun = Instant::now();
    let [one, other] = &mut peers;
    let (one, other) = (one.pipes(), other.pipes());
    let ends = std::thread::scope(|scope| {
        let here = scope.spawn(|| exchange(one, &files[0]));
        let there = scope.spawn(|| exchange(other, &files[1]));
        [here, there].map(|end| end.join().expect("no panic"))
    });
    let took = begun.elapsed();
    for ((received, _), sent) in ends.iter().zip(files.iter().rev()) {
        let (received, sent) = (crc32fast::hash(received), crc32fast::hash(sent));
        if received != sent {
            return Err(format!("the checksum {received:08x} is not {sent:08x}"));
        }
    }
    tell(&format!(
        "10 MB each way at once through two port-restricted NATs: both checksums equal, {:.1} s, {} frames sent again",
        took.as_secs_f64(),
        ends[0].1 + ends[1].1
    ));
    Ok(())
}

/// Sends a file and receives another. Returns that, and how many frames had to be sent again.
fn exchange((mut input, output): (ChildStdin, ChildStdout), file: &[u8]) -> (Vec<u8>, u64) {
    let arrived = frames(output);
    let chunks: Vec<&[u8]> = file.chunks(CONTENTS).collect();
    let mut acknowledged = vec![false; chunks.len()];
    let mut first_open = 0;
    let mut sent: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut received: Vec<Option<Vec<u8>>> = vec![None; chunks.len()];
    let mut missing = chunks.len();
    let mut again = 0;
    let mut quiet_since = Instant::now();
    // Until both are done, and for a while: the other may not have heard that all is here.
    while first_open < chunks.len() || missing > 0 || quiet_since.elapsed() < Duration::from_secs(1) {
        while first_open < chunks.len() && acknowledged[first_open] {
            first_open += 1;
        }
        let window = first_open..chunks.len().min(first_open + WINDOW);
        for at in window.filter(|at| !acknowledged[*at]).take(32) {
            match sent.get(&at) {
                Some(when) if when.elapsed() < AGAIN => continue,
                Some(_) => again += 1,
                None => {}
            }
            write(&mut input, DATA, at, chunks[at]);
            sent.insert(at, Instant::now());
        }
        let mut next = arrived.recv_timeout(Duration::from_millis(5)).ok();
        while let Some((kind, at, contents)) = next {
            quiet_since = Instant::now();
            match kind {
                DATA => {
                    write(&mut input, GOT, at, &[]);
                    if received[at].replace(contents).is_none() {
                        missing -= 1;
                    }
                }
                _ => {
                    acknowledged[at] = true;
                    sent.remove(&at);
                }
            }
            next = arrived.try_recv().ok();
        }
    }
    (received.into_iter().flatten().flatten().collect(), again)
}

/// The good frames of a stream, read by a thread of its own.
fn frames(mut output: ChildStdout) -> mpsc::Receiver<(u8, usize, Vec<u8>)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut frame = [0; FRAME];
        while output.read_exact(&mut frame).is_ok() {
            let (check, rest) = frame.split_at(4);
            assert_eq!(check, crc32fast::hash(rest).to_le_bytes(), "a frame is not as it was sent");
            let number = u32::from_le_bytes([rest[1], rest[2], rest[3], rest[4]]);
            let length = usize::from(u16::from_le_bytes([rest[5], rest[6]]));
            let contents = rest[HEAD - 4..HEAD - 4 + length].to_vec();
            if sender.send((rest[0], number as usize, contents)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn write(input: &mut ChildStdin, kind: u8, number: usize, contents: &[u8]) {
    let mut frame = [0; FRAME];
    frame[4] = kind;
    frame[5..9].copy_from_slice(&u32::try_from(number).expect("few frames").to_le_bytes());
    frame[9..11].copy_from_slice(&u16::try_from(contents.len()).expect("short").to_le_bytes());
    frame[HEAD..HEAD + contents.len()].copy_from_slice(contents);
    let check = crc32fast::hash(&frame[4..]).to_le_bytes();
    frame[..4].copy_from_slice(&check);
    input.write_all(&frame).expect("it reads on");
}
