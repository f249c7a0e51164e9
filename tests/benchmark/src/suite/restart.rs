//! How long after its start the server answers the first pulse, with a store full of clients: after it was stopped, and
//! after it was killed.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use super::lookup::registration;
use super::store::{serve, wait_until_written};
use crate::disk::{Folder, forget, read, size_and_time};
use crate::load::{Connections, Pause, pulse_from, socket_to};
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::report::{Table, duration, thousands};
use crate::server::{Key, ON_TIME, PATIENT, Server, UNKNOWN};
use crate::stats::{least, median};
use crate::stock::stock;
use crate::system::SERVER_CORE;

/// How often each kind of restart is measured, at most.
const TIMES: u32 = 7;
/// Clients that are asked for after each.
const SAMPLE: usize = 100_000;
/// Connections that register clients when the server is killed.
const CONNECTIONS: usize = 256;
/// How often the client that waits for the server sends a pulse.
const EVERY: Duration = Duration::from_millis(2);
/// How long it waits.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: no store, and no client. What any start takes.
    Nothing,
    /// It was told to stop, and did.
    Stop,
    /// It was killed while clients were registered as fast as it could.
    Kill,
    /// It was stopped, and the system forgot what is in the file: as when the machine was off.
    Off,
    /// It was stopped, and all clients had moved since the store was made.
    Moves,
}

/// What was seen of the restarts of one kind.
struct Seen {
    before: Before,
    /// In nanoseconds.
    times: Vec<f64>,
    /// How long it took the server to say that it is ready: tells a slow load from an answer that is lost.
    ready: Vec<f64>,
    peak: u64,
    file: u64,
    clients: u64,
}

/// How long a start took.
#[derive(Clone, Copy)]
struct Times {
    /// Until a pulse was answered.
    answered: Duration,
    /// Until the server said that it is ready.
    ready: Duration,
}

/// Everything that a restart needs.
struct Restarts<'a> {
    bench: &'a mut Bench,
    file: &'a Path,
    keys: &'a [Key],
    udp: SocketAddr,
    /// Where all clients are.
    socket: UdpSocket,
    answers: u64,
    wrong: u64,
    seen: Vec<Seen>,
}

/// Measures it.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let clients = bench.sizes.most_clients;
    let folder = Folder::within(&bench.store_folder)?;
    let file = folder.file("restart.redb");
    let keys = stock(&bench.program, &file, clients)?;
    // Free a moment ago, and outside of it nobody here takes ports by number.
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let times = TIMES.min(bench.sizes.slices);
    let socket = socket_to(udp)?;
    let mut restarts =
        Restarts { bench, file: &file, keys: &keys, udp, socket, answers: 0, wrong: 0, seen: vec![] };
    for round in 1..=times {
        restarts.round()?;
        say(format_args!("restart: round {round} of {times}"));
    }
    restarts.moved(times)?;
    let reading = read(&file)?;
    let Restarts { answers, wrong, seen, .. } = restarts;

    bench.report.title("Restart")?;
    bench.report.text(&format!(
        "From just before the program is started, on the server's core, to the first pulse that is answered, with a store of \
         {} clients on {}; a client sends one every {EVERY:?}. Killed: with SIGKILL, while {CONNECTIONS} connections register \
         clients as fast as they can. Off: what is in the file is no longer in memory. Moved: the file has two entries for each \
         client. After each restart {} of the clients, or all, are asked for: of {} answers {wrong} were not 1020. For comparison: to \
         read the file from memory, in one go, takes {}.\n",
        thousands(clients as u64),
        folder.file_system()?,
        thousands(SAMPLE as u64),
        thousands(answers),
        duration(reading),
    ))?;
    let mut table = Table::new(&[
        "restart",
        "times",
        "median",
        "worst",
        "least",
        "clients at the end",
        "peak RSS MB (VmHWM)",
        "file MB",
    ]);
    let mut figures = vec![];
    for seen in &seen {
        let (row, figure) = seen.describe();
        table.row(row);
        figures.push(figure);
    }
    bench.report.table(&table)?;
    bench.report.figures(
        "restart",
        json!({
            "clients": clients, "restarts": figures, "answers": answers, "other_than_1020": wrong, "reading_ms": reading as f64 / 1e6,
            "file_system": folder.file_system()?,
        }),
    );
    Ok(())
}

impl Restarts<'_> {
    /// One restart of each kind but the last.
    fn round(&mut self) -> Outcome<()> {
        self.nothing()?;
        let server = self.restart(Before::Stop)?;
        self.kill(server)?;
        let server = self.restart(Before::Kill)?;
        self.stop(server, Before::Kill)?;
        forget(self.file)?;
        let server = self.restart(Before::Off)?;
        self.stop(server, Before::Off)
    }

    /// Lets all clients move, and restarts so many times.
    fn moved(&mut self, times: u32) -> Outcome<()> {
        let server = serve(&self.bench.program, &[SERVER_CORE], self.file, &[&self.udp_flag()])?;
        say("every client moves once");
        self.check(self.keys.len())?;
        wait_until_written(&server.process)?;
        server.stop()?;
        for round in 1..=times {
            let server = self.restart(Before::Moves)?;
            self.stop(server, Before::Moves)?;
            say(format_args!("restart with two entries each: round {round} of {times}"));
        }
        Ok(())
    }

    /// What a start takes without a store.
    fn nothing(&mut self) -> Outcome<()> {
        let key = self.keys[0];
        let (server, times) = self.timed(key, UNKNOWN, &|restarts| {
            let udp = restarts.udp_flag();
            let flags = [&PATIENT, &["--udp-threads=1", &udp][..]].concat();
            Server::start(&restarts.bench.program, &[SERVER_CORE], &flags)
        })?;
        self.note(Before::Nothing, times, &server, 0)?;
        server.stop()?;
        Ok(())
    }

    /// Starts the server, and looks whether it knows its clients.
    fn restart(&mut self, before: Before) -> Outcome<Server> {
        let (file, _) = size_and_time(self.file)?;
        let key = self.keys[self.keys.len() / 2];
        let (server, times) = self.timed(key, ON_TIME, &|restarts| {
            serve(&restarts.bench.program, &[SERVER_CORE], restarts.file, &[&restarts.udp_flag()])
        })?;
        self.check(SAMPLE)?;
        self.note(before, times, &server, file)?;
        Ok(server)
    }

    /// Starts a server, and takes the time until a pulse with this key is answered, which must be with this answer.
    fn timed(
        &self,
        key: Key,
        expected: [u8; 2],
        start: &dyn Fn(&Self) -> Outcome<Server>,
    ) -> Outcome<(Server, Times)> {
        let udp = self.udp;
        let prober = thread::spawn(move || first_answer(udp, &key));
        let begun = Instant::now();
        let server = start(self)?;
        let ready = begun.elapsed();
        let (answer, at) = prober.join().map_err(|_| failure("waiting for an answer panicked"))??;
        if answer != expected {
            return Err(failure(format!("the first pulse was answered with {answer:02x?}")));
        }
        Ok((server, Times { answered: at - begun, ready }))
    }

    /// Asks for as many clients, from all of the store, and counts the answers.
    fn check(&mut self, sample: usize) -> Outcome<()> {
        let sample = sample.min(self.keys.len());
        let keys = self.keys.iter().step_by(self.keys.len() / sample).take(sample);
        let codes = pulse_from(&self.socket, keys)?;
        for (code, times) in codes {
            self.answers += times;
            if code != ON_TIME {
                self.wrong += times;
                self.bench.report.wrong(format!("{times} restored clients were answered with {code:02x?}"));
            }
        }
        Ok(())
    }

    fn note(&mut self, before: Before, times: Times, server: &Server, file: u64) -> Outcome<()> {
        let index = self.seen.iter().position(|seen| seen.before == before).unwrap_or_else(|| {
            self.seen.push(Seen { before, times: vec![], ready: vec![], peak: 0, file: 0, clients: 0 });
            self.seen.len() - 1
        });
        let seen = &mut self.seen[index];
        seen.times.push(times.answered.as_nanos() as f64);
        seen.ready.push(times.ready.as_nanos() as f64);
        seen.peak = seen.peak.max(server.process.peak_resident()?);
        seen.file = seen.file.max(file);
        Ok(())
    }

    /// Kills the server while it registers clients.
    fn kill(&self, server: Server) -> Outcome<()> {
        let Server { mut process, http, .. } = server;
        let mut connections = Connections::open(http, CONNECTIONS, Pause::Spin)?;
        let killed = process.kill_in(self.bench.sizes.slice);
        let registering = connections.run(&mut process, &[registration()], PATIENCE);
        killed.join().map_err(|_| failure("killing panicked"))??;
        match registering {
            Ok(_) => Err(failure("the server was killed, and went on")),
            Err(_) => Ok(()),
        }
    }

    fn stop(&mut self, server: Server, before: Before) -> Outcome<()> {
        let clients = server.stop()?["clients"].as_u64().unwrap_or(0);
        for seen in self.seen.iter_mut().filter(|seen| seen.before == before) {
            seen.clients = clients;
        }
        Ok(())
    }

    fn udp_flag(&self) -> String {
        format!("--udp-listen={}", self.udp)
    }
}

impl Seen {
    fn describe(&self) -> (Vec<String>, Value) {
        let median = median(&self.times);
        let worst = self.times.iter().copied().fold(0.0, f64::max);
        let name = match self.before {
            Before::Nothing => "no store, no client",
            Before::Stop => "stopped",
            Before::Kill => "killed",
            Before::Off => "stopped, off",
            Before::Moves => "stopped, all moved",
        };
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        let row = vec![
            name.into(),
            self.times.len().to_string(),
            duration(median as u64),
            duration(worst as u64),
            duration(least(&self.times) as u64),
            // One that was killed did not say.
            if self.clients == 0 { "-".into() } else { thousands(self.clients) },
            megabytes(self.peak),
            megabytes(self.file),
        ];
        let millis = |times: &[f64]| times.iter().map(|nanos| nanos / 1e6).collect::<Vec<_>>();
        let figures = json!({
            "before": name, "ms": millis(&self.times), "ready_ms": millis(&self.ready), "median_ms": median / 1e6, "worst_ms": worst / 1e6,
            "peak_rss": self.peak, "file": self.file, "clients": self.clients,
        });
        (row, figures)
    }
}

/// Sends a pulse again and again until one is answered. Returns the answer, and when it came.
fn first_answer(udp: SocketAddr, key: &Key) -> Outcome<([u8; 2], Instant)> {
    let socket = socket_to(udp)?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(EVERY))?;
    let begun = Instant::now();
    let mut answer = [0; 2];
    while begun.elapsed() < PATIENCE {
        let received = socket.send(key).and_then(|_| socket.recv(&mut answer));
        let at = Instant::now();
        match received {
            Ok(2) => return Ok((answer, at)),
            Ok(length) => return Err(failure(format!("an answer of {length} bytes"))),
            // Nobody listens yet. That is said at once.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => sleep(EVERY),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(failure(format!("no pulse was answered within {PATIENCE:?}")))
}
