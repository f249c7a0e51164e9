//! Registrations that come too fast, or are too many.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rendezvous_model::size::Size;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::{attempt, exclusive};

use crate::peers::{Answer, Connection, authorization, connect, request};

const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Connections of the flooder.
const FLOOD: usize = 4;

/// Others, and how often each of them registers.
const OTHERS: usize = 100;
const EVERY: Duration = Duration::from_millis(1100);

/// What the defaults allow.
const BURST: u64 = 100;

#[test]
fn a_registration_flood_from_one_prefix_leaves_the_others_alone() {
    let seconds: u64 = Size::get().pick("seconds of a registration flood", 2, 5, 60);
    let _exclusive = exclusive();
    let process = Process::start(&["--no-limits=false"]);
    let server = process.http()[0];
    let until = Instant::now() + Duration::from_secs(seconds);
    let before = process.resident_bytes();
    let (flood, others) = scope(|scope| {
        let flood: Vec<_> = (0..FLOOD).map(|_| scope.spawn(|| flood(server, until))).collect();
        let others: Vec<_> =
            (0..OTHERS).map(|other| scope.spawn(move || register_politely(server, other, until))).collect();
        let flood: Vec<[u64; 2]> = flood.into_iter().map(|thread| thread.join().unwrap()).collect();
        let others: Vec<[u64; 2]> = others.into_iter().map(|thread| thread.join().unwrap()).collect();
        (flood, others)
    });
    let after = process.resident_bytes();
    let sum =
        |pairs: &[[u64; 2]]| pairs.iter().fold([0, 0], |sum, pair| [sum[0] + pair[0], sum[1] + pair[1]]);
    let ([let_in, refused], [good, bad]) = (sum(&flood), sum(&others));
    println!(
        "{seconds} s of registrations from one address: {let_in} let in, {refused} refused with 429; of {OTHERS} others {good} \
         registered, {bad} failed; memory {} KiB before and {} KiB after",
        before >> 10,
        after >> 10
    );
    assert!((BURST..=BURST + seconds + 2).contains(&let_in), "{let_in}");
    assert!(refused > let_in, "that was no flood");
    assert!(bad * 100 <= good + bad, "{bad} of {} failed", good + bad);
    assert!(good >= OTHERS as u64 * seconds / 2, "{good}");
    // Of the connections and of the clients that were let in; nothing of those that were refused.
    assert!(after <= before + (8 << 20) + (let_in + good) * 1024, "{before} bytes became {after}");
}

#[test]
fn there_are_never_more_clients_than_there_may_be() {
    const MOST: usize = 1000;
    let process = Process::start(&["--max-clients=1000"]);
    let server = process.http()[0];
    let (let_in, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let keys: Vec<[u8; 32]> = scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::new(connect(FLOODER, server).unwrap());
                    let mut keys = vec![];
                    for _ in 0..2 * MOST / 16 {
                        let answer = connection.ask(&request("POST", "/register", "")).unwrap();
                        if let Some(key) = answer.key() {
                            let_in.fetch_add(1, Ordering::Relaxed);
                            keys.push(key);
                        } else {
                            assert_is_full(&answer);
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    keys
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    println!("{let_in:?} clients were let in, {refused:?} were refused");
    assert_eq!((let_in.into_inner(), keys.len()), (MOST, MOST));
    let mut connection = Connection::new(connect(FLOODER, server).unwrap());
    let mut register = || connection.ask(&request("POST", "/register", "")).unwrap();
    assert_is_full(&register());
    let logout = request("POST", "/logout", &authorization(&keys[0]));
    assert_eq!(Connection::new(connect(FLOODER, server).unwrap()).ask(&logout).unwrap().status, 200);
    assert_eq!(register().status, 200, "somebody left");
    assert_is_full(&register());
}

#[test]
fn whoever_is_gone_makes_room_within_a_second() {
    attempt("whoever_is_gone_makes_room_within_a_second", || {
        let timing = ["--pulse-interval=500ms", "--pulse-grace=100ms", "--error-time=500ms"];
        let process = Process::start(&[&["--max-clients=3"], &timing[..]].concat());
        let mut connection = Connection::new(connect(FLOODER, process.http()[0]).unwrap());
        let mut register = || connection.ask(&request("POST", "/register", "")).unwrap();
        for _ in 0..3 {
            assert_eq!(register().status, 200);
        }
        let last = Instant::now();
        assert_is_full(&register());
        while register().status != 200 {
            sleep(Duration::from_millis(10));
            assert!(last.elapsed() < Duration::from_secs(2), "the first was gone a second ago");
        }
    });
}

fn assert_is_full(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "at_capacity"), "{}", answer.head);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

/// Registers as fast as it can. Returns how many were let in and how many were refused.
fn flood(server: SocketAddr, until: Instant) -> [u64; 2] {
    let mut connection = Connection::new(connect(FLOODER, server).unwrap());
    let mut counts = [0, 0];
    while Instant::now() < until {
        let answer = connection.ask(&request("POST", "/register", "")).unwrap();
        if answer.status == 200 {
            counts[0] += 1;
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
            counts[1] += 1;
        }
    }
    counts
}

/// Registers about once a second from an address of its own. Returns how often that succeeded and how often it failed.
fn register_politely(server: SocketAddr, other: usize, until: Instant) -> [u64; 2] {
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(other).unwrap());
    sleep(EVERY.mul_f64(other as f64 / OTHERS as f64));
    let mut counts = [0, 0];
    while Instant::now() < until {
        let answer = connect(from, server)
            .and_then(|stream| Connection::new(stream).ask(&request("POST", "/register", "")));
        let succeeded = answer.is_ok_and(|answer| answer.status == 200);
        counts[usize::from(!succeeded)] += 1;
        sleep(EVERY);
    }
    counts
}
