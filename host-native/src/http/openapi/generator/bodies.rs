//! What the bodies of answers look like.

use rendezvous_protocol::Rejection;
use serde_json::Value;
use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

/// A client id as the server prints it.
const PRINTED_ID: &str = "^[0-9a-f]{32}$";
/// A client id as it may stand in a path.
const PATH_ID: &str = "^[0-9a-fA-F]{32}$";
/// A key as the server prints it.
const PRINTED_KEY: &str = "^[0-9a-f]{64}$";

/// All of them by name.
pub(super) fn all() -> Vec<(&'static str, Schema)> {
    [
        ("RegisterBody", register()),
        ("VerifyBody", verify()),
        ("LogoutBody", logout()),
        ("PeerAddressBody", peer_address()),
        ("PeerStatusBody", peer_status()),
        ("Problem", problem()),
        ("Description", description()),
    ]
    .map(|(name, body)| (name, body.into()))
    .into()
}

/// The `client_id` of a path.
pub(super) fn path_id() -> Object {
    string(PATH_ID).build()
}

/// Some of the errors: what their `status` and `code` may be.
pub(super) fn some_problems(rejections: &[Rejection]) -> Object {
    ObjectBuilder::new().property("status", statuses(rejections)).property("code", codes(rejections)).build()
}

fn register() -> Object {
    body("The answer to `POST /register`: the only one that holds a key.")
        .with("client_id", id("The new client's public id."))
        .with("private_id", text(PRINTED_KEY, "The new client's key: a secret."))
        .with("timestamp", timestamp())
        .with("ok", ok(true))
        .with("udp_port", port("Where to send pulses; the host is this server's."))
        .with("pulse_interval", seconds("How often to pulse, in seconds.").exclusive_minimum(Some(0_u32)))
        .with("pulse_grace", seconds("What a pulse may be late by, in seconds.").minimum(Some(0_u32)))
        .with(
            "error_time",
            seconds("How long after a missed interval the server forgets the client, in seconds.")
                .exclusive_minimum(Some(0_u32)),
        )
        .build()
}

fn verify() -> Object {
    body("The answer to `POST /verify`.")
        .with("client_id", id("Who asked."))
        .with("timestamp", timestamp())
        .with("ok", ok(true))
        .build()
}

fn logout() -> Object {
    body("The answer to `POST /logout`.").with("client_id", id("Who asked.")).with("ok", ok(true)).build()
}

fn peer_address() -> Object {
    body("The answer to `GET /peer/{client_id}/udp`.")
        .with("client_id", id("The peer."))
        .with(
            "host",
            AnyOfBuilder::new()
                .description(Some("Its public address: a dotted quad for IPv4, RFC 5952 text for IPv6."))
                .item(of_format(KnownFormat::Ipv4))
                .item(of_format(KnownFormat::Ipv6)),
        )
        .with("port", port("Its public port."))
        .with("timestamp", timestamp())
        .with("ok", ok(true))
        .with(
            "last_online",
            last_online(
                "Whole seconds since its latest accepted pulse, rounded down; `null` after a restart of the server, \
                 until the next.",
            ),
        )
        .build()
}

fn peer_status() -> Object {
    body("The answer to `GET /peer/{client_id}/udp/status`.")
        .with("client_id", id("The peer."))
        .with(
            "status",
            described("`ONLINE` if it was heard within interval and grace, else `PENDING`.")
                .schema_type(Type::String)
                .enum_values(Some(["ONLINE", "PENDING"])),
        )
        .with(
            "last_online",
            last_online(
                "Whole seconds since its latest accepted pulse, rounded down; `null` before the first, and after a restart \
                 of the server until the next.",
            ),
        )
        .with("timestamp", timestamp())
        .with("ok", ok(true))
        .build()
}

fn problem() -> Object {
    body("The body of every error (RFC 9457).")
        .with(
            "type",
            described("Always `about:blank`: `code` says what went wrong.")
                .schema_type(Type::String)
                .enum_values(Some(["about:blank"])),
        )
        .with("title", described("The phrase of the status.").schema_type(Type::String))
        .with("status", statuses(&Rejection::ALL).description(Some("The HTTP status.")))
        .with("detail", described("What went wrong and what to do, for a person.").schema_type(Type::String))
        .with(
            "code",
            codes(&Rejection::ALL)
                .description(Some("What went wrong, for a program. It stays the same over versions.")),
        )
        .with("ok", ok(false))
        .build()
}

/// This very document, roughly: what is in it is for the specification of OpenAPI to say.
fn description() -> Object {
    body("This document.")
        .with("openapi", text(r"^3\.1\.", "The version of OpenAPI."))
        .with("info", described("What this is.").schema_type(Type::Object))
        .with("paths", described("The routes.").schema_type(Type::Object))
        .build()
}

/// A body with members, none of which is ever left out.
struct Members(ObjectBuilder);

impl Members {
    fn with(self, name: &str, schema: impl Into<Schema>) -> Self {
        Self(self.0.property(name, schema.into()).required(name))
    }

    fn build(self) -> Object {
        self.0.build()
    }
}

fn body(description: &str) -> Members {
    Members(described(description).schema_type(Type::Object))
}

fn described(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().description(Some(description))
}

fn string(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn text(pattern: &str, description: &str) -> ObjectBuilder {
    string(pattern).description(Some(description))
}

fn id(description: &str) -> ObjectBuilder {
    text(PRINTED_ID, description)
}

fn of_format(format: KnownFormat) -> Object {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format))).build()
}

fn integer(description: &str) -> ObjectBuilder {
    described(description)
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0_u32))
}

fn timestamp() -> ObjectBuilder {
    integer("When this was so, in whole Unix seconds.")
}

fn port(description: &str) -> ObjectBuilder {
    described(description).schema_type(Type::Integer).minimum(Some(1_u32)).maximum(Some(65_535_u32))
}

fn last_online(description: &str) -> ObjectBuilder {
    integer(description).schema_type(SchemaType::Array(vec![Type::Integer, Type::Null]))
}

fn seconds(description: &str) -> ObjectBuilder {
    described(description).schema_type(Type::Number)
}

fn ok(value: bool) -> ObjectBuilder {
    described(if value { "Always `true`." } else { "Always `false`." })
        .schema_type(Type::Boolean)
        .enum_values(Some([value]))
}

fn statuses(rejections: &[Rejection]) -> ObjectBuilder {
    let mut statuses: Vec<_> = rejections.iter().map(|rejection| rejection.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(statuses.into_iter().map(Value::from)))
}

fn codes(rejections: &[Rejection]) -> ObjectBuilder {
    let codes = rejections.iter().map(|rejection| rejection.code());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes))
}
