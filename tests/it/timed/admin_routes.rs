//! What the operator's listener answers, beside the simulator page: health, version, figures, and to whom.

use std::thread;
use std::time::{Duration, Instant};

use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};
use rendezvous_tests::target::{Answer, Target};
use rendezvous_tests::timing::eventually;
use ureq::http::Method;

const PATIENCE: Duration = Duration::from_secs(20);

/// All that there is without a simulator page.
const PATHS: [&str; 11] = [
    "/",
    "/page/style.css",
    "/page/status.js",
    "/page/chart.js",
    "/page/table.js",
    "/page/figures.js",
    "/status.json",
    "/livez",
    "/readyz",
    "/version",
    "/metrics",
];

#[test]
fn everything_is_served_for_reading_only_and_never_kept_or_framed() {
    let server = LocalServer::with_default_timing();
    for path in PATHS {
        let answer = get(server.admin(), path);
        assert_eq!(answer.status, 200, "{path}");
        for (header, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        let head = server.admin().call(Method::HEAD, path, &[]);
        assert_eq!(
            (head.status, head.header("content-type")),
            (200, answer.header("content-type")),
            "{path}"
        );
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let refused = server.admin().call(method, path, &[]);
            refused.assert_problem(405, "method_not_allowed");
            assert_eq!(refused.header("allow"), Some("GET,HEAD"), "{path}");
        }
    }
    for path in ["/nothing", "/simulator/", "/status.json/", "/page/", "/page/../livez", "//"] {
        get(server.admin(), path).assert_problem(404, "no_such_route");
    }
}

/// What lets the page of another site read these: its name, pointed at this address.
#[test]
fn whoever_comes_by_a_name_is_refused_and_told_how_to_come() {
    let server = LocalServer::with_default_timing();
    let ask = |hosts: &str| {
        server
            .admin()
            .send_raw(format!("GET /status.json HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes())
    };
    for host in ["127.0.0.1:5026", "127.0.0.1", "[::1]:5026", "localhost:5026", "LOCALHOST", ""] {
        let answer = ask(&format!("Host: {host}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    for hosts in [
        "Host: rebound.example\r\n",
        "Host: rebound.example:5026\r\n",
        "Host: 127.0.0.1.rebound.example\r\n",
        "Host: localhost.rebound.example\r\n",
    ] {
        let answer = ask(hosts);
        assert!(answer.starts_with("HTTP/1.1 421 "), "{hosts}: {answer}");
        assert!(
            answer.contains("misdirected_request") && answer.contains("127.0.0.1, or localhost"),
            "{answer}"
        );
        assert!(!answer.contains("history"), "{answer}");
    }
    let two = ask("Host: 127.0.0.1\r\nHost: rebound.example\r\n");
    assert!(two.starts_with("HTTP/1.1 400 "), "{two}");
    let absolute =
        b"GET http://rebound.example/status.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let answer = server.admin().send_raw(absolute);
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[test]
fn a_server_that_is_about_to_stop_says_so_and_goes_on_answering() {
    let server = LocalServer::with_default_timing();
    assert_eq!((get(server.admin(), "/readyz").status, state(&server)), (200, "ready".into()));
    server.node().note_draining();
    get(server.admin(), "/readyz").assert_problem(503, "draining");
    assert_eq!(state(&server), "draining");
    assert_eq!(get(server.admin(), "/livez").status, 200, "it is no reason to kill it");
    assert_eq!(server.target().register().pulse(), 1020);
}

#[test]
fn a_store_that_cannot_be_written_makes_the_server_unready_until_it_can() {
    let disk = SimulatedDisk::default();
    let server = LocalServer::on(&disk);
    disk.set_capacity(Some(disk.taken()));
    let start = Instant::now();
    while server.target().call(Method::POST, "/register", &[]).status == 200 {
        assert!(start.elapsed() < PATIENCE, "the disk is never full");
    }
    get(server.admin(), "/readyz").assert_problem(503, "store_failing");
    assert_eq!(state(&server), "store_failing");
    assert_eq!(get(server.admin(), "/livez").status, 200);
    disk.set_capacity(None);
    eventually(PATIENCE, "a ready server", || get(server.admin(), "/readyz").status == 200);
    assert_eq!(state(&server), "ready");
}

#[test]
fn the_version_says_what_runs() {
    let server = LocalServer::with_default_timing();
    let version = get(server.admin(), "/version");
    assert_eq!(version.members(), ["profile", "protocol", "version"]);
    assert_eq!(version.json["version"], env!("CARGO_PKG_VERSION"));
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    assert_eq!(version.json["profile"], profile);
}

#[test]
fn the_figures_follow_the_clients() {
    let server = LocalServer::with(&SHORT_TIMING);
    let clients = || get(server.admin(), "/status.json").json["clients"].clone();
    let (first, second) = (server.target().register(), server.target().register());
    assert_eq!((first.pulse(), second.pulse()), (1020, 1020));
    assert_eq!(clients(), serde_json::json!({ "total": 2, "online": 2, "pending": 0 }));
    thread::sleep(first.late_after() + Duration::from_millis(50));
    assert_eq!(clients(), serde_json::json!({ "total": 2, "online": 0, "pending": 2 }));
    first.verify().assert_ok();
    assert_eq!(clients(), serde_json::json!({ "total": 2, "online": 1, "pending": 1 }));
    first.logout().assert_ok();
    thread::sleep(second.gone_after());
    assert_eq!(clients(), serde_json::json!({ "total": 0, "online": 0, "pending": 0 }));
}

#[test]
fn a_sample_of_the_history_comes_every_five_seconds() {
    let server = LocalServer::with_default_timing();
    let client = server.target().register();
    assert_eq!((client.pulse(), client.pulse()), (1020, 1020));
    client.address_of(client.id()).assert_ok();
    let start = Instant::now();
    let history = loop {
        let history = get(server.admin(), "/status.json").json["history"].clone();
        if history["age_ms"].as_array().unwrap().len() == 2 {
            break history;
        }
        assert!(start.elapsed() < PATIENCE, "{history}");
        thread::sleep(Duration::from_millis(100));
    };
    for (column, values) in
        [("online", [1, 1]), ("pending", [0, 0]), ("on_time", [2, 0]), ("lookups", [1, 0])]
    {
        assert_eq!(history[column], serde_json::json!(values), "{column}");
    }
    for span in history["span_ms"].as_array().unwrap() {
        assert!((5000..8000).contains(&span.as_u64().unwrap()), "{history}");
    }
}

fn get(admin: &Target, path: &str) -> Answer {
    admin.call(Method::GET, path, &[])
}

fn state(server: &LocalServer) -> String {
    get(server.admin(), "/status.json").json["state"].as_str().unwrap().to_owned()
}
