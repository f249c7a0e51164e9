//! The operator's listener.

use std::net::SocketAddr;

use rendezvous_tests::process::Process;
use rendezvous_tests::target::Target;

use crate::directory::Directory;

const PAGE: &str = "<!doctype html><title>a page</title>";

#[test]
fn it_serves_the_page_that_it_is_given_and_nothing_beside_it() {
    let directory = Directory::new("simulator");
    directory.write("secret.txt", "not for anybody");
    std::fs::create_dir_all(directory.path().join("page/assets")).unwrap();
    directory.write("page/index.html", PAGE);
    directory.write("page/assets/module.wasm", "\0asm");
    let folder = directory.path().join("page");
    let process = Process::start(&[&format!("--simulator={}", folder.display())]);
    let admin = target(process.addresses("(admin)")[0]);

    let page = get(&admin, "/simulator/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with(PAGE), "{page}");
    for header in [
        "content-type: text/html",
        "content-security-policy: frame-ancestors 'none'",
        "x-frame-options: deny",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
    ] {
        assert!(page.to_lowercase().contains(header), "no {header} in {page}");
    }
    let module = get(&admin, "/simulator/assets/module.wasm");
    assert!(module.contains("content-type: application/wasm"), "browsers compile no other: {module}");
    let moved = get(&admin, "/simulator");
    assert!(moved.starts_with("HTTP/1.1 308 ") && moved.contains("location: /simulator/"), "{moved}");

    for path in [
        "/simulator/../secret.txt",
        "/simulator/%2e%2e/secret.txt",
        "/simulator/..%2fsecret.txt",
        "/simulator/none",
    ] {
        let answer = get(&admin, path);
        assert!(!answer.starts_with("HTTP/1.1 200 ") && !answer.contains("not for"), "{path}: {answer}");
    }
    let posted = admin.send_raw(
        b"POST /simulator/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    assert!(posted.contains("method_not_allowed") && posted.contains("allow: GET,HEAD"), "{posted}");
    let missing = get(&admin, "/simulator/none");
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("no_such_route"), "{missing}");
    assert!(get(&admin, "/register").starts_with("HTTP/1.1 404 "), "the clients' routes are elsewhere");

    let public = target(process.addresses("(http)")[0]);
    assert!(get(&public, "/simulator/").starts_with("HTTP/1.1 404 "), "and so is the page");
}

#[test]
fn without_a_page_there_is_none_and_it_says_so_as_a_problem() {
    let process = Process::start(&[]);
    let admin = process.addresses("(admin)");
    assert_eq!(admin.len(), 1);
    assert!(admin[0].ip().is_loopback());
    let answer = get(&target(admin[0]), "/simulator/");
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("no_such_route"), "{answer}");
}

fn target(address: SocketAddr) -> Target {
    Target::new(format!("http://{address}"), address)
}

fn get(target: &Target, path: &str) -> String {
    target.send_raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
}
