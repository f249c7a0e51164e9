//! What a supervisor such as systemd is told, and the sockets that it hands in.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, program, run_to_end};
use rendezvous_tests::timing::attempt;
use socket2::SockRef;

/// How long a supervisor waits for a sign of life before it gives the server up.
const WATCHDOG: Duration = Duration::from_millis(600);

#[test]
fn a_supervisor_is_told_of_the_beginning_the_life_and_the_end() {
    attempt("a_supervisor_is_told_of_the_beginning_the_life_and_the_end", || {
        let directory = Directory::new("notify");
        let supervisor = Supervisor::new(&directory);
        let mut start = command();
        start.env("NOTIFY_SOCKET", directory.path().join("notify"));
        start.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        let mut process = Process::start_with(start);
        let ready = supervisor.wait_for("READY=1");
        assert!(ready.contains("STATUS=serving, with 0 clients from the store memory:"), "{ready}");
        assert_eq!(process.target().register().pulse(), 1020);

        supervisor.forget();
        let (begun, mut signs) = (Instant::now(), 0);
        while begun.elapsed() < WATCHDOG * 5 {
            let waiting = Instant::now();
            supervisor.wait_for("WATCHDOG=1");
            assert!(waiting.elapsed() < WATCHDOG, "it would have been restarted");
            signs += 1;
        }
        println!("{signs} signs of life in {:?}", begun.elapsed());
        assert!((6..=12).contains(&signs), "one in each half of the time: {signs}");

        // One that does not run gives none.
        process.signal(Signal::SIGSTOP);
        supervisor.forget();
        thread::sleep(WATCHDOG * 2);
        assert_eq!(supervisor.next(Duration::from_millis(1)), None);
        process.signal(Signal::SIGCONT);
        supervisor.wait_for("WATCHDOG=1");

        process.signal(Signal::SIGTERM);
        let stopping = supervisor.wait_for("STOPPING=1");
        assert!(stopping.contains("STATUS=stopping"), "{stopping}");
        assert_eq!(process.wait().code(), Some(0));
        while let Some(message) = supervisor.next(Duration::from_millis(1)) {
            assert!(!message.contains("READY"), "{message}");
        }
    });
}

#[test]
fn ready_means_that_the_store_is_loaded() {
    let directory = Directory::new("notify-store");
    let supervisor = Supervisor::new(&directory);
    let store = format!("--store=redb:{}", directory.path().join("clients.redb").display());
    let process = Process::start(&[&store]);
    process.target().register();
    process.kill();
    let mut start = command();
    start.env("NOTIFY_SOCKET", directory.path().join("notify")).arg(&store);
    let _process = Process::start_with(start);
    let ready = supervisor.wait_for("READY=1");
    assert!(ready.contains("with 1 clients from the store redb:"), "{ready}");
}

#[test]
fn a_watchdog_of_another_process_is_told_nothing() {
    let directory = Directory::new("notify-other");
    let supervisor = Supervisor::new(&directory);
    let mut start = command();
    start.env("NOTIFY_SOCKET", directory.path().join("notify"));
    start.env("WATCHDOG_USEC", "200000").env("WATCHDOG_PID", "1");
    let _process = Process::start_with(start);
    supervisor.wait_for("READY=1");
    assert_eq!(supervisor.next(Duration::from_secs(1)), None);
}

#[test]
fn a_supervisor_that_is_gone_keeps_nobody_from_serving() {
    let mut start = command();
    start.env("NOTIFY_SOCKET", "/no/such/socket").env("WATCHDOG_USEC", "200000");
    let mut process = Process::start_with(start);
    assert_eq!(process.target().register().pulse(), 1020);
    process.wait_for("the supervisor cannot be told");
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn sockets_that_are_handed_in_are_served() {
    let (udp, http) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (udp_address, http_address) = (udp.local_addr().unwrap(), http.local_addr().unwrap());
    let mut start = activated("udp:http", udp.into(), Some(http.into()));
    start.arg("--udp-threads=4");
    let mut process = Process::start_with(start);
    assert_eq!(process.udp(), [udp_address]);
    assert_eq!(process.http(), [http_address]);
    assert_eq!(process.admin().len(), 1, "what is not handed in is bound");
    for _ in 0..100 {
        assert_eq!(process.target().register().pulse(), 1020);
    }
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_handed_in_socket_is_as_good_as_our_own() {
    let first = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let mine = first.try_clone().unwrap();
    SockRef::from(&mine).set_recv_buffer_size(8 << 10).unwrap();
    let second = UdpSocket::bind("127.0.0.1:0").unwrap();
    let also = second.local_addr().unwrap();
    let process = Process::start_with(activated("udp:udp", first.into(), Some(second.into())));
    let client = process.target().register();

    // Bound to a wildcard, it answers from the address that was reached.
    for host in ["127.0.0.1", "127.0.0.5"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.connect((host, port)).unwrap();
        assert_eq!(client.pulse_from(&socket), 1020, "{host}");
    }
    let buffer = SockRef::from(&mine).recv_buffer_size().unwrap();
    assert!(buffer > 128 << 10, "{buffer}");

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(also).unwrap();
    assert_eq!(client.pulse_from(&socket), 1020, "the second socket");
}

#[test]
fn a_large_receive_buffer_stays_large() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mine = socket.try_clone().unwrap();
    // As an administrator may set it, whatever net.core.rmem_max is.
    let large = 16 << 20;
    if nix::sys::socket::setsockopt(&mine, nix::sys::socket::sockopt::RcvBufForce, &large).is_err() {
        rendezvous_model::size::left_out(
            "a receive buffer beyond net.core.rmem_max, which needs CAP_NET_ADMIN",
        );
        return;
    }
    let before = SockRef::from(&mine).recv_buffer_size().unwrap();
    let process = Process::start_with(activated("udp", socket.into(), None));
    assert_eq!(process.target().register().pulse(), 1020);
    assert_eq!(SockRef::from(&mine).recv_buffer_size().unwrap(), before);
}

#[test]
fn the_operators_socket_can_be_handed_in_too() {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = admin.local_addr().unwrap();
    let process = Process::start_with(activated("admin", admin.into(), None));
    assert_eq!(process.admin(), [address]);
    assert_eq!(process.target().register().pulse(), 1020);
}

#[test]
fn a_socket_of_no_use_is_named_in_one_line_and_nothing_is_served() {
    let udp = || UdpSocket::bind("127.0.0.1:0").unwrap().into();
    let tcp = || TcpListener::bind("127.0.0.1:0").unwrap().into();
    let connected: OwnedFd = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap().into()
    };
    let cases: [(&str, OwnedFd, &str); 8] = [
        ("udp", tcp(), "the one named udp: it is no bound UDP socket"),
        ("http", udp(), "the one named http: it is no listening TCP socket"),
        ("admin", connected, "the one named admin: it is no listening TCP socket"),
        ("http", UnixStream::pair().unwrap().0.into(), "the one named http: it is no listening TCP socket"),
        ("udp", UnixDatagram::unbound().unwrap().into(), "the one named udp: it is no bound UDP socket"),
        ("udp", File::open("/dev/null").unwrap().into(), "the one named udp: it is no bound UDP socket"),
        ("rendezvous.socket", udp(), "what is \"rendezvous.socket\" for?"),
        ("udp:http", udp(), "invalid LISTEN_FDNAMES"),
    ];
    for (names, socket, says) in cases {
        let mut command = activated(names, socket, None);
        command.args(["--udp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
        command.arg("--store=memory:");
        let output = run_to_end(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{names}: {error}");
        assert!(error.starts_with("rendezvous: cannot listen on the sockets that were handed in"), "{error}");
        assert!(error.contains(says) && error.lines().count() == 1, "{names}: {error}");
    }
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let mut start = command();
    start.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "udp");
    let process = Process::start_with(start);
    assert_eq!(process.target().register().pulse(), 1020);
}

/// The program, started with one or two sockets as file descriptors 3 and 4. A shell puts them there, as its standard input and
/// output.
fn activated(names: &str, first: OwnedFd, second: Option<OwnedFd>) -> Command {
    let count = 1 + usize::from(second.is_some());
    let mut command = Command::new("sh");
    // The shell becomes the program, and so keeps its process id.
    let script = "exec 3<&0 4>&1 </dev/null >/dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
    command.arg("-c").arg(script).arg(program());
    command.env("LISTEN_FDS", count.to_string()).env("LISTEN_FDNAMES", names);
    command.stdin(first).stdout(second.map_or_else(Stdio::null, Stdio::from));
    command
}

/// Whoever listens at the socket that servers tell how they are.
struct Supervisor(UnixDatagram);

impl Supervisor {
    fn new(directory: &Directory) -> Self {
        Self(UnixDatagram::bind(directory.path().join("notify")).unwrap())
    }

    /// The next message, if one comes in time.
    fn next(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut message = [0; 1024];
        match self.0.recv(&mut message) {
            Ok(count) => Some(String::from_utf8(message[..count].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next message with this line.
    fn wait_for(&self, line: &str) -> String {
        loop {
            let message = self.next(Duration::from_secs(10)).unwrap_or_else(|| panic!("no {line}"));
            if message.lines().any(|there| there == line) {
                return message;
            }
        }
    }

    /// Takes what has come so far.
    fn forget(&self) {
        while self.next(Duration::from_millis(1)).is_some() {}
    }
}
