//! A hundred thousand clients go on pulsing while the server is killed and started again: they only notice a pause.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rendezvous_model::size::Size;
use rendezvous_protocol::{ClientId, PrivateKey};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::timing::{attempt, too_slow};

/// Beside the interval.
const TIMING: [&str; 2] = ["--pulse-grace=1s", "--error-time=30s"];
const GRACE: Duration = Duration::from_secs(1);

/// Threads that the clients are spread over, each with a socket that all of its clients share, one pulse at a time.
const THREADS: usize = 4;

/// How long a client waits for an answer before it repeats its pulse.
const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// What the clients were answered.
#[derive(Debug, Default)]
struct Answers {
    on_time: u64,
    late: u64,
    unknown: u64,
    repeated: u64,
    /// Pulses that this machine was too slow to send in time.
    sent_late: u64,
}

#[test]
fn a_crowd_that_pulses_on_time_sees_only_1020_whether_or_not_the_server_is_killed() {
    let size = Size::get();
    let clients = size.pick("clients that pulse while the server is killed", 2_000, 20_000, 100_000);
    let interval = size.pick("seconds between two pulses of each of them", 3, 10, 10);
    attempt("a_crowd_that_pulses_on_time_sees_only_1020_whether_or_not_the_server_is_killed", || {
        restart_under(clients, Duration::from_secs(interval));
    });
}

/// The server is down for half an interval: some of the clients notice, and others do not.
fn restart_under(clients: usize, interval: Duration) {
    let directory = Directory::new("crowd-restart");
    let path = directory.path().join("clients.redb");
    let keys: Vec<_> = (0..clients).map(key).collect();
    import(&directory, &path, &keys);
    let store = format!("--store=redb:{}", path.display());
    let pace = format!("--pulse-interval={}s", interval.as_secs());
    let flags = [&TIMING[..], &[&store, &pace]].concat();
    let process = Process::start(&flags);
    let ports = process.same_ports();
    let server = process.target().udp();
    let stop = AtomicBool::new(false);
    let (answers, down) = scope(|scope| {
        // However this ends, the threads must: the scope waits for them.
        let _stop = SetOnDrop(&stop);
        let loads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (keys, stop) = (&keys, &stop);
                scope.spawn(move || pulse(keys, thread, server, interval, stop))
            })
            .collect();
        // Everybody has pulsed once, and some twice.
        sleep(interval * 3 / 2);
        let killed = Instant::now();
        process.kill();
        sleep(interval / 2);
        let flags: Vec<_> = flags.iter().copied().chain(ports.iter().map(String::as_str)).collect();
        let process = Process::start(&flags);
        let down = killed.elapsed();
        sleep(2 * interval + GRACE);
        stop.store(true, Ordering::Relaxed);
        let answers: Vec<Answers> = loads.into_iter().map(|load| load.join().unwrap()).collect();
        let warned = process.log().iter().any(|line| line["absent_ms"].is_u64());
        if warned || answers.iter().any(|answers| answers.sent_late > 0) {
            too_slow();
        }
        (answers, down)
    });
    let sum = |of: fn(&Answers) -> u64| answers.iter().map(of).sum::<u64>();
    println!(
        "{clients} clients, the server down for {:.1} s: {} pulses answered 1020, {} answered 1050, {} answered 1060, {} repeated",
        down.as_secs_f64(),
        sum(|answers| answers.on_time),
        sum(|answers| answers.late),
        sum(|answers| answers.unknown),
        sum(|answers| answers.repeated)
    );
    if down > Duration::from_secs(10) {
        too_slow();
    }
    assert_eq!((sum(|answers| answers.late), sum(|answers| answers.unknown)), (0, 0));
    assert!(sum(|answers| answers.on_time) >= 3 * clients as u64, "everybody goes on");
    assert!(sum(|answers| answers.repeated) > 0, "somebody pulsed while the server was down");
}

/// Makes a store of clients that were elsewhere when it was saved.
fn import(directory: &Directory, path: &std::path::Path, keys: &[PrivateKey]) {
    let mut lines = String::new();
    for key in keys {
        let id = ClientId::of(key);
        writeln!(lines, r#"{{"client_id":"{id}","address":"192.0.2.7:4000","last_seen":1,"last_pulse":1}}"#)
            .unwrap();
    }
    let input = directory.write("clients.jsonl", &lines);
    let mut command = command();
    command.args(["store", "import"]).arg(path).arg("--input").arg(input);
    let output = run_to_end(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Pulses for the clients of one thread, each at its own time in the interval, until told to stop.
fn pulse(
    keys: &[PrivateKey],
    thread: usize,
    server: SocketAddr,
    interval: Duration,
    stop: &AtomicBool,
) -> Answers {
    let mut answers = Answers::default();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(REPEAT_AFTER)).unwrap();
    let mine: Vec<_> = (thread..keys.len()).step_by(THREADS).collect();
    let mut answered: Vec<Option<Instant>> = vec![None; mine.len()];
    let begun = Instant::now();
    for (round, index) in (0..).flat_map(|round| (0..mine.len()).map(move |index| (round, index))) {
        let due = begun + interval * round + interval.mul_f64(index as f64 / mine.len() as f64);
        sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // A server that was down is no excuse for this machine: it is up again well before anybody is late.
        let in_time = answered[index].is_none_or(|last| last.elapsed() < interval + GRACE);
        let code = loop {
            let _ = socket.send(keys[mine[index]].reveal());
            let mut reply = [0; 8];
            match socket.recv(&mut reply) {
                Ok(2) => break u16::from_be_bytes([reply[0], reply[1]]),
                Ok(len) => panic!("an answer of {len} bytes"),
                // Refused: nobody is there to take it. It waits as it would for an answer.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => sleep(REPEAT_AFTER),
                Err(_) => {}
            }
            answers.repeated += 1;
            if stop.load(Ordering::Relaxed) {
                return answers;
            }
            // If the answer was only slow, it is not to be taken for somebody else's.
            socket.set_nonblocking(true).unwrap();
            while socket.recv(&mut reply).is_ok() {}
            socket.set_nonblocking(false).unwrap();
        };
        answered[index] = Some(Instant::now());
        match code {
            1020 => answers.on_time += 1,
            1050 => answers.late += 1,
            1060 => answers.unknown += 1,
            other => panic!("{other}"),
        }
        answers.sent_late += u64::from(!in_time && code != 1020);
    }
    answers
}

fn key(number: usize) -> PrivateKey {
    let mut bytes = [0xA5; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    PrivateKey::from_bytes(bytes)
}
