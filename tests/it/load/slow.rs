//! Slow connections, and how little others notice of them.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rendezvous_model::size::Size;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::{attempt_exclusive, too_slow};
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use super::slow_kinds::{Kind, Outcome, open};
use crate::peers::{Connection, authorization, connect, quantile, register, request};
use crate::tls_client::{Authority, Files, NAME, connect_tls};

const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

/// How much later than the timeout a connection may be closed.
const SLACK: Duration = Duration::from_secs(1);

/// A connection may be closed a moment before the client believes that it is time: it began to count later than the server.
const EARLY: Duration = Duration::from_millis(150);

/// Lookups of the others: on so many connections, one every so often on each of them.
const CONNECTIONS: usize = 2;
const EVERY: Duration = Duration::from_millis(20);

/// Others may wait twice as long as otherwise, or so much longer: less cannot be told from noise.
const NOISE: Duration = Duration::from_millis(5);

/// A machine that wakes a thread up so late cannot judge a time.
const BUSY: Duration = Duration::from_millis(100);

/// A machine that wakes a thread up so late, with or without slow connections, cannot tell a few milliseconds from noise.
const UNQUIET: Duration = Duration::from_millis(1);

/// What is one measurement.
const WINDOW: Duration = Duration::from_secs(1);

#[test]
fn slow_connections_are_closed_on_time() {
    let size = Size::get();
    let count = size.pick("slow connections", 200, 1000, 5000);
    let patience = Duration::from_secs(size.pick("seconds until they are closed", 2, 5, 5));
    attempt_exclusive("slow_connections_are_closed_on_time", || close_on_time(count, patience));
}

fn close_on_time(count: usize, patience: Duration) {
    let directory = Directory::new("slow");
    let authority = Authority::new();
    let tls_files = Files::write(&directory, &authority.certify(1)).flags();
    let time = format!("{}s", patience.as_secs());
    let limits = ["header", "body", "idle", "handshake"].map(|what| format!("--{what}-timeout={time}"));
    let room = ["--max-connections=8000", "--max-connections-per-address=100", "--no-limits=false"];
    let flags: Vec<_> = room.into_iter().chain(limits.iter().map(String::as_str)).collect();
    let plain = Process::start(&flags);
    let flags: Vec<_> = flags.into_iter().chain(tls_files.iter().map(String::as_str)).collect();
    let tls = Process::start(&flags);
    let (plain, tls) = (plain.http()[0], tls.http()[0]);

    let config = authority.config();
    let mut session = ClientConnection::new(config.clone(), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut hello = vec![];
    session.write_tls(&mut hello).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let lookup = request("GET", "/peer/00/udp", &authorization(&register(CLIENT, plain)));
    let get = request("GET", "/none", "");
    let ended = AtomicBool::new(false);
    let measure = |ended: &AtomicBool| {
        let plain: Vec<_> =
            (0..CONNECTIONS).map(|_| Connection::new(connect(CLIENT, plain).unwrap())).collect();
        let tls: Vec<_> = (0..CONNECTIONS).map(|_| connect_tls(&config, CLIENT, tls).unwrap().0).collect();
        scope(|scope| {
            let plain: Vec<_> = plain
                .into_iter()
                .map(|connection| scope.spawn(|| latencies(connection, &lookup, ended)))
                .collect();
            let tls: Vec<_> = tls
                .into_iter()
                .map(|connection| scope.spawn(|| latencies(connection, &get, ended)))
                .collect();
            plain.into_iter().chain(tls).flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let start = Instant::now();
    let idle = scope(|scope| {
        let _ends = SetOnDrop(&ended);
        let idle = scope.spawn(|| measure(&ended));
        sleep(3 * WINDOW);
        ended.store(true, Ordering::Relaxed);
        windows(&idle.join().unwrap(), start)
    });
    ended.store(false, Ordering::Relaxed);
    let start = Instant::now();
    let (outcomes, busy, took) = scope(|scope| {
        let _ends = SetOnDrop(&ended);
        let busy = scope.spawn(|| measure(&ended));
        let outcomes = runtime.block_on(open(count, plain, tls, Arc::from(hello), patience + 4 * SLACK));
        let took = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        (outcomes, windows(&busy.join().unwrap(), start), took)
    });
    let ([idle, idle_late], [busy, busy_late]) = (idle, busy);
    if busy_late > BUSY {
        too_slow();
    }
    judge(&outcomes, patience);
    println!(
        "{count} slow connections, closed after {patience:?}, in {took:.1?}; p99 of the others {busy:.2?} meanwhile and {idle:.2?} \
         without them (medians over windows of {WINDOW:?}; the machine itself was late by {busy_late:.2?} and {idle_late:.2?})"
    );
    let most = (2 * idle).max(idle + NOISE);
    if busy > most && busy_late.max(idle_late) > UNQUIET {
        too_slow();
    }
    assert!(busy <= most, "{busy:?} instead of {most:?}");
}

/// A lookup every now and then. Returns when each was due, how late this machine was to begin it, and how long the answer took.
fn latencies<S: Read + Write>(
    mut connection: Connection<S>,
    bytes: &[u8],
    ended: &AtomicBool,
) -> Vec<(Instant, Duration, Duration)> {
    let mut seen = vec![];
    let mut due = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        due += EVERY;
        let wait = due.saturating_duration_since(Instant::now());
        sleep(wait);
        let begun = Instant::now();
        let late = if wait.is_zero() { Duration::ZERO } else { begun - due };
        assert!([400, 404].contains(&connection.ask(bytes).unwrap().status));
        seen.push((begun, late, begun.elapsed()));
    }
    seen
}

/// The medians over all windows of the 99th percentiles: of the latencies, and of what the machine was late by.
fn windows(seen: &[(Instant, Duration, Duration)], start: Instant) -> [Duration; 2] {
    let of = |pick: fn(&(Instant, Duration, Duration)) -> Duration| {
        let mut windows: Vec<Vec<Duration>> = vec![];
        for one in seen {
            let window = one.0.duration_since(start).as_secs() as usize / WINDOW.as_secs() as usize;
            windows.resize(windows.len().max(window + 1), vec![]);
            windows[window].push(pick(one));
        }
        windows.retain(|window| window.len() >= 50);
        if windows.is_empty() {
            too_slow();
        }
        quantile(windows.into_iter().map(|window| quantile(window, 0.99)).collect(), 0.5)
    };
    [of(|one| one.2), of(|one| one.1)]
}

/// Whether all were closed when they should be, and slow requests with a word.
fn judge(outcomes: &[Outcome], patience: Duration) {
    for kind in Kind::ALL {
        let these: Vec<_> = outcomes.iter().filter(|outcome| outcome.kind == kind).collect();
        let lasted = |pick: f64| quantile(these.iter().map(|outcome| outcome.lasted).collect(), pick);
        let told = these.iter().filter(|outcome| outcome.status == Some(408)).count();
        println!(
            "{:>5} slow by {kind:?}: closed after {:.2?} to {:.2?}, {told} told so with 408",
            these.len(),
            lasted(0.0),
            lasted(1.0)
        );
        assert!(lasted(0.0) + EARLY >= patience, "{kind:?}: too early");
        assert!(lasted(1.0) <= patience + SLACK, "{kind:?}: too late");
        let expected = if matches!(kind, Kind::Head | Kind::Body) { these.len() } else { 0 };
        assert_eq!(told, expected, "{kind:?}");
    }
}

#[test]
fn a_slow_request_is_told_so_as_a_problem() {
    let process = Process::start(&["--header-timeout=200ms", "--body-timeout=200ms"]);
    let server = process.http()[0];
    for bytes in [&b"GET / HT"[..], &request("POST", "/register", "Content-Length: 3\r\n")] {
        let mut connection = Connection::new(connect(CLIENT, server).unwrap());
        let answer = connection.ask(bytes).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (408, "timeout"), "{}", answer.head);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
}
