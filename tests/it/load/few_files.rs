//! More connections than there may be.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::{Process, program};
use rendezvous_tests::timing::{eventually, exclusive};

use crate::peers::{Connection, Pulses, connect, drops_in_the_end, register, request, udp};

/// Open files that the server may have.
const FILES: usize = 256;

/// Connections that are held.
const ATTEMPTED: u32 = 1000;

/// How soon requests are answered again.
const RECOVERY: Duration = Duration::from_secs(1);

#[test]
fn with_few_files_pulses_go_on_and_requests_come_back() {
    let _exclusive = exclusive();
    let process = Process::start_with(with_files(FILES));
    let (server, admin) = (process.http()[0], process.admin()[0]);
    let good_address = Ipv4Addr::new(127, 0, 0, 10);
    let key = register(good_address, server);
    let ended = AtomicBool::new(false);
    let (pulses, refused, recovery) = scope(|scope| {
        let _ends = SetOnDrop(&ended);
        let good = scope.spawn(|| {
            let (socket, mut pulses) = (udp(good_address, process.target().udp()), Pulses::default());
            while !ended.load(Ordering::Relaxed) {
                pulses.pulse(&socket, &key);
                sleep(Duration::from_millis(2));
            }
            pulses
        });
        let held: Vec<TcpStream> =
            (0..ATTEMPTED).map(|number| connect(source(number), server).unwrap()).collect();
        sleep(Duration::from_millis(500));
        let refused = held.iter().filter(|stream| is_refused(stream)).count();
        // Nobody gets in, but the operator.
        let mut one_more = Connection::new(connect(good_address, server).unwrap());
        let answer = one_more.answer().unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(answer.header("retry-after").is_some() && one_more.is_closed());
        let answer = Connection::new(connect(good_address, admin).unwrap()).ask(&get("/none")).unwrap();
        assert_eq!(answer.status, 404, "the operator's listener");
        sleep(Duration::from_secs(1));

        drop(held);
        let released = Instant::now();
        eventually(RECOVERY, "an answered request", || is_served(good_address, server));
        let recovery = released.elapsed();
        ended.store(true, Ordering::Relaxed);
        (good.join().unwrap(), refused, recovery)
    });
    let drops = drops_in_the_end(process);
    let Pulses { answered, repeated } = pulses;
    println!(
        "{ATTEMPTED} connections with {FILES} files: {refused} refused; {answered} pulses answered 1020, {repeated} repeated, {drops} \
         dropped by the kernel; a request is answered {:.0} ms after they are released",
        recovery.as_secs_f64() * 1e3
    );
    assert!(refused >= ATTEMPTED as usize - FILES, "{refused}");
    assert!(repeated <= drops && answered > 100, "{repeated} pulses were lost, {answered} answered");
}

#[test]
fn one_address_has_only_so_many_connections() {
    let process = Process::start(&["--max-connections-per-address=3"]);
    let server = process.http()[0];
    let (greedy, other) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let open = |from| Connection::new(connect(from, server).unwrap());
    let mut held: Vec<_> = (0..3).map(|_| open(greedy)).collect();
    for connection in &mut held {
        assert_eq!(connection.ask(&get("/none")).unwrap().status, 404);
    }
    let mut fourth = open(greedy);
    // Without having asked anything.
    let answer = fourth.answer().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(fourth.is_closed());
    assert_eq!(open(other).ask(&get("/none")).unwrap().status, 404, "another address");
    held.pop();
    eventually(RECOVERY, "room for a connection", || is_served(greedy, server));
    for connection in &mut held {
        assert_eq!(connection.ask(&get("/none")).unwrap().status, 404, "they were left alone");
    }
}

fn get(path: &str) -> Vec<u8> {
    request("GET", path, "")
}

/// Ten connections each.
fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 3, 0, 0)) + number / 10)
}

fn is_served(from: Ipv4Addr, server: SocketAddr) -> bool {
    connect(from, server)
        .and_then(|stream| Connection::new(stream).ask(&get("/none")))
        .is_ok_and(|answer| answer.status == 404)
}

/// Whether the server has said so, or has closed the connection.
fn is_refused(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// The program, with no more open files than this.
fn with_files(files: usize) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(program());
    limited.arg("--no-limits=false");
    limited
}
