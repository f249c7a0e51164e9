//! The operator's listener.

use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::Process;

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
    let admin = process.operator();

    let page = admin.get_raw("/simulator/");
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
    let module = admin.get_raw("/simulator/assets/module.wasm");
    assert!(module.contains("content-type: application/wasm"), "browsers compile no other: {module}");
    let moved = admin.get_raw("/simulator");
    assert!(moved.starts_with("HTTP/1.1 308 ") && moved.contains("location: /simulator/"), "{moved}");

    for path in [
        "/simulator/../secret.txt",
        "/simulator/%2e%2e/secret.txt",
        "/simulator/..%2fsecret.txt",
        "/simulator/none",
    ] {
        let answer = admin.get_raw(path);
        assert!(!answer.starts_with("HTTP/1.1 200 ") && !answer.contains("not for"), "{path}: {answer}");
    }
    let posted = admin.send_raw(
        b"POST /simulator/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    assert!(posted.contains("method_not_allowed") && posted.contains("allow: GET,HEAD"), "{posted}");
    let missing = admin.get_raw("/simulator/none");
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("no_such_route"), "{missing}");
    assert!(admin.get_raw("/register").starts_with("HTTP/1.1 404 "), "the clients' routes are elsewhere");

    let public = process.target().get_raw("/simulator/");
    assert!(public.starts_with("HTTP/1.1 404 "), "and so is the page");
}
