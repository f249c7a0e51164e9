//! That a client stays reachable: behind a NAT with the kernel's own timers, from another address, at another server, after a suspend, and
//! when somebody forges the server's answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_model::size::{Size, tell};
use rendezvous_protocol::{PulseCode, ReplyWidth};

use crate::net::{Internet, Nat};
use crate::peer::Peer;
use crate::server::Server;
use crate::shell::Namespace;
use crate::watcher::Watcher;

/// What each of these plays with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) internet: &'a Internet,
    pub(crate) program: &'a Path,
    /// For key files and stores.
    pub(crate) folder: &'a Path,
}

/// How soon a client must be back when nothing tells it that something changed: the longest from pulse to pulse, its repeats, and a little.
const BACK: Duration = Duration::from_secs(45);

type Outcome = Result<(), String>;

/// One mapping for minutes, behind a NAT that forgets in 30 s what had one exchange only.
pub(crate) fn mapping(stage: Stage<'_>) -> Outcome {
    let seconds = Size::get().pick("seconds for which a mapping is watched", 20, 180, 600);
    let (host, server) = stage.server("map", &[]);
    let place = stage.internet.place("mapped", Nat::PortRestricted);
    let timer = |name: &str| place.nats[0].sysctl(&format!("netfilter/nf_conntrack_udp_timeout{name}"), None);
    assert_eq!((timer("").as_str(), timer("_stream").as_str()), ("30", "120"), "the kernel's defaults");
    let watcher = Watcher::new(&host, &server);
    let client = stage.client(&place.host, server.url(), "mapped");
    let id = client.id()?;
    watcher.time_until("the mapped client is online", BACK, |watcher| watcher.address(&id).is_some())?;
    let first = watcher.address(&id);
    let begun = Instant::now();
    let mut samples = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        let (address, online) = (watcher.address(&id), watcher.is_online(&id));
        if address != first || !online {
            return Err(format!(
                "after {:?}: {first:?} became {address:?}, online {online}",
                begun.elapsed()
            ));
        }
        samples += 1;
        if samples % 30 == 0 {
            watcher.verify();
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let address = first.expect("it was there");
    tell(&format!("mapping: {address} for {seconds} s, ONLINE in all of {samples} samples"));
    Ok(())
}

/// Its own address changes, and then its NAT's.
pub(crate) fn addresses(stage: Stage<'_>) -> Outcome {
    let (host, server) = stage.server("addr", &[]);
    let watcher = Watcher::new(&host, &server);
    for (nat, name) in [(Nat::None, "own"), (Nat::PortRestricted, "its NAT's")] {
        let place = stage.internet.place(&format!("addr{}", nat as u8), nat);
        let client = stage.client(&place.host, server.url(), &format!("addr{}", nat as u8));
        let id = client.id()?;
        watcher.time_until("it is online", BACK, |watcher| watcher.address(&id).is_some())?;
        let (from, to) = (place.public, stage.internet.address());
        let router = place.nats.last().unwrap_or(&place.host);
        router.ip(&["addr", "del", &format!("{from}/16"), "dev", "wan"]);
        router.ip(&["addr", "add", &format!("{to}/16"), "dev", "wan"]);
        let is_there = |watcher: &Watcher<'_>| {
            watcher.address(&id).is_some_and(|address| address.ip() == to) && watcher.is_online(&id)
        };
        let took = watcher.time_until(name, BACK, is_there)?;
        client.wait_for(&["address_changed"], Duration::from_secs(5))?;
        tell(&format!(
            "another address, {name}: ONLINE there after {:.1} s, under its id",
            took.as_secs_f64()
        ));
    }
    Ok(())
}

/// The server is killed and restarted, and then moves to another address, which its name tells.
pub(crate) fn servers(stage: Stage<'_>) -> Outcome {
    let addresses = [stage.internet.address(), stage.internet.address()];
    let hosts = [0, 1].map(|at| stage.internet.host(&format!("moving{at}"), &[addresses[at]]));
    let store = format!("--store=redb:{}", stage.folder.join("moving.redb").display());
    let start = |at: usize| Server::start(&hosts[at], stage.program, addresses[at], &[&store]);
    let server = start(0);
    let place = stage.internet.place("follows", Nat::PortRestricted);
    let names = Names::new(&place.host, addresses[0]);
    let client = stage.client(&place.host, &format!("http://{}:5025", Names::NAME), "follows");
    let id = client.id()?;
    let online = |at: usize, server: &Server, what: &str| {
        Watcher::new(&hosts[at], server).time_until(what, BACK, |watcher| watcher.is_online(&id))
    };
    online(0, &server, "it is online")?;
    drop(server);
    let server = start(0);
    let took = online(0, &server, "after a restart")?;
    tell(&format!("server killed and restarted: ONLINE after {:.1} s, under its id", took.as_secs_f64()));
    drop(server);
    names.point_to(addresses[1]);
    let server = start(1);
    let took = online(1, &server, "after a move")?;
    tell(&format!("server moved, as its name tells: ONLINE after {:.1} s, under its id", took.as_secs_f64()));
    let events = client.events();
    let new_id = events.iter().any(|event| event["event"] == "re_registered");
    if new_id { Err(format!("it has another id: {events:?}")) } else { Ok(()) }
}

/// A laptop is closed for so long that the server forgets it.
pub(crate) fn suspend(stage: Stage<'_>) -> Outcome {
    let (seconds, flags): (u64, &[&str]) = if Size::get() == Size::Long {
        (300, &[])
    } else {
        tell(
            "reduced: a client is stopped for 6 s, at intervals of 1 s, instead of 300 s at 30 s (tests/run --long)",
        );
        (6, &["--pulse-interval=1s", "--pulse-grace=200ms", "--error-time=3s"])
    };
    let (host, server) = stage.server("susp", flags);
    let place = stage.internet.place("laptop", Nat::PortRestricted);
    let client = stage.client(&place.host, server.url(), "laptop");
    let old = client.id()?;
    client.wait_for(&["online"], BACK)?;
    client.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(seconds));
    client.signal(Signal::SIGCONT);
    let begun = Instant::now();
    let event = client.wait_for(&["re_registered"], BACK)?;
    let new = event["client_id"].as_str().unwrap_or_default();
    if event["lost"] != old.as_str() || new == old {
        return Err(format!("{event} after {old}"));
    }
    let watcher = Watcher::new(&host, &server);
    watcher.time_until("the new id", BACK, |watcher| watcher.is_online(new))?;
    tell(&format!(
        "stopped for {seconds} s: it says so, and is ONLINE under a new id {:.1} s after it goes on",
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Somebody sends 1060 and 1050 as if he were the server, thousands of them, while the server is slow.
pub(crate) fn forgery(stage: Stage<'_>) -> Outcome {
    let flags = ["--pulse-interval=2s", "--pulse-grace=1s", "--error-time=20s"];
    let (host, server) = stage.server("forged", &flags);
    let address = server.address();
    // He has the server's address for himself, and does not let the others' machines know it.
    let forger = stage.internet.host("forger", &[stage.internet.address()]);
    for (name, value) in [("arp_announce", "2"), ("arp_ignore", "1")] {
        for interface in ["all", "wan"] {
            forger.sysctl(&format!("ipv4/conf/{interface}/{name}"), Some(value));
        }
    }
    forger.ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"]);
    let watcher = Watcher::new(&host, &server);
    for nat in [Nat::None, Nat::PortRestricted] {
        let place = stage.internet.place(&format!("victim{}", nat as u8), nat);
        let client = stage.client(&place.host, server.url(), &format!("victim{}", nat as u8));
        let id = client.id()?;
        watcher.time_until("it is online", BACK, |watcher| watcher.address(&id).is_some())?;
        let victim = watcher.address(&id).expect("just now");
        // One that does not even look like the server's.
        let stranger = forger.socket((Ipv4Addr::UNSPECIFIED, 0).into());
        let spoofed = forger.socket((address, 5024).into());
        let sent = flood(&[stranger, spoofed], victim, &server);
        watcher.time_until("it is online after the flood", BACK, |watcher| watcher.is_online(&id))?;
        let events = client.events();
        let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        if count("re_registered") > 0 || count("reverified") == 0 {
            return Err(format!("{nat}: {events:?}"));
        }
        tell(&format!(
            "{sent} forged codes, {nat}: it asked the server {} times whether that was so, and kept its id",
            count("reverified")
        ));
    }
    Ok(())
}

fn flood(sockets: &[std::net::UdpSocket], victim: SocketAddr, server: &Server) -> u64 {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                for socket in sockets {
                    for code in [PulseCode::NotFound, PulseCode::Reverify] {
                        let _ = socket.send_to(code.encode(ReplyWidth::Two).as_bytes(), victim);
                        sent += 1;
                    }
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            sent
        });
        // While the server does not answer, a pulse waits for its answer, and takes what comes first.
        for _ in 0..3 {
            server.signal(Signal::SIGSTOP);
            std::thread::sleep(Duration::from_millis(1_900));
            server.signal(Signal::SIGCONT);
            std::thread::sleep(Duration::from_millis(1_500));
        }
        over.store(true, Ordering::Relaxed);
        sending.join().expect("no panic")
    })
}

impl Stage<'_> {
    /// A server of its own, so that these can be played side by side.
    fn server(&self, name: &str, flags: &[&str]) -> (Namespace, Server) {
        let address = self.internet.address();
        let host = self.internet.host(&format!("{name}s"), &[address]);
        let server = Server::start(&host, self.program, address, flags);
        (host, server)
    }

    fn client(&self, host: &Namespace, server: &str, name: &str) -> Peer {
        let key: PathBuf = self.folder.join(format!("{name}.key"));
        Peer::stay(host, self.program, &["--server", server, "--key-file", &key.to_string_lossy()])
    }
}

/// What a namespace takes for its hosts file.
struct Names(PathBuf);

impl Names {
    const NAME: &'static str = "rendezvous.test";

    /// Must be made before the program is started that is to see it.
    fn new(namespace: &Namespace, address: Ipv4Addr) -> Self {
        let folder = Path::new("/etc/netns").join(namespace.name());
        std::fs::create_dir_all(&folder).expect("root may");
        let names = Self(folder);
        names.point_to(address);
        names
    }

    fn point_to(&self, address: Ipv4Addr) {
        // Written in place: the program sees this very file.
        std::fs::write(self.0.join("hosts"), format!("{address} {}\n", Self::NAME)).expect("root may");
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        // If it is empty, it was made for this.
        let _ = std::fs::remove_dir("/etc/netns");
    }
}
