//! Another client of the server, which asks it about the ones that are tested.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rendezvous_tests::target::Target;
use serde_json::Value;
use ureq::http::Method;

use crate::server::Server;
use crate::shell::Namespace;

/// A registered client that is on the server's own machine.
#[derive(Debug)]
pub(crate) struct Watcher<'a> {
    host: &'a Namespace,
    url: String,
    bearer: String,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(host: &'a Namespace, server: &Server) -> Self {
        let mut watcher = Self { host, url: server.url().to_owned(), bearer: String::new() };
        let registered = watcher.call(Method::POST, "/register");
        let key = registered["private_id"].as_str().expect("a key");
        watcher.bearer = format!("Bearer {key}");
        watcher
    }

    /// Where the server says that this client is.
    pub(crate) fn address(&self, id: &str) -> Option<SocketAddr> {
        let answer = self.call(Method::GET, &format!("/peer/{id}/udp"));
        let ip = answer["host"].as_str()?.parse().ok()?;
        Some(SocketAddr::new(ip, u16::try_from(answer["port"].as_u64()?).ok()?))
    }

    /// Whether the server says that it is ONLINE.
    pub(crate) fn is_online(&self, id: &str) -> bool {
        self.call(Method::GET, &format!("/peer/{id}/udp/status"))["status"] == "ONLINE"
    }

    /// Stays known itself.
    pub(crate) fn verify(&self) {
        self.call(Method::POST, "/verify");
    }

    /// How long it takes until this holds.
    ///
    /// # Errors
    /// If it does not within the time.
    pub(crate) fn time_until(
        &self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<Duration, String> {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > patience {
                return Err(format!("{what}: not within {patience:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(begun.elapsed())
    }

    fn call(&self, method: Method, path: &str) -> Value {
        let (url, bearer, path) = (self.url.clone(), self.bearer.clone(), path.to_owned());
        self.host.within(move || {
            let authorization = [bearer.as_str()];
            let authorization = if bearer.is_empty() { &[][..] } else { &authorization[..] };
            Target::new(url, ([127, 0, 0, 1], 9).into()).call(method, &path, authorization).json
        })
    }
}
