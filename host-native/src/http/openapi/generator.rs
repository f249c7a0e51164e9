//! Maker of the OpenAPI document, from the code that it describes: examples are bodies that the protocol printed, and errors are
//! all those that the protocol knows. A test compares the result with the kept file, so that each change of it is seen; no
//! server holds the maker.
//!
//! The protocol crate builds without std and knows nothing of OpenAPI, so `bodies` says once more what members its bodies have;
//! tests hold the one against the other.

use rendezvous_protocol::Rejection;
use serde_json::{Map, Value};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathsBuilder, Server};

use super::{CACHED, PATH};

mod bodies;
mod errors;
mod examples;
mod headers;
mod operations;
mod tests;

/// The name of the security scheme.
const KEY: &str = "private_key";

/// Description of pulses, and of what all routes have in common.
const DESCRIPTION: &str = include_str!("generator/description.md");

/// Text of the document, as it is kept and served.
fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("the document can be written as JSON");
    text.push('\n');
    text
}

/// The document.
fn document() -> Value {
    let license = LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build();
    let info = InfoBuilder::new()
        .title("Rendezvous")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{DESCRIPTION}{}", errors::table())))
        .license(Some(license));
    let paths = operations::all()
        .into_iter()
        .fold(PathsBuilder::new(), |paths, operation| paths.path(operation.path(), operation.item()));
    let tags = operations::Tag::ALL
        .map(|tag| TagBuilder::new().name(tag.name()).description(Some(tag.description())).build());
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("64 hex digits").description(
        Some("The `private_id` that `/register` told, in either case: exactly one `Authorization` header."),
    );
    let components = bodies::all()
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema))
        .security_scheme(KEY, SecurityScheme::Http(key.build()))
        .response("MethodNotAllowed", errors::response(&[Rejection::MethodNotAllowed]));
    let components = Rejection::ALL.into_iter().fold(components, |components, rejection| {
        components.example(rejection.code(), errors::example(rejection))
    });
    let document = OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths.build())
        .components(Some(components.build()));
    let mut document = serde_json::to_value(document.build()).expect("the document can be written as JSON");
    headers::say_which_are_always_there(&mut document);
    document
}

/// The members of an object.
fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}
