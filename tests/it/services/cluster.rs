//! A cluster of three primaries, each with a replica: one is killed, and slots move.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rendezvous_model::size::tell;
use rendezvous_native::settings::DEFAULT_STORE_PREFIX;
use rendezvous_native::shared::SharedContents;
use rendezvous_protocol::http::RegisterBody;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::pulsing::{Answers, Pulsing, key, lines};
use rendezvous_tests::redis::{self, RedisCluster, RedisServer};
use rendezvous_tests::target::bearer;
use rendezvous_tests::timing::exclusive;
use ureq::http::Method;

use super::options;

const CLIENTS: u64 = 5_000;

#[test]
fn a_primary_is_killed_and_no_acknowledged_registration_is_lost_with_a_replica() {
    if redis::is_there() {
        let (answers, acknowledged, lost) = kill_a_primary(1);
        tell(&told("with --store-replicas=1", &answers, acknowledged, lost));
        assert_eq!(lost, 0, "of {acknowledged}");
    }
}

/// How many are lost then is the store's affair: it is told, not judged.
#[test]
fn a_primary_is_killed_and_pulses_recover_without_waiting_for_replicas_too() {
    if redis::is_there() {
        let (answers, acknowledged, lost) = kill_a_primary(0);
        tell(&told("without replicas to wait for", &answers, acknowledged, lost));
    }
}

fn told(how: &str, answers: &Answers, acknowledged: usize, lost: usize) -> String {
    let Answers { sent, on_time, late, unknown, longest_silence, .. } = answers;
    format!(
        "a primary killed {how}: {sent} pulses, {on_time} on time, {late} late, {unknown} unknown, silent for {} ms at most; {lost} of \
         {acknowledged} acknowledged registrations lost",
        longest_silence.as_millis()
    )
}

fn kill_a_primary(replicas: u32) -> (Answers, usize, usize) {
    let _exclusive = exclusive();
    let mut cluster = RedisCluster::with_node_timeout(1000);
    let keys: Vec<_> = (0..CLIENTS).map(key).collect();
    import(&cluster.address(), &keys);
    let store = [format!("--store={}", cluster.address()), format!("--store-replicas={replicas}")];
    // Whoever pulses every second would be late after the outage if that counted against clients.
    let timing = ["--pulse-interval=2s", "--pulse-grace=2s", "--error-time=60s", "--store-timeout=1s"];
    let store: Vec<&str> = store.iter().map(String::as_str).chain(timing).collect();
    let nodes = [LocalServer::with(&store), LocalServer::with(&store)];
    let pulsing = Pulsing::start(&nodes.each_ref().map(|node| node.target().udp()), &keys, 5_000);
    let mut registered: Vec<RegisterBody> = vec![];
    let (began, mut killed) = (Instant::now(), false);
    while began.elapsed() < Duration::from_secs(12) {
        if !killed && began.elapsed() > Duration::from_secs(2) {
            cluster.servers[0].kill();
            killed = true;
        }
        let node = &nodes[registered.len() % 2];
        let answer = node.target().call(Method::POST, "/register", &[]);
        if answer.status == 200 {
            registered.push(serde_json::from_value(answer.json).unwrap());
        } else {
            answer.assert_problem(503, "unavailable");
        }
    }
    let answers = pulsing.stop();
    assert_eq!((answers.unknown, answers.late, answers.still_silent), (0, 0, 0), "{answers:?}");
    assert!(answers.on_time * 10 > answers.sent * 6, "{answers:?}");
    assert!(answers.longest_silence < Duration::from_secs(10), "{answers:?}");
    let known = |client: &&RegisterBody| {
        let bearer = bearer(client.private_id.reveal());
        // A machine that is busy for longer than the store may take is asked again.
        let ask = || nodes[0].target().call(Method::POST, "/verify", &[&bearer]).status;
        let status = (0..20).map(|_| ask()).find(|&status| status != 503).expect("the store is back");
        assert!([200, 401].contains(&status), "{status}");
        status == 200
    };
    let lost = registered.len() - registered.iter().filter(known).count();
    assert!(registered.len() > 20, "{} registrations", registered.len());
    (answers, registered.len(), lost)
}

/// Of a server that was reset, or made anew, nobody learns where the clients are: others are asked.
#[test]
fn a_server_that_knows_of_no_cluster_is_not_believed() {
    if !redis::is_there() {
        return;
    }
    let cluster = RedisCluster::start();
    let fresh = RedisServer::with(&["--save", "", "--cluster-enabled", "yes"]);
    let others = cluster.address().replace("redis+cluster://", "");
    let store = format!("--store=redis+cluster://127.0.0.1:{},{others}", fresh.port());
    let node = LocalServer::with(&[&store, "--store-timeout=2s"]);
    let clients: Vec<_> = (0..20).map(|_| node.target().register()).collect();
    for client in &clients {
        assert_eq!(client.pulse(), 1020);
    }
    assert_eq!(fresh.cli(&["DBSIZE"]).trim(), "0");
}

/// A third of a primary's slots move to another one, key by key, while their clients pulse.
#[test]
fn slots_move_and_no_pulse_is_answered_wrongly() {
    if !redis::is_there() {
        return;
    }
    let _exclusive = exclusive();
    let cluster = RedisCluster::start();
    let keys: Vec<_> = (0..CLIENTS).map(key).collect();
    import(&cluster.address(), &keys);
    let node = LocalServer::with(&[&format!("--store={}", cluster.address()), "--store-timeout=2s"]);
    let pulsing = Pulsing::start(&[node.target().udp()], &keys, 2_000);
    thread::sleep(Duration::from_millis(500));
    let [from, to] = [0, 1].map(|server: usize| cluster.servers[server].cli(&["CLUSTER", "MYID"]));
    let mut reshard = Command::new("redis-cli");
    reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{}", cluster.servers[0].port())]);
    reshard.args([
        "--cluster-from",
        from.trim(),
        "--cluster-to",
        to.trim(),
        "--cluster-slots",
        "2000",
        "--cluster-yes",
    ]);
    let output = reshard.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    thread::sleep(Duration::from_millis(1500));
    let answers = pulsing.stop();
    let stats = node.node().stats().shared.unwrap();
    tell(&format!("2000 slots moved: {answers:?}, {} redirections", stats.redirects));
    assert_eq!((answers.unknown, answers.late, answers.still_silent), (0, 0, 0), "{answers:?}");
    assert!(answers.sent - answers.on_time <= answers.sent / 100, "{answers:?}");
    assert!(stats.redirects > 0 && stats.damaged == 0, "{stats:?}");
}

fn import(store: &str, keys: &[[u8; 32]]) {
    let options = options(store, DEFAULT_STORE_PREFIX, 1, Duration::from_secs(10));
    let imported =
        SharedContents::open(options).unwrap().import(&mut lines(keys).as_bytes(), &mut |_| {}).unwrap();
    assert_eq!(imported, keys.len() as u64);
}
