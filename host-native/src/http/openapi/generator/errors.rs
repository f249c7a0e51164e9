//! Errors: whatever the protocol knows, as answers and as a table.

use std::fmt::Write;

use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::{PROBLEM_CONTENT_TYPE, Problem};
use serde_json::Value;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::AllOfBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::{bodies, headers};

/// All errors, as Markdown.
pub(super) fn table() -> String {
    let mut table = String::from("| status | `code` | what |\n|---|---|---|\n");
    let mut rejections = Rejection::ALL;
    rejections.sort_by_key(|rejection| rejection.status());
    for rejection in rejections {
        let Problem { status, code, detail, .. } = Problem::of(rejection);
        let _ = writeln!(table, "| {status} | `{code}` | {detail} |");
    }
    table
}

/// An error as it is printed.
pub(super) fn example(rejection: Rejection) -> Example {
    let problem = Problem::of(rejection);
    let value: Value = serde_json::to_value(&problem).expect("a problem can be written as JSON");
    ExampleBuilder::new().summary(problem.detail).value(Some(value)).build()
}

/// The answer that is one of these errors, which have one status.
pub(super) fn response(rejections: &[Rejection]) -> Response {
    let problem =
        AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(bodies::some_problems(rejections));
    let examples = rejections.iter().map(|rejection| {
        let code = rejection.code();
        (code, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{code}"))))
    });
    let content = ContentBuilder::new().schema(Some(problem)).examples_from_iter(examples).build();
    let details: Vec<_> = rejections
        .iter()
        .map(|&rejection| {
            let problem = Problem::of(rejection);
            format!("`{}`: {}", problem.code, problem.detail)
        })
        .collect();
    let response = ResponseBuilder::new()
        .description(details.join("\n\n"))
        .content(PROBLEM_CONTENT_TYPE, content)
        .header("Cache-Control", headers::no_store());
    with_headers(response, rejections).build()
}

/// The headers that some errors have.
fn with_headers(mut response: ResponseBuilder, rejections: &[Rejection]) -> ResponseBuilder {
    let challenges: Vec<_> = rejections.iter().filter_map(|rejection| rejection.www_authenticate()).collect();
    if let Some(challenge) = challenges.first() {
        response = response.header("WWW-Authenticate", headers::challenge(&[challenge]));
    }
    let waits = rejections.iter().filter(|rejection| rejection.retry_after().is_some()).count();
    if waits > 0 {
        response = response.header("Retry-After", headers::retry_after(waits == rejections.len()));
    }
    if rejections.contains(&Rejection::MethodNotAllowed) {
        response = response.header("Allow", headers::allow());
    }
    response
}
