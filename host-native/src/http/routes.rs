//! The routes of the specification: axum's types on one side, the node's on the other, and nothing decided here.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use rendezvous_protocol::http::{parse_bearer, to_json};
use rendezvous_protocol::{ClientId, Rejection};

use super::answer::{Answer, answer, refuse, refuse_for};
use super::{Site, openapi};
use crate::node::Route;
use crate::{Node, Unconfirmed};

/// The routes, and problems for whatever is none of them.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    node: Arc<Node>,
    router: Router,
}

impl Routes {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let router = Router::new()
            .route("/register", post(register))
            .route("/verify", post(verify))
            .route("/logout", post(logout))
            .route("/peer/{client_id}/udp", get(peer_address))
            .route("/peer/{client_id}/udp/status", get(peer_status))
            .merge(openapi::routes())
            .fallback(async || refuse::<Body>(Rejection::NoSuchRoute))
            .method_not_allowed_fallback(async || refuse::<Body>(Rejection::MethodNotAllowed))
            .with_state(Arc::clone(&node));
        Self { node, router }
    }

    /// Lookups are most of what a busy server is asked, and a router costs more than all that is done for one. So those that
    /// are plainly lookups do not go through it; whatever is unusual about its path or method, it handles, and what waits for a shared
    /// store.
    fn plain_lookup(&self, request: &Request<()>) -> Option<Response<Answer>> {
        if request.method() != Method::GET || self.node.shared_store().is_some() {
            return None;
        }
        let rest = request.uri().path().strip_prefix("/peer/")?;
        let (id, wants_status) = match rest.strip_suffix("/udp") {
            Some(id) => (id, false),
            None => (rest.strip_suffix("/udp/status")?, true),
        };
        if id.is_empty() || id.contains(['/', '%']) {
            return None;
        }
        let caller = match caller(request.headers()) {
            Ok(caller) => caller,
            Err(rejection) => return Some(refuse(rejection)),
        };
        Some(look_up(&self.node, caller, id.parse().ok(), wants_status))
    }
}

impl Site for Routes {
    type Body = Answer;

    async fn respond(&self, mut request: Request<()>, from: IpAddr) -> Response<Answer> {
        let route = Route::of(request.uri().path());
        let response = match self.plain_lookup(&request) {
            Some(response) => response,
            None => {
                request.extensions_mut().insert(Sender(from));
                self.router.respond(request, from).await.map(Answer::Routed)
            }
        };
        self.node.note_request(route, response.status());
        response
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
struct Sender(IpAddr);

async fn register(State(node): State<Arc<Node>>, Extension(Sender(from)): Extension<Sender>) -> Response {
    if let Err(wait) = node.may_register(from) {
        return refuse_for(wait);
    }
    let registered = match node.shared_store() {
        Some(store) => node.register_shared(store).await,
        None => confirmed(node.register()).await,
    };
    answer(registered.map(|body| to_json(&body)))
}

async fn verify(State(node): State<Arc<Node>>, Caller(caller): Caller) -> Response {
    let verified = match node.shared_store() {
        Some(store) => node.verify_shared(store, caller).await,
        None => node.verify(caller),
    };
    answer(verified.map(|response| response.to_json()))
}

async fn logout(State(node): State<Arc<Node>>, Caller(caller): Caller) -> Response {
    let logged_out = match node.shared_store() {
        Some(store) => node.logout_shared(store, caller).await,
        None => confirmed(node.logout(caller)).await,
    };
    answer(logged_out.map(|response| response.to_json()))
}

async fn peer_address(State(node): State<Arc<Node>>, Caller(caller): Caller, Peer(peer): Peer) -> Response {
    look_up_anywhere(&node, caller, peer, false).await
}

async fn peer_status(State(node): State<Arc<Node>>, Caller(caller): Caller, Peer(peer): Peer) -> Response {
    look_up_anywhere(&node, caller, peer, true).await
}

/// What was said, once it will survive the process.
async fn confirmed<T>(result: Result<Unconfirmed<T>, Rejection>) -> Result<T, Rejection> {
    result?.confirmed().await
}

async fn look_up_anywhere(
    node: &Node,
    caller: ClientId,
    peer: Option<ClientId>,
    wants_status: bool,
) -> Response {
    let Some(store) = node.shared_store() else { return look_up(node, caller, peer, wants_status) };
    if let Err(wait) = node.may_look_up(caller) {
        return refuse_for(wait);
    }
    let result = node.look_up_shared(store, caller, peer, wants_status).await;
    answer(result.map(|response| response.to_json()))
}

fn look_up<B: From<String>>(
    node: &Node,
    caller: ClientId,
    peer: Option<ClientId>,
    wants_status: bool,
) -> Response<B> {
    if let Err(wait) = node.may_look_up(caller) {
        return refuse_for(wait);
    }
    let result = if wants_status { node.peer_status(caller, peer) } else { node.peer_address(caller, peer) };
    answer(result.map(|response| response.to_json()))
}

/// The client whose key came with the request. Whether there is such a client is for the node to say.
struct Caller(ClientId);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        caller(&parts.headers).map(Self).map_err(refuse)
    }
}

/// The client that the path names; `None` if it names none, which is refused only after the caller's credentials.
struct Peer(Option<ClientId>);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        Ok(Self(path.ok().and_then(|Path(text)| text.parse().ok())))
    }
}

fn caller(headers: &HeaderMap) -> Result<ClientId, Rejection> {
    parse_bearer(headers.get_all(AUTHORIZATION).into_iter().map(HeaderValue::as_bytes))
}
