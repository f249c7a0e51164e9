//! Lookups that come too fast.

use rendezvous_tests::process::Process;
use ureq::http::Method;

#[test]
fn lookups_of_one_client_are_limited() {
    let process = Process::start(&["--limit-lookups=1/m burst 5"]);
    let target = process.target();
    let (client, other) = (target.register(), target.register());
    for lookup in 0..5 {
        let answer =
            if lookup % 2 == 0 { client.status_of(other.id()) } else { client.address_of(other.id()) };
        assert_ne!(answer.status, 429, "lookup {lookup}: {answer}");
    }
    for answer in [client.status_of(other.id()), client.address_of(other.id())] {
        answer.assert_problem(429, "rate_limited");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((50..=60).contains(&wait), "{wait}");
    }
    // What is no lookup is not limited, and neither is anybody else.
    client.verify().assert_ok();
    assert_eq!(client.pulse(), 1020);
    other.status_of(client.id()).assert_ok();

    // First what can be said without knowing anybody, then the limit, then whether the server knows the caller.
    let path = format!("/peer/{}/udp", other.id());
    let call = |headers: &[&str]| target.call(Method::GET, &path, headers);
    call(&[]).assert_problem(401, "missing_credentials");
    call(&["Bearer 12"]).assert_problem(401, "malformed_credentials");
    let bearer = client.bearer();
    target.call(Method::GET, "/peer/12/udp", &[&bearer]).assert_problem(429, "rate_limited");
    let stranger = format!("Bearer {}", "ab".repeat(32));
    for _ in 0..5 {
        call(&[&stranger]).assert_problem(401, "unknown_client");
    }
    call(&[&stranger]).assert_problem(429, "rate_limited");
    client.logout().assert_ok();
    client.status_of(other.id()).assert_problem(429, "rate_limited");
}
