//! The headers of answers.

use serde_json::Value;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::{CACHED, members};

/// What marks a header that is always there, until `required` takes its place: the library has no name for that.
const ALWAYS: &str = "x-always";

/// `Cache-Control` of every answer but the document.
pub(super) fn no_store() -> Header {
    one_of(&["no-store"], "Every answer is true only now, and some hold a key: none may be kept.")
}

/// `Cache-Control` of the document.
pub(super) fn public() -> Header {
    one_of(&[CACHED], "The document changes only with the server's version.")
}

/// `WWW-Authenticate` of these values.
pub(super) fn challenge(values: &[&str]) -> Header {
    one_of(values, "What credentials are wanted (RFC 9110, section 11.6.1).")
}

/// `Allow`, which lists methods.
pub(super) fn allow() -> Header {
    always(string().pattern(Some("^[A-Z]+(, ?[A-Z]+)*$")).build(), "The methods that the route takes.")
}

/// `Retry-After`. With `always` false, only some of the errors of this status have it.
pub(super) fn retry_after(is_always: bool) -> Header {
    // Digits, not an integer: a header is text.
    let schema = string().pattern(Some("^[0-9]+$")).build();
    let description = "After how many seconds to try again.";
    if is_always {
        return always(schema, description);
    }
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// Writes `required` into the headers that are always there.
pub(super) fn say_which_are_always_there(document: &mut Value) {
    let [paths, components] = ["paths", "components"].map(|part| document[part].take());
    let [mut paths, mut components] = [paths, components];
    for operation in members(&mut paths).flat_map(members) {
        members(&mut operation["responses"]).for_each(of_response);
    }
    members(&mut components["responses"]).for_each(of_response);
    document["paths"] = paths;
    document["components"] = components;
}

fn of_response(response: &mut Value) {
    for header in members(&mut response["headers"]) {
        if let Some(header) = header.as_object_mut()
            && let Some(is_always) = header.remove(ALWAYS)
        {
            header.insert("required".into(), is_always);
        }
    }
}

fn one_of(values: &[&str], description: &str) -> Header {
    always(string().enum_values(Some(values.iter().copied())).build(), description)
}

fn always(schema: Object, description: &str) -> Header {
    let mark = ExtensionsBuilder::new().add(ALWAYS, true).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).extensions(Some(mark)).build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
