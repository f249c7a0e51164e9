//! Requests to the server, and what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rendezvous_protocol::client::REQUEST_TIMEOUT;
use rendezvous_protocol::{
    DEFAULT_ERROR_TIME, DEFAULT_PULSE_GRACE, DEFAULT_PULSE_INTERVAL, Millis, PrivateKey, Timing,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::names::Names;
use super::{Credentials, ServerError};

/// No answer of the specification is a tenth as long.
const LONGEST_ANSWER: usize = 64 * 1024;
/// A connection that was not used for so long may be dead without anybody knowing.
const IDLE: Duration = Duration::from_secs(15);
/// Where a server takes pulses that does not say it (specification, section 3).
const UDP_PORT: u16 = 5024;

/// The server, over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector<Names>>, Empty<Bytes>>,
    /// Scheme, host and port.
    base: Arc<str>,
    host: Arc<str>,
    names: Names,
}

/// Why a request has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The server says so.
    Refused { status: u16, code: Option<String>, retry_after: Option<Millis> },
    /// It says nothing, or nothing that can be understood.
    Failed(String),
}

impl Http {
    /// # Errors
    /// [`ServerError::Invalid`] if this is no URL of a server, or these are no certificates.
    pub(super) fn new(url: &str, roots: Option<&[u8]>, names: Names) -> Result<Self, ServerError> {
        let invalid = |why: &str| ServerError::Invalid(format!("{url}: {why}"));
        let parsed: Uri = url.parse().map_err(|_| invalid("this is no URL"))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (parsed.scheme_str(), parsed.authority())
        else {
            return Err(invalid("a server is written like http://rendezvous.example.org:5025"));
        };
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || authority.as_str().contains('@')
        {
            return Err(invalid("a server has no path, no query and no user"));
        }
        let mut connector = HttpConnector::new_with_resolver(names.clone());
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(REQUEST_TIMEOUT.into()));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(scheme == "https", roots).map_err(ServerError::Invalid)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(4)
            .build(connector);
        let host = authority.host().into();
        Ok(Self { client, base: format!("{scheme}://{authority}").into(), host, names })
    }

    /// The addresses of the server's host, asked for now.
    ///
    /// # Errors
    /// As [`Names::look_up`].
    pub(super) async fn addresses(&self) -> std::io::Result<Vec<std::net::IpAddr>> {
        self.names.look_up(&self.host).await
    }

    /// `POST /register`.
    ///
    /// # Errors
    /// [`CallError`]
    pub(super) async fn register(&self) -> Result<Credentials, CallError> {
        let body: Registered = self.call(Method::POST, "/register", None).await?;
        let key = PrivateKey::from_hex(body.private_id.as_bytes())
            .map_err(|error| CallError::Failed(format!("its private_id is none: {error}")))?;
        let interval = body.pulse_interval.map_or(DEFAULT_PULSE_INTERVAL, Seconds::millis);
        let grace = body.pulse_grace.map_or(DEFAULT_PULSE_GRACE, Seconds::millis);
        let error_time = body.error_time.map_or(DEFAULT_ERROR_TIME, Seconds::millis);
        let timing = Timing::new(interval, grace, error_time)
            .map_err(|error| CallError::Failed(format!("its timing makes no sense: {error}")))?;
        Ok(Credentials::new(key, body.udp_port.unwrap_or(UDP_PORT), timing))
    }

    /// A request with a key. Of the answer to one that has no further contents, `T` may be [`Ok200`].
    ///
    /// # Errors
    /// [`CallError`]
    pub(super) async fn call_as<T: DeserializeOwned>(
        &self,
        credentials: &Credentials,
        method: Method,
        path: &str,
    ) -> Result<T, CallError> {
        self.call(method, path, Some(credentials.key())).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&PrivateKey>,
    ) -> Result<T, CallError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, bearer(key));
        }
        let request = request.body(Empty::new()).map_err(|error| CallError::Failed(error.to_string()))?;
        let answer = async {
            let answer =
                self.client.request(request).await.map_err(|error| CallError::Failed(chain(&error)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| CallError::Failed(format!("its answer breaks off: {error}")))?
                .to_bytes();
            read(head.status, &head.headers, &body)
        };
        match tokio::time::timeout(REQUEST_TIMEOUT.into(), answer).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Failed(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()))),
        }
    }
}

/// An answer that says no more than that all is well.
#[derive(Deserialize)]
pub(super) struct Ok200 {}

/// The answer to `POST /register`. What is not in the specification may be missing: it is its default then.
#[derive(Deserialize)]
struct Registered {
    private_id: Zeroizing<String>,
    udp_port: Option<u16>,
    pulse_interval: Option<Seconds>,
    pulse_grace: Option<Seconds>,
    error_time: Option<Seconds>,
}

#[derive(Clone, Copy, Deserialize)]
struct Seconds(f64);

impl Seconds {
    /// To the nearest; what is no duration is zero or the longest there is, which no timing allows.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    fn millis(self) -> Millis {
        Millis((self.0 * 1000.0 + 0.5) as u64)
    }
}

/// What a problem says of itself.
#[derive(Default, Deserialize)]
struct Problem {
    code: Option<String>,
}

fn read<T: DeserializeOwned>(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<T, CallError> {
    if status == StatusCode::OK {
        // The parser's message might quote a key.
        return serde_json::from_slice(body).map_err(|error| {
            CallError::Failed(format!("its answer is not as specified, at column {}", error.column()))
        });
    }
    let Problem { code } = serde_json::from_slice(body).unwrap_or_default();
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Err(CallError::Refused { status: status.as_u16(), code, retry_after: retry_after.map(Millis::from_secs) })
}

fn bearer(key: &PrivateKey) -> HeaderValue {
    let mut text =
        Zeroizing::new(*b"Bearer 0000000000000000000000000000000000000000000000000000000000000000");
    for (digits, byte) in text[7..].chunks_exact_mut(2).zip(key.reveal()) {
        digits[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digits[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    let mut value = HeaderValue::from_bytes(&text[..]).expect("letters and digits");
    value.set_sensitive(true);
    value
}

/// Whom it trusts: whom the system trusts, and, if given, whoever is in this PEM file.
fn tls(wanted: bool, roots: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut store = RootCertStore::empty();
    if wanted {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if let Some(pem) = roots {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| format!("the root certificates cannot be read: {error}"))?;
            store.add(certificate).map_err(|error| format!("a root certificate is none: {error}"))?;
            count += 1;
        }
        if count == 0 {
            return Err("the root certificates: there is no certificate".to_owned());
        }
    }
    if wanted && store.is_empty() {
        return Err(
            "this system has no root certificates: install them (ca-certificates), or give some".to_owned()
        );
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(store).with_no_client_auth())
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
