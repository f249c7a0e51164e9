//! The description of the routes, as it is served.

use rendezvous_tests::process::Process;
use ureq::http::Method;

const KEPT: &str = include_str!("../../../host-native/openapi.json");

#[test]
fn clients_and_the_operator_can_read_it_and_only_read_it() {
    let process = Process::start(&[]);
    for (what, target) in [("http", process.target()), ("admin", &process.operator())] {
        let answer = target.get_raw("/openapi.json");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{what}: {head}");
        assert!(head.contains("content-type: application/json"), "{what}: {head}");
        assert!(head.contains("cache-control: public, max-age=300"), "{what}: {head}");
        assert_eq!(body, KEPT, "{what}");
        assert_eq!(target.call(Method::POST, "/openapi.json", &[]).status, 405, "{what}");
    }
}

#[test]
fn the_page_about_it_is_for_the_operator_and_runs_nothing_that_stands_in_it() {
    let process = Process::start(&[]);
    let admin = process.operator();
    let page = admin.get_raw("/docs/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("content-type: text/html"), "{page}");
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(page.contains(rule), "no {rule} in {page}");
    }
    assert!(
        !page.contains("unsafe-inline") && !page.contains("style=") && !page.contains("<style"),
        "{page}"
    );
    assert!(admin.get_raw("/docs").starts_with("HTTP/1.1 308 "), "its links are relative");
    assert!(process.target().get_raw("/docs/").starts_with("HTTP/1.1 404 "));
}
