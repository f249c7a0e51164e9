//! What abuse leaves in the log.

use std::net::{Ipv4Addr, TcpStream};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_model::size::Size;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::exclusive;

use crate::peers::{Connection, connect, request, udp};

const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What an abuser would like to see in a log.
const MARK: &str = "evil-mark";

/// Lines in a second.
const MOST: usize = 10;

#[test]
fn a_flood_is_logged_a_few_times_only() {
    let seconds: u64 = Size::get().pick("seconds of every kind of abuse", 2, 4, 30);
    let _exclusive = exclusive();
    let process = Process::start(&["--no-limits=false", "--max-connections=40"]);
    let before = process.log().len();
    let until = Instant::now() + Duration::from_secs(seconds);
    let (server, pulses) = (process.http()[0], process.target().udp());
    let mut counts = [0_u64; 3];
    scope(|scope| {
        let [datagrams, requests, connections] = &mut counts;
        scope.spawn(move || {
            let socket = udp(FLOODER, pulses);
            while Instant::now() < until {
                for length in [32, 0, 1, 31, 33, 64, 1000] {
                    let payload = format!("{MARK}\r\n\u{1b}[31m").repeat(70);
                    let _ = socket.send(&payload.as_bytes()[..length]);
                    *datagrams += 1;
                }
                sleep(Duration::from_micros(100));
            }
        });
        scope.spawn(move || {
            let malformed = [
                format!("GET /{MARK}\r\n\x1b[31m HTTP/1.1\r\n\r\n").into_bytes(),
                format!("GET / HTTP/1.1\nHost: {MARK}\n\n").into_bytes(),
                format!("GET / HTTP/9.9 {MARK}\r\n\r\n").into_bytes(),
                format!("\x16\x03\x01\x02\0{MARK}\r\n\r\n").into_bytes(),
                request("GET", &format!("/{MARK}"), "Content-Length: 1\r\nContent-Length: 2\r\n"),
                request("POST", "/verify", &format!("Authorization: {MARK}\r\n")),
                request("POST", "/register", ""),
                [b"GET /".to_vec(), MARK.repeat(3000).into_bytes(), b" HTTP/1.1\r\n\r\n".to_vec()].concat(),
            ];
            for bytes in malformed.iter().cycle().take_while(|_| Instant::now() < until) {
                if let Ok(stream) = connect(FLOODER, server) {
                    let _ = Connection::new(stream).ask(bytes);
                    *requests += 1;
                }
            }
        });
        scope.spawn(move || {
            while Instant::now() < until {
                let held: Vec<TcpStream> = (0..60).filter_map(|_| connect(FLOODER, server).ok()).collect();
                *connections += held.len() as u64;
                sleep(Duration::from_millis(20));
            }
        });
    });
    // The log works, and all that was written before this is there.
    process.signal(Signal::SIGHUP);
    process.wait_for("SIGHUP");
    let lines: Vec<String> = process.log()[before..].iter().map(ToString::to_string).collect();
    println!(
        "{seconds} s of abuse ({counts:?} datagrams, requests, connections): {} lines in the log",
        lines.len()
    );
    assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
    assert!(lines.len() <= MOST * seconds as usize, "{lines:#?}");
    for line in &lines {
        assert!(line.starts_with('{'), "a line that is no entry: {line}");
        assert!(!line.contains(MARK), "{line}");
        assert!(!line.contains(['\r', '\u{1b}']), "{line:?}");
    }
    assert_eq!(process.target().register().pulse(), 1020);
}
