//! Stopping: every request that was begun is answered, and nothing holds the end up for long.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_model::size::Size;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::{attempt, attempt_exclusive, too_slow};
use ureq::http::Method;

/// How long the end may take, from the signal on.
const BAR: Duration = Duration::from_secs(5);

/// Connections that send one request after the other for as long as the server keeps them.
const CONNECTIONS: usize = 16;

/// How long a connection may be idle without being taken for idle by a server that winds down.
const MAY_BE_IDLE: Duration = Duration::from_millis(250);

/// Who sends 5,000 requests a second, together.
const SENDERS: u32 = 20;

/// How often each of them sends one.
const SEND_EVERY: Duration = Duration::from_millis(4);

/// A connection that the kernel has completed and the server not yet taken is reset when the listener is closed, so within
/// moments. One that the server has taken, it keeps for longer than this, request or not.
const MAY_BE_RESET: Duration = Duration::from_millis(100);

const REQUEST: &[u8] = b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

#[test]
fn sigterm_under_load_cuts_off_no_request() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        attempt_exclusive("sigterm_under_load_cuts_off_no_request", || {
            let mut process = Process::start(&[]);
            let address = process.http()[0];
            let answered = AtomicU64::new(0);
            let signalled = thread::scope(|scope| {
                let loads: Vec<_> =
                    (0..CONNECTIONS).map(|_| scope.spawn(|| load(address, &answered))).collect();
                while answered.load(Ordering::Relaxed) < 1000 && !loads.iter().any(|load| load.is_finished())
                {
                    thread::sleep(Duration::from_millis(1));
                }
                process.signal(signal);
                let signalled = Instant::now();
                for load in loads {
                    load.join().unwrap_or_else(|panic| resume_unwind(panic));
                }
                signalled
            });
            assert_ends(&mut process, signalled, 0);
            assert!(answered.into_inner() >= 1000);
        });
    }
}

#[test]
fn sigterm_at_5000_requests_a_second_fails_none_that_was_accepted() {
    for _ in 0..Size::get().pick("SIGTERMs under 5,000 requests a second", 5, 5, 20) {
        attempt_exclusive("sigterm_at_5000_requests_a_second_fails_none_that_was_accepted", || {
            let mut process = Process::start(&["--no-limits"]);
            let address = process.http()[0];
            let (begin, answered) = (Instant::now(), AtomicU64::new(0));
            let (signalled, tallies) = thread::scope(|scope| {
                let answered = &answered;
                let senders: Vec<_> = (0..SENDERS)
                    .map(|number| {
                        let first = begin + number * SEND_EVERY / SENDERS;
                        scope.spawn(move || send_on_time(address, first, answered))
                    })
                    .collect();
                thread::sleep(Duration::from_millis(500));
                let before = answered.load(Ordering::Relaxed);
                thread::sleep(Duration::from_secs(1));
                let rate = answered.load(Ordering::Relaxed) - before;
                process.signal(Signal::SIGTERM);
                let signalled = Instant::now();
                let tallies: Vec<Tally> = (senders.into_iter())
                    .map(|sender| sender.join().unwrap_or_else(|panic| resume_unwind(panic)))
                    .collect();
                println!("{rate} requests/s");
                if rate < 4500 {
                    too_slow();
                }
                (signalled, tallies)
            });
            let status = process.wait();
            let took = signalled.elapsed();
            let failed: Vec<_> = tallies.iter().flat_map(|tally| &tally.failed).collect();
            let not_accepted: u64 = tallies.iter().map(|tally| tally.not_accepted).sum();
            println!(
                "ended {took:?} after the signal; {not_accepted} requests on connections that were never accepted"
            );
            assert_eq!(status.code(), Some(0), "{:#?}", process.log());
            assert!(failed.is_empty(), "{failed:?}");
            assert!(took < Duration::from_secs(2), "{took:?}");
            // Whatever it did, it has told.
            let log = process.log();
            let registered = log.iter().find_map(|line| line["registered"].as_u64());
            assert_eq!(registered, Some(answered.into_inner()), "{log:#?}");
        });
    }
}

#[test]
fn a_second_signal_does_not_wait_for_a_request_that_was_begun() {
    attempt("a_second_signal_does_not_wait_for_a_request_that_was_begun", || {
        let mut process = Process::start(&[]);
        let mut stalled = Connection::open(&process);
        stalled.send(&REQUEST[..30]);
        thread::sleep(Duration::from_millis(50));
        process.signal(Signal::SIGTERM);
        process.wait_for("another signal stops at once");
        process.signal(Signal::SIGINT);
        let signalled = Instant::now();
        // The code would be 0 at the end of the time of the request.
        assert_ends(&mut process, signalled, 1);
        assert!(signalled.elapsed() < Duration::from_secs(2), "{:?}", signalled.elapsed());
        let log = process.log();
        let last = log.last().and_then(serde_json::Value::as_str).unwrap_or_default();
        assert!(last.contains("SIGINT while stopping"), "{log:#?}");
    });
}

#[test]
fn a_request_that_was_begun_is_answered_and_so_are_pulses_meanwhile() {
    attempt("a_request_that_was_begun_is_answered_and_so_are_pulses_meanwhile", || {
        let mut process = Process::start(&[]);
        let client = process.target().register();
        let mut first = Connection::open(&process);
        first.send(&REQUEST[..30]);
        // The same on a connection that has had an answer before: hyper alone would close that one.
        let mut second = Connection::open(&process);
        second.send(REQUEST);
        assert!(!second.receive().is_last);
        second.send(&REQUEST[..30]);
        thread::sleep(Duration::from_millis(50));

        process.signal(Signal::SIGTERM);
        let signalled = Instant::now();
        // Well after the listener is closed, and well before the server gives up.
        thread::sleep(Duration::from_millis(1500));
        assert!(TcpStream::connect(process.http()[0]).is_err(), "it does not accept any more");
        assert_eq!(client.pulse(), 1020);
        process.operator().call(Method::GET, "/readyz", &[]).assert_problem(503, "draining");
        for mut connection in [first, second] {
            connection.send(&REQUEST[30..]);
            assert!(connection.receive().is_last, "and says that this was the last");
        }
        assert_ends(&mut process, signalled, 0);
        assert!(TcpStream::connect(process.admin()[0]).is_err());
    });
}

#[test]
fn idle_and_stalled_connections_do_not_hold_up_the_end() {
    attempt("idle_and_stalled_connections_do_not_hold_up_the_end", || {
        let mut process = Process::start(&[]);
        let _silent = Connection::open(&process);
        let mut idle = Connection::open(&process);
        idle.send(REQUEST);
        idle.receive();
        let mut stalled = Connection::open(&process);
        stalled.send(&REQUEST[..30]);
        thread::sleep(Duration::from_millis(50));
        process.signal(Signal::SIGTERM);
        assert_ends(&mut process, Instant::now(), 0);
    });
}

#[test]
fn a_server_without_connections_ends_at_once() {
    attempt("a_server_without_connections_ends_at_once", || {
        let mut process = Process::start(&[]);
        process.signal(Signal::SIGTERM);
        let signalled = Instant::now();
        assert_ends(&mut process, signalled, 0);
        assert!(signalled.elapsed() < Duration::from_millis(250), "{:?}", signalled.elapsed());
    });
}

fn assert_ends(process: &mut Process, signalled: Instant, code: i32) {
    let status = process.wait();
    let took = signalled.elapsed();
    assert_eq!(status.code(), Some(code), "{:#?}", process.log());
    println!("ended {took:?} after the signal");
    assert!(took < BAR, "{took:?}");
}

/// Registers over one connection until the server says that it closes it.
fn load(address: SocketAddr, answered: &AtomicU64) {
    let mut connection = Connection::to(address);
    let mut last = Instant::now();
    loop {
        if last.elapsed() > MAY_BE_IDLE {
            // Once it is told to stop, the server closes a connection that was idle for longer.
            too_slow();
        }
        connection.send(REQUEST);
        let answer = connection.receive();
        last = Instant::now();
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.is_last {
            return;
        }
    }
}

/// What came of the requests of one sender.
#[derive(Default)]
struct Tally {
    /// Those on connections that the server never took.
    not_accepted: u64,
    /// How the others failed.
    failed: Vec<String>,
}

/// Registers at planned moments, whether the answers are slow or not, over a connection for as long as that is kept, and over
/// another then, until the server takes no more of them.
fn send_on_time(address: SocketAddr, first: Instant, answered: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let mut connection: Option<Connection> = None;
    let mut last = Instant::now();
    for number in 0.. {
        thread::sleep((first + number * SEND_EVERY).saturating_duration_since(Instant::now()));
        let (mut open, is_new) = match connection.take() {
            Some(open) => (open, false),
            None => match Connection::try_to(address) {
                Ok(open) => (open, true),
                Err(error) => {
                    let refused =
                        matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset);
                    assert!(refused, "{error}");
                    break;
                }
            },
        };
        if !is_new && last.elapsed() > MAY_BE_IDLE {
            too_slow();
        }
        let begun = Instant::now();
        match open.0.get_mut().write_all(REQUEST).and_then(|()| open.try_receive()) {
            Ok(answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                last = Instant::now();
                connection = Some(open).filter(|_| !answer.is_last);
            }
            Err(_) if is_new && begun.elapsed() < MAY_BE_RESET => tally.not_accepted += 1,
            Err(error) => tally.failed.push(format!("after {:?}: {error}", begun.elapsed())),
        }
    }
    tally
}

/// An HTTP connection that can send half a request.
struct Connection(BufReader<TcpStream>);

struct Answer {
    /// The server closes the connection after it.
    is_last: bool,
}

impl Connection {
    fn open(process: &Process) -> Self {
        Self::to(process.http()[0])
    }

    fn to(address: SocketAddr) -> Self {
        Self::try_to(address).unwrap()
    }

    fn try_to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // Whole requests are written at once.
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Takes one answer, which must be a success.
    fn receive(&mut self) -> Answer {
        self.try_receive().unwrap_or_else(|error| panic!("closed before the answer was complete: {error}"))
    }

    fn try_receive(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, head));
            }
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length = header("content-length").unwrap().parse().unwrap();
        self.0.read_exact(&mut vec![0; length])?;
        Ok(Answer { is_last: header("connection") == Some("close") })
    }
}
