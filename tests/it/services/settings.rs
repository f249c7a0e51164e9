//! What can be wrong with a store at the start, and who may use it.

use std::net::TcpListener;

use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::redis::{self, RedisServer};

use crate::tls_client::{Authority, Files};

/// What the program says that does not start.
fn refusal(flags: &[&str]) -> String {
    let mut command = command();
    command.args(["--udp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
    command.args(flags);
    let output = run_to_end(command);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_store_that_may_evict_is_refused_with_what_to_set() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let says = refusal(&[&format!("--store={}", server.address())]);
    assert!(says.contains("allkeys-lru") && says.contains("set maxmemory-policy noeviction"), "{says}");
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let says = refusal(&["--store=redis://127.0.0.1:1"]);
    assert!(says.contains("the store at 127.0.0.1:1 cannot be used"), "{says}");
}

#[test]
fn a_single_server_is_no_cluster() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let says = refusal(&[&format!("--store=redis+cluster://127.0.0.1:{}", server.port())]);
    assert!(says.contains("cluster"), "{says}");
}

/// Over TLS, with an authority of one's own: it is named as for other programs, in the environment.
#[test]
fn over_tls_only_a_store_with_a_certificate_to_be_trusted_is_used() {
    if !redis::is_there() {
        return;
    }
    let directory = Directory::new("store-tls");
    let authority = Authority::new();
    let Files { cert, key } = Files::write(&directory, &authority.certify(1));
    let ca = directory.write("ca.pem", authority.pem());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let [cert, key, ca] = [cert, key, ca].map(|path| path.display().to_string());
    let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let _server =
        RedisServer::with(&[&["--tls-port", &port, "--tls-auth-clients", "no"], &files[..]].concat());
    let store = format!("--store=rediss://localhost:{port}");
    let mut trusting = command();
    // The machine may be busy, and how long a handshake takes is not what is tested.
    trusting.env("SSL_CERT_FILE", &ca).args([&store, "--store-timeout=10s"]);
    let node = Process::start_with(trusting);
    let client = node.target().register();
    assert_eq!(client.pulse(), 1020);
    client.status_of(client.id()).assert_ok();
    let says = refusal(&[&store, "--store-timeout=10s"]);
    assert!(says.contains("cannot be used") && says.contains("certificate"), "{says}");
}

/// A user of its own, with a password from a file or the environment and the rights that the README names, is enough.
#[test]
fn a_user_with_the_rights_that_the_readme_names_is_enough() {
    if !redis::is_there() {
        return;
    }
    let readme = include_str!("../../../README.md");
    let acl = readme.lines().find(|line| line.contains("ACL SETUSER")).expect("the README has the command");
    let acl = acl.split("ACL SETUSER ").nth(1).unwrap().replace("PASSWORD", "s3cret-of-the-store");
    let server = RedisServer::start();
    let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(acl.split_whitespace()).collect();
    assert!(server.cli(&words).contains("OK"), "{acl}");
    assert!(server.cli(&["ACL", "SETUSER", "default", "off"]).contains("OK"));
    let store = format!("--store={}", server.address());
    assert!(refusal(&[&store]).contains("cannot be used"), "without a password");
    let directory = Directory::new("store-password");
    let file = directory.write("password", "s3cret-of-the-store\n");
    let flags = [&*store, "--store-user=rendezvous", &format!("--store-password-file={}", file.display())];
    let from_file = Process::start(&flags);
    let mut command = command();
    command.env("RENDEZVOUS_STORE_PASSWORD", "s3cret-of-the-store").args(&flags[..2]);
    let from_environment = Process::start_with(command);
    let client = from_file.target().register();
    assert_eq!(client.pulse(), 1020);
    let pulsed = client.pulse_from(&from_environment.target().socket());
    assert_eq!(pulsed, 1020);
    client.logout().assert_ok();
    for process in [&from_file, &from_environment] {
        assert!(!format!("{:?}", process.log()).contains("s3cret"), "a password in the log");
    }
    let exported = {
        let mut command = rendezvous_tests::process::command();
        command.args(["store", "export", &server.address(), "--store-user=rendezvous"]);
        command.arg(format!("--store-password-file={}", file.display()));
        run_to_end(command)
    };
    assert!(exported.status.success(), "{exported:?}");
}
