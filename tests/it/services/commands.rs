//! An operator moves from a file to a shared store, and back.

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::redis::{self, RedisCluster, RedisServer};
use ureq::http::Method;

fn store(arguments: &[&str]) -> Output {
    let mut command = command();
    command.arg("store").args(arguments);
    run_to_end(command)
}

fn done(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = store(arguments);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{arguments:?}: {stderr}");
    stdout + &stderr
}

fn fails(arguments: &[&str]) -> String {
    let output = store(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn clients_move_from_a_file_to_a_server_to_a_cluster_and_back() {
    if !redis::is_there() {
        return;
    }
    let (directory, server, cluster) =
        (Directory::new("shared-commands"), RedisServer::start(), RedisCluster::start());
    let [file, other_file] =
        ["a.redb", "b.redb"].map(|name| directory.path().join(name).display().to_string());
    let mut node = Process::start(&[&format!("--store=redb:{file}")]);
    let target = node.target().clone();
    let clients: Vec<_> = (0..40).map(|_| target.register()).collect();
    for client in &clients[..30] {
        assert_eq!(client.pulse(), 1020);
    }
    node.signal(Signal::SIGTERM);
    assert!(node.wait().success());
    let lines = directory.path().join("clients.jsonl").display().to_string();
    for (number, (from, to)) in [
        (&*file, &*server.address()),
        (&server.address(), &cluster.address()),
        (&cluster.address(), &other_file),
    ]
    .into_iter()
    .enumerate()
    {
        let lines = format!("{lines}{number}");
        let said = done(&["export", from, "--output", &lines]);
        assert!(said.contains("exported 40 clients, 30 of them with an address"), "{said}");
        assert!(done(&["import", to, "--input", &lines]).contains("imported 40 clients into"));
        let said = done(&["check", to]);
        assert!(said.contains("all of it is good: 40 clients, 30 of them with an address"), "{said}");
        assert!(fails(&["import", to, "--input", &lines]).contains("already"));
        // Whoever was a client before is one now, wherever that is.
        let name = if to == other_file { format!("--store=redb:{to}") } else { format!("--store={to}") };
        let node = Process::start(&[&name, "--store-timeout=2s"]);
        for client in &clients[..30] {
            let path = format!("/peer/{}/udp", client.id());
            let found = node.target().call(Method::GET, &path, &[&client.bearer()]);
            assert_eq!(found.socket_address(), client.socket.local_addr().unwrap());
            client.socket.connect(node.target().udp()).unwrap();
            assert_eq!(client.pulse(), 1020);
        }
        for client in &clients[30..] {
            node.target().call(Method::POST, "/verify", &[&client.bearer()]).assert_ok();
        }
    }
}

/// Another service in the same database is not touched, and not exported; nor is a client that is gone.
#[test]
fn an_export_has_the_live_clients_of_its_prefix() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let store_of = |prefix: &str| {
        let flags = [format!("--store={}", server.address()), format!("--store-prefix={prefix}")];
        let timing = ["--pulse-interval=300ms", "--pulse-grace=100ms", "--error-time=700ms"];
        Process::start(&flags.iter().map(String::as_str).chain(timing).collect::<Vec<_>>())
    };
    let (one, other) = (store_of("one*"), store_of("one"));
    let gone = one.target().register();
    std::thread::sleep(Duration::from_millis(1100));
    let (live, elsewhere) = (one.target().register(), other.target().register());
    let exported = done(&["export", &server.address(), "--store-prefix=one*"]);
    assert!(exported.contains(&live.id().to_string()), "{exported}");
    assert!(
        !exported.contains(&gone.id().to_string()) && !exported.contains(&elsewhere.id().to_string()),
        "{exported}"
    );
    assert!(exported.contains("exported 1 clients"), "{exported}");
}

/// A node would take those who come for clients that were silent.
#[test]
fn nothing_is_imported_into_a_store_that_nodes_use() {
    if !redis::is_there() {
        return;
    }
    let (directory, server) = (Directory::new("shared-import"), RedisServer::start());
    let line =
        r#"{"client_id":"00112233445566778899aabbccddeeff","address":null,"last_seen":1,"last_pulse":null}"#;
    let lines = directory.write("clients.jsonl", line).display().to_string();
    let node = Process::start(&[&format!("--store={}", server.address())]);
    assert!(fails(&["import", &server.address(), "--input", &lines]).contains("in use by another process"));
    assert!(done(&["check", &server.address()]).contains("0 clients"));
    node.kill();
}
