//! The description of the routes, as it is served.

use std::net::SocketAddr;

use rendezvous_tests::process::Process;
use rendezvous_tests::target::Target;

const KEPT: &str = include_str!("../../host-native/openapi.json");

#[test]
fn clients_and_the_operator_can_read_it_and_only_read_it() {
    let process = Process::start(&[]);
    for what in ["(http)", "(admin)"] {
        let address = process.addresses(what)[0];
        let answer = ask(address, "GET", "/openapi.json");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{what}: {head}");
        assert!(head.contains("content-type: application/json"), "{what}: {head}");
        assert!(head.contains("cache-control: public, max-age=300"), "{what}: {head}");
        assert_eq!(body, KEPT, "{what}");
        assert!(ask(address, "POST", "/openapi.json").starts_with("HTTP/1.1 405 "), "{what}");
    }
}

#[test]
fn the_page_about_it_is_for_the_operator_and_runs_nothing_that_stands_in_it() {
    let process = Process::start(&[]);
    let admin = process.addresses("(admin)")[0];
    let page = ask(admin, "GET", "/docs/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("content-type: text/html"), "{page}");
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(page.contains(rule), "no {rule} in {page}");
    }
    assert!(
        !page.contains("unsafe-inline") && !page.contains("style=") && !page.contains("<style"),
        "{page}"
    );
    assert!(ask(admin, "GET", "/docs").starts_with("HTTP/1.1 308 "), "its links are relative");
    assert!(ask(process.addresses("(http)")[0], "GET", "/docs/").starts_with("HTTP/1.1 404 "));
}

fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    let target = Target::new(format!("http://{address}"), address);
    target.send_raw(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        .as_bytes(),
    )
}
