//! The defects of the original program, each as a test that it would fail. Their names say what it did.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rendezvous_native::Node;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::timing::eventually;
use ureq::http::Method;

use crate::stored::settings;

/// It forgot the clients and kept their keys: the memory grew, and the next pulse of one of them ended the thread.
#[test]
fn original_the_keys_of_the_gone_were_kept_and_their_next_pulse_was_fatal() {
    let server = LocalServer::with(&SHORT_TIMING);
    let clients: Vec<_> = (0..50).map(|_| server.target().register()).collect();
    assert_eq!(server.node().stats().counters.registered, 50);
    eventually(Duration::from_secs(20), "no record left", || server.node().stats().records == 0);
    for client in &clients {
        assert_eq!(client.pulse(), 1060);
        client.verify().assert_problem(401, "unknown_client");
    }
    let stats = server.node().stats();
    assert_eq!((stats.records, stats.deadlines), (0, 0), "and asking leaves nothing behind");
    assert_eq!(server.target().register().pulse(), 1020);
}

/// Its route took both methods.
#[test]
fn original_a_get_registered_a_client() {
    let server = LocalServer::with_default_timing();
    for method in [Method::GET, Method::HEAD] {
        for path in ["/register", "/register?method=POST"] {
            assert_eq!(server.target().call(method.clone(), path, &[]).status, 405, "{method} {path}");
        }
    }
    assert_eq!(server.node().stats().counters.registered, 0);
}

/// It ran with its web framework's debugger, on all interfaces: whoever made it fail could run code on it.
#[test]
fn original_a_debugger_was_served_to_everybody() {
    assert!(settings(&[]).admin_listen.iter().all(|address| address.ip().is_loopback()), "unless asked for");
    let process = Process::start(&[]);
    let public = process.target().clone();
    let admin = process.operator();
    for path in [
        "/console",
        "/debug",
        "/debug/pprof/",
        "/__debugger__",
        "/?__debugger__=yes&cmd=resource&f=debugger.js",
        "/?__debugger__=yes&cmd=paste",
        "/.git/config",
        "/env",
        "/actuator",
        "/tasks",
        "/trace",
    ] {
        for target in [&public, &admin] {
            for method in [Method::GET, Method::POST] {
                let answer = target.call(method.clone(), path, &[]);
                // The operator may have a page of his own at `/`; no query turns it into another.
                let page = path.starts_with("/?") && target.http() == admin.http();
                assert!(matches!(answer.status, 404 | 405) || page, "{method} {path}: {answer}");
            }
        }
    }
    for path in ["/", "/metrics", "/status.json", "/livez", "/readyz", "/simulator/"] {
        public.call(Method::GET, path, &[]).assert_problem(404, "no_such_route");
    }
    // What is wrong is told, and where in the program that is, is not.
    let client = public.register();
    for bytes in [
        format!(
            "GET /peer/%ff/udp HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
            client.bearer()
        ),
        "GET /peer/{{7*7}}/udp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "POST /verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \u{1}\r\n\r\n".into(),
    ] {
        let answer = public.send_raw(bytes.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        for trace in ["Traceback", "panicked", ".rs", "/src/", "stack"] {
            assert!(!answer.contains(trace), "{answer}");
        }
    }
}

/// Its loader of YAML made any object, and so ran any code, that the file named.
#[test]
fn original_the_configuration_could_run_code() {
    let directory = Directory::new("original-configuration");
    let trap = directory.path().join("executed");
    let name = trap.display();
    for (file, text) in [
        ("a.yaml", format!("!!python/object/apply:os.system [\"touch {name}\"]\n")),
        ("b.yaml", format!("http:\n  port: !!python/object/new:os.system [touch {name}]\n")),
        ("c.yml", format!("pulse-interval: \"`touch {name}`\"\n")),
        ("d.toml", format!("pulse-interval = \"$(touch {name})\"\n")),
        ("e.toml", format!("store = \"redb:{name}\"\nrun = \"touch {name}\"\n")),
        ("f.toml", "debug = true\n".into()),
    ] {
        let path = directory.write(file, &text);
        let mut command = command();
        command.arg("--config").arg(&path);
        let output = run_to_end(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{file}: {error}");
        assert_eq!(error.lines().count(), 1, "{file}: {error}");
        assert!(error.contains(file), "{file}: {error}");
        assert!(!trap.exists(), "{file} was obeyed");
    }
}

/// Its documents named one port for the pulses and its code another.
#[test]
fn original_the_documents_named_another_port_than_the_code() {
    let settings = settings(&[]);
    let (udp, http) = (settings.udp_listen[0].port(), settings.http_listen[0].port());
    let node = Node::open(&settings, udp).unwrap();
    let told = serde_json::to_value(node.register().unwrap().wait().unwrap()).unwrap();
    assert_eq!((udp, http, told["udp_port"].as_u64()), (5024, 5025, Some(5024)));

    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let ports = |before: &str| -> Vec<u16> {
        let found: Vec<_> = readme.split(before).skip(1).map(number_at_the_start).collect();
        assert!(!found.is_empty(), "no {before:?} in the README");
        found
    };
    for (before, port) in [
        ("### Pulses: UDP, port ", udp),
        ("### Requests: HTTP/1.1, port ", http),
        ("| `--udp-listen ADDRESS:PORT` | `0.0.0.0:", udp),
        ("| `--http-listen ADDRESS:PORT` | `0.0.0.0:", http),
        ("| `--admin-listen ADDRESS:PORT` | `127.0.0.1:", settings.admin_listen[0].port()),
        ("(\"127.0.0.1\", ", udp),
    ] {
        assert!(ports(before).iter().all(|&found| found == port), "{before}");
    }
}

/// The number that a text begins with; 0 if it begins with none.
fn number_at_the_start(text: &str) -> u16 {
    let digits = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or(0)
}
