//! The specification, statement by statement, against nodes that share a store: one, and three among which every client's calls are
//! spread.

use std::thread;

use rendezvous_tests::conformance::{self, Check, credentials, lifecycle, pulses, routes};
use rendezvous_tests::local::{LocalServer, SHORT_TIMING};
use rendezvous_tests::redis::{self, RedisCluster, RedisServer};
use rendezvous_tests::target::Target;

#[test]
fn one_node_on_a_server_conforms() {
    if redis::is_there() {
        conforms(&RedisServer::start().address(), 1);
    }
}

#[test]
fn three_nodes_on_a_server_conform() {
    if redis::is_there() {
        conforms(&RedisServer::start().address(), 3);
    }
}

#[test]
fn one_node_on_a_cluster_conforms() {
    if redis::is_there() {
        conforms(&RedisCluster::start().address(), 1);
    }
}

#[test]
fn three_nodes_on_a_cluster_conform() {
    if redis::is_there() {
        conforms(&RedisCluster::start().address(), 3);
    }
}

/// All checks of the suite. Those that do not wait for a deadline one after the other, with the timing of the specification, and those
/// that do side by side, with a short one: the two services share the store, and do not see each other.
fn conforms(store: &str, nodes: usize) {
    let at_once = [pulses::CHECKS, routes::CHECKS, credentials::CHECKS].concat();
    assert_eq!(at_once.len() + lifecycle::CHECKS.len(), conformance::all().count());
    let patient = service(store, nodes, "patient:", &[]);
    let hasty = service(store, nodes, "hasty:", &SHORT_TIMING);
    thread::scope(|scope| {
        for &check in lifecycle::CHECKS {
            let (name, _) = check;
            let hasty = &hasty;
            thread::Builder::new().name(name.into()).spawn_scoped(scope, move || run(check, hasty)).unwrap();
        }
        for check in at_once {
            run(check, &patient);
        }
    });
    for node in patient.iter().chain(&hasty) {
        let stats = node.node().stats().shared.expect("a shared store");
        assert_eq!((stats.failures, stats.damaged), (0, 0), "{stats:?}");
    }
}

fn service(store: &str, nodes: usize, prefix: &str, timing: &[&str]) -> Vec<LocalServer> {
    // Another service may keep the processor for a while, and that is no outage.
    let common =
        [format!("--store={store}"), format!("--store-prefix={prefix}"), "--store-timeout=2s".into()];
    let common: Vec<&str> = common.iter().map(String::as_str).chain(timing.iter().copied()).collect();
    let first = LocalServer::with(&common);
    let port = format!("--advertise-udp-port={}", first.target().udp().port());
    let others = (1..nodes).map(|_| LocalServer::with(&[&common[..], &[&port]].concat()));
    std::iter::once(first).chain(others).collect()
}

fn run(check: Check, nodes: &[LocalServer]) {
    let targets: Vec<&Target> = nodes.iter().map(LocalServer::target).collect();
    conformance::run(check, &Target::spread(&targets));
}
