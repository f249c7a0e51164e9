//! The program is killed again and again while clients register, log out and pulse; each time it is started again on the same file.

use std::collections::HashSet;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_crowd::TestRng;
use rendezvous_model::secrets::Keys;
use rendezvous_model::size::{Size, tell};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::{Target, bearer, receive_code};
use ureq::http::Method;

/// How many clients register and log out side by side.
const THREADS: usize = 4;

/// How many may be alive before more log out than register.
const ALIVE: usize = 600;

/// All of those that left are asked about after so many kills, and at the end. That they are back would show for minutes. After
/// each kill, everybody else is asked about, and so many of those that left last.
const ALL_EVERY: usize = 25;
const LEFT_LAST: usize = 5000;

/// How many pulses are on their way at once.
const WINDOW: usize = 64;

type Key = [u8; 32];

/// What the server acknowledged so far.
#[derive(Debug, Default)]
struct Book {
    alive: Vec<Key>,
    left: Vec<Key>,
    /// Of those that wanted to log out, the ones who got no answer.
    unsure: Vec<Key>,
}

#[test]
fn what_was_acknowledged_survives_kill_9_under_load() {
    let cycles: usize = Size::get().pick("kill -9 under load: cycles", 20, 200, 1000);
    let directory = Directory::new("kill");
    let path = directory.path().join("store.redb");
    let flags = [format!("--store=redb:{}", path.display()), "--log-level=debug".into()];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();

    let (begun, mut slowest_start) = (Instant::now(), Duration::ZERO);
    let mut rng = TestRng::new(9);
    let mut book = Book::default();
    let mut issued = vec![];
    let mut log = String::new();
    for cycle in 0..=cycles {
        let start = Instant::now();
        let mut process = Process::start(&flags);
        slowest_start = slowest_start.max(start.elapsed());
        let all = cycle.is_multiple_of(ALL_EVERY) || cycle == cycles;
        book.check(process.target(), all).unwrap_or_else(|error| panic!("after {cycle} kills: {error}"));
        if cycle < cycles {
            let lives_for = Duration::from_millis(20 + rng.below(181) as u64);
            load(&process, lives_for, &mut book, &mut issued, &mut rng);
        } else {
            process.signal(Signal::SIGTERM);
        }
        process.wait();
        log.extend(process.log().iter().map(|line| format!("{line}\n")));
    }

    let keys = Keys::new(issued.iter().copied());
    assert_eq!(keys.find(log.as_bytes()), None, "a key is in the log");
    let bytes = holds_no_key(&path, &keys);
    tell(&format!(
        "kill -9 under load: {cycles} cycles, {} registrations and {} logouts acknowledged: 0 registrations missing, 0 logouts \
         undone, 0 failed starts, the slowest after {:.0} ms; none of the keys in {bytes} bytes of files and {} bytes of logs ({:.0} s)",
        issued.len(),
        book.left.len(),
        slowest_start.as_secs_f64() * 1e3,
        log.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(issued.len() > cycles && book.left.len() > cycles / 2, "that was no load");
}

/// The store, its lock, and whatever else is there. Returns how many bytes were searched.
fn holds_no_key(store: &Path, keys: &Keys) -> usize {
    let mut searched = 0;
    let mut names = HashSet::new();
    for entry in fs::read_dir(store.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        assert_eq!(keys.find(&bytes), None, "a key is in {:?}", entry.file_name());
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        searched += bytes.len();
        names.insert(entry.file_name().into_string().unwrap());
    }
    assert!(names.contains("store.redb") && names.contains("store.redb.lock"), "{names:?}");
    searched
}

/// Clients come, go and pulse for a while; then the program is killed in the middle of it.
fn load(process: &Process, lives_for: Duration, book: &mut Book, issued: &mut Vec<Key>, rng: &mut TestRng) {
    let leaves_once_in = if book.alive.len() < ALIVE { 3 } else { 2 };
    let target = process.target();
    let killed = AtomicBool::new(false);
    let pulsing: Vec<_> = book.alive.clone();
    let done = Mutex::new((Book::default(), vec![]));
    thread::scope(|scope| {
        let share = book.alive.len().div_ceil(THREADS).max(1);
        let mut shares: Vec<_> = book.alive.chunks(share).map(<[Key]>::to_vec).collect();
        shares.resize(THREADS, vec![]);
        for alive in shares {
            let rng = TestRng::new(rng.number());
            let done = &done;
            scope.spawn(move || {
                let (mine, mine_issued) = come_and_go(target, alive, leaves_once_in, rng);
                let mut done = done.lock().unwrap();
                done.0.alive.extend(mine.alive);
                done.0.left.extend(mine.left);
                done.0.unsure.extend(mine.unsure);
                done.1.extend(mine_issued);
            });
        }
        scope.spawn(|| {
            // From a new address, so that there is something to write.
            let socket = target.socket();
            socket.set_nonblocking(true).unwrap();
            for key in pulsing.iter().cycle() {
                if killed.load(Ordering::Relaxed) || pulsing.is_empty() {
                    break;
                }
                let _ = socket.send(key);
                while socket.recv(&mut [0; 8]).is_ok() {}
                thread::sleep(Duration::from_micros(200));
            }
        });
        thread::sleep(lives_for);
        process.signal(Signal::SIGKILL);
        killed.store(true, Ordering::Relaxed);
    });
    let (now, new) = done.into_inner().unwrap();
    book.alive = now.alive;
    book.left.extend(now.left);
    book.unsure.extend(now.unsure);
    issued.extend(new);
}

/// Registers clients and logs clients out until nobody answers. Returns what became of them, and the keys that were issued.
fn come_and_go(
    target: &Target,
    alive: Vec<Key>,
    leaves_once_in: usize,
    mut rng: TestRng,
) -> (Book, Vec<Key>) {
    let mut book = Book { alive, ..Book::default() };
    let mut issued = vec![];
    loop {
        if book.alive.is_empty() || !rng.once_in(leaves_once_in) {
            let Ok(answer) = target.try_send(Method::POST, "/register", &[], "") else { break };
            answer.assert_ok();
            let key = hex::decode(answer.json["private_id"].as_str().unwrap()).unwrap().try_into().unwrap();
            book.alive.push(key);
            issued.push(key);
        } else {
            let key = book.alive.swap_remove(rng.below(book.alive.len()));
            let bearer = bearer(&key);
            let Ok(answer) = target.try_send(Method::POST, "/logout", &[&bearer], "") else {
                book.unsure.push(key);
                break;
            };
            answer.assert_ok();
            book.left.push(key);
        }
    }
    (book, issued)
}

impl Book {
    /// Asks the server about everybody, or about all but those that left long ago.
    fn check(&mut self, target: &Target, all: bool) -> Result<(), String> {
        let socket = target.socket();
        for key in self.unsure.drain(..) {
            socket.send(&key).unwrap();
            // Whatever became of that logout: from now on it is to stay so.
            match receive_code(&socket) {
                1020 => self.alive.push(key),
                1060 => self.left.push(key),
                code => return Err(format!("code {code}")),
            }
        }
        all_are_answered(&socket, &self.alive, 1020)
            .map_err(|error| format!("a registration is missing: {error}"))?;
        let from = if all { 0 } else { self.left.len().saturating_sub(LEFT_LAST) };
        all_are_answered(&socket, &self.left[from..], 1060)
            .map_err(|error| format!("a logout is undone: {error}"))
    }
}

fn all_are_answered(socket: &UdpSocket, keys: &[Key], code: u16) -> Result<(), String> {
    for keys in keys.chunks(WINDOW) {
        for key in keys {
            socket.send(key).unwrap();
        }
        let codes: Vec<_> = keys.iter().map(|_| receive_code(socket)).collect();
        if codes.iter().any(|&other| other != code) {
            return Err(format!("{codes:?} instead of {code} each"));
        }
    }
    Ok(())
}
