//! The routes, and what each may answer.

use std::collections::BTreeMap;

use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::CONTENT_TYPE;
use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::{SecurityRequirement, header::Header};

use super::{KEY, PATH, bodies, errors, examples, headers};

/// What a route is for.
#[derive(Clone, Copy)]
pub(super) enum Tag {
    Client,
    Peers,
    Description,
}

impl Tag {
    pub(super) const ALL: [Self; 3] = [Self::Client, Self::Peers, Self::Description];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peers => "peers",
            Self::Description => "description",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Client => "What a client does about itself.",
            Self::Peers => "What a client asks about others.",
            Self::Description => "This document.",
        }
    }
}

/// A route.
pub(super) struct Operation {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    tag: Tag,
    summary: &'static str,
    description: &'static str,
    wants_key: bool,
    body: &'static str,
    examples: Vec<(&'static str, Value)>,
}

/// All routes.
pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation {
            method: HttpMethod::Post,
            path: "/register",
            id: "register",
            tag: Tag::Client,
            summary: "Become a client",
            description: "Draws a key and registers the client that it makes. With a store on disk, the answer comes when the \
                          client is on the disk. Pulse at once: until then nobody finds an address.",
            wants_key: false,
            body: "RegisterBody",
            examples: examples::register(),
        },
        Operation {
            method: HttpMethod::Post,
            path: "/verify",
            id: "verify",
            tag: Tag::Client,
            summary: "Say that you are still there",
            description: "Makes a client ONLINE that was silent for too long, so that its pulses count again. Call it when a \
                          pulse is answered with 1050.",
            wants_key: true,
            body: "VerifyBody",
            examples: examples::verify(),
        },
        Operation {
            method: HttpMethod::Post,
            path: "/logout",
            id: "logout",
            tag: Tag::Client,
            summary: "Stop being a client",
            description: "From now on the key belongs to nobody, and no peer finds this client.",
            wants_key: true,
            body: "LogoutBody",
            examples: examples::logout(),
        },
        Operation {
            method: HttpMethod::Get,
            path: "/peer/{client_id}/udp",
            id: "peer_address",
            tag: Tag::Peers,
            summary: "Find a peer's address",
            description: "The source of the peer's latest accepted pulse.",
            wants_key: true,
            body: "PeerAddressBody",
            examples: examples::peer_address(),
        },
        Operation {
            method: HttpMethod::Get,
            path: "/peer/{client_id}/udp/status",
            id: "peer_status",
            tag: Tag::Peers,
            summary: "Find out whether a peer is there",
            description: "Whether the peer was heard recently, and when it pulsed last.",
            wants_key: true,
            body: "PeerStatusBody",
            examples: examples::peer_status(),
        },
        Operation {
            method: HttpMethod::Get,
            path: PATH,
            id: "description",
            tag: Tag::Description,
            summary: "Read this document",
            description: "The description of all routes (OpenAPI 3.1).",
            wants_key: false,
            body: "Description",
            examples: vec![],
        },
    ]
}

impl Operation {
    /// Its path.
    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// It as an item of the document.
    pub(super) fn item(&self) -> PathItem {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag.name())
            .summary(Some(self.summary))
            .description(Some(self.description))
            .responses(self.responses());
        if self.names_a_peer() {
            let parameter = ParameterBuilder::new()
                .name("client_id")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The peer: 32 hex digits, in either case."))
                .schema(Some(bodies::path_id()))
                .example(Some(examples::id().to_string().into()));
            operation = operation.parameter(parameter);
        }
        if self.wants_key {
            operation = operation.security(SecurityRequirement::new::<_, [&str; 0], _>(KEY, []));
        }
        PathItem::new(self.method.clone(), operation)
    }

    fn responses(&self) -> ResponsesBuilder {
        let mut errors = BTreeMap::<u16, Vec<Rejection>>::new();
        for rejection in Rejection::ALL.into_iter().filter(|&rejection| self.may_answer(rejection)) {
            errors.entry(rejection.status()).or_default().push(rejection);
        }
        let errors =
            errors.iter().map(|(status, rejections)| (status.to_string(), errors::response(rejections)));
        ResponsesBuilder::new().response("200", self.success()).responses_from_iter(errors)
    }

    fn success(&self) -> Response {
        let examples = self.examples.iter().map(|(name, value)| {
            (*name, ExampleBuilder::new().summary(name.replace('_', " ")).value(Some(value.clone())).build())
        });
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(self.body)))
            .examples_from_iter(examples)
            .build();
        let mut response = ResponseBuilder::new()
            .description("It worked.")
            .content(CONTENT_TYPE, content)
            .header("Cache-Control", self.cache_control());
        if self.id == "register" {
            for lookup in ["peer_address", "peer_status"] {
                let link = LinkBuilder::new()
                    .operation_id(lookup)
                    .parameter("client_id", "$response.body#/client_id")
                    .description("Any client may look the new one up.");
                response = response.link(lookup, RefOr::T(link.build()));
            }
        }
        response.build()
    }

    fn cache_control(&self) -> Header {
        match self.tag {
            Tag::Client | Tag::Peers => headers::no_store(),
            Tag::Description => headers::public(),
        }
    }

    fn names_a_peer(&self) -> bool {
        self.path.contains("{client_id}")
    }

    /// Whether it may answer this. By name, so that an error that is new is at first taken to be one that any route may
    /// answer, as those about size and rate are.
    fn may_answer(&self, rejection: Rejection) -> bool {
        match rejection.code() {
            // Another method is another operation.
            "method_not_allowed" => false,
            // An id that is empty or has a slash in it makes another path.
            "no_such_route" | "malformed_client_id" | "unknown_peer" => self.names_a_peer(),
            "address_unknown" => self.id == "peer_address",
            "missing_credentials" | "malformed_credentials" | "unknown_client" => self.wants_key,
            "at_capacity" => self.id == "register",
            "unavailable" => matches!(self.id, "register" | "logout"),
            _ => true,
        }
    }
}
