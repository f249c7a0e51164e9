//! The options, once: clap reads them from flags and the environment, serde from the file, and writes them as one.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use super::limits::RateLimit;
use super::values::{HumanDuration, LogFormat, LogLevel, Store};

/// Headings of the help.
const LIMITS: &str = "Limits (a RATE is like \"10/s burst 100\", \"60/m\" or \"none\")";
const TLS: &str = "TLS and proxies";
const SHARED: &str = "Stores that nodes share (redis://, rediss://, redis+cluster://, rediss+cluster://)";

/// Every option is optional here: what is not given may be in the next source.
macro_rules! options {
    ($($(#[$attribute:meta])* $name:ident: $type:ty,)*) => {
        /// What one source says.
        #[derive(Debug, Default, clap::Args, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct Options {
            $(
                $(#[$attribute])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(super) $name: Option<$type>,
            )*
        }

        impl Options {
            /// These options, and where they say nothing, `other`'s.
            pub(super) fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

options! {
    /// Receive pulses here; may repeat. The IPv6 wildcard takes IPv4 too, unless that has the same port [default: 0.0.0.0:5024]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_UDP_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    udp_listen: Vec<SocketAddr>,

    /// Threads for the pulses of each address, each with a socket of its own [default: as many as there are processors to run on]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_UDP_THREADS")]
    udp_threads: NonZeroUsize,

    /// Accept HTTP here; may repeat. The IPv6 wildcard takes IPv4 too, unless that has the same port [default: 0.0.0.0:5025]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_HTTP_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    http_listen: Vec<SocketAddr>,

    /// Serve the operator's pages here; may repeat. Whoever reaches it may read them [default: 127.0.0.1:5026]
    #[arg(long, value_name = "ADDRESS:PORT", env = "RENDEZVOUS_ADMIN_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    admin_listen: Vec<SocketAddr>,

    /// The folder of the built simulator page, served at /simulator/ to the operator [default: none]
    #[arg(long, value_name = "FOLDER", env = "RENDEZVOUS_SIMULATOR")]
    simulator: PathBuf,

    /// The UDP port that clients are told at registration [default: the first UDP port]
    #[arg(long, value_name = "PORT", env = "RENDEZVOUS_ADVERTISE_UDP_PORT")]
    advertise_udp_port: u16,

    /// How often a client is to pulse [default: 30s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_PULSE_INTERVAL")]
    pulse_interval: HumanDuration,

    /// What a pulse may be late by and still be on time; shorter than the error time [default: 1s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_PULSE_GRACE")]
    pulse_grace: HumanDuration,

    /// How long after a missed interval a client is forgotten [default: 3m]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_ERROR_TIME")]
    error_time: HumanDuration,

    /// How many bytes carry the answer to a pulse: 1, 2 or 4 [default: 2]
    #[arg(long, value_name = "BYTES", env = "RENDEZVOUS_REPLY_WIDTH")]
    reply_width: u8,

    /// Where to keep clients: redb:PATH is a file, memory: forgets them at a restart, redis://HOST:PORT and redis+cluster://HOST:PORT,HOST:PORT are shared by several nodes [default: redb:rendezvous.redb]
    #[arg(long, value_name = "STORE", env = "RENDEZVOUS_STORE")]
    store: Store,

    /// What to log at least [default: info]
    #[arg(long, value_name = "LEVEL", env = "RENDEZVOUS_LOG_LEVEL")]
    log_level: LogLevel,

    /// How to log [default: text on a terminal, json elsewhere]
    #[arg(long, value_name = "FORMAT", env = "RENDEZVOUS_LOG_FORMAT")]
    log_format: LogFormat,

    /// No more clients than this at once; 503 for who registers then [default: 1000000]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_MAX_CLIENTS", help_heading = LIMITS)]
    max_clients: NonZeroUsize,

    /// Registrations from one IPv4 address, or IPv6 network of 64 bits [default: 1/s burst 100]
    #[arg(long, value_name = "RATE", env = "RENDEZVOUS_LIMIT_REGISTRATIONS", help_heading = LIMITS)]
    limit_registrations: RateLimit,

    /// Registrations from one IPv6 network of 48 bits [default: 10/s burst 1000]
    #[arg(long, value_name = "RATE", env = "RENDEZVOUS_LIMIT_REGISTRATIONS_PER_SITE", help_heading = LIMITS)]
    limit_registrations_per_site: RateLimit,

    /// Registrations from everywhere together [default: 2000/s burst 20000]
    #[arg(long, value_name = "RATE", env = "RENDEZVOUS_LIMIT_REGISTRATIONS_IN_TOTAL", help_heading = LIMITS)]
    limit_registrations_in_total: RateLimit,

    /// Answers 1060 to pulses with unknown keys from one IPv4 address, or IPv6 network of 64 bits: silence beyond it [default: 100/s burst 1000]
    #[arg(long, value_name = "RATE", env = "RENDEZVOUS_LIMIT_UNKNOWN_PULSES", help_heading = LIMITS)]
    limit_unknown_pulses: RateLimit,

    /// Lookups of one client [default: 50/s burst 500]
    #[arg(long, value_name = "RATE", env = "RENDEZVOUS_LIMIT_LOOKUPS", help_heading = LIMITS)]
    limit_lookups: RateLimit,

    /// Connections of clients at once [default: 4096, or fewer if the system allows no more files]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_MAX_CONNECTIONS", help_heading = LIMITS)]
    max_connections: NonZeroUsize,

    /// Connections at once from one IPv4 address, or IPv6 network of 64 bits; four times as many from one of 48 bits [default: 256]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_MAX_CONNECTIONS_PER_ADDRESS", help_heading = LIMITS)]
    max_connections_per_address: NonZeroUsize,

    /// Only those limits on rates, clients and connections that are given, none by default: for tests and benchmarks
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true, env = "RENDEZVOUS_NO_LIMITS", help_heading = LIMITS)]
    no_limits: bool,

    /// The longest head of a request, at least 8192 [default: 16384]
    #[arg(long, value_name = "BYTES", env = "RENDEZVOUS_MAX_HEADER_BYTES", help_heading = LIMITS)]
    max_header_bytes: usize,

    /// The most header fields of a request [default: 64]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_MAX_HEADERS", help_heading = LIMITS)]
    max_headers: NonZeroUsize,

    /// The longest target of a request [default: 1024]
    #[arg(long, value_name = "BYTES", env = "RENDEZVOUS_MAX_URI_BYTES", help_heading = LIMITS)]
    max_uri_bytes: NonZeroUsize,

    /// The longest body of a request; no route needs one [default: 4096]
    #[arg(long, value_name = "BYTES", env = "RENDEZVOUS_MAX_BODY_BYTES", help_heading = LIMITS)]
    max_body_bytes: usize,

    /// How long the head of a request may take, from its first byte on [default: 10s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_HEADER_TIMEOUT", help_heading = LIMITS)]
    header_timeout: HumanDuration,

    /// How long the body of a request may take [default: 10s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_BODY_TIMEOUT", help_heading = LIMITS)]
    body_timeout: HumanDuration,

    /// How long a connection may wait for its first or next request [default: 30s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_IDLE_TIMEOUT", help_heading = LIMITS)]
    idle_timeout: HumanDuration,

    /// How long a TLS handshake, and before it the header of a proxy, may take [default: 10s]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_HANDSHAKE_TIMEOUT", help_heading = LIMITS)]
    handshake_timeout: HumanDuration,

    /// The certificate chain for HTTPS, as PEM; with --tls-key. SIGHUP reads both again
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_TLS_CERT", help_heading = TLS)]
    tls_cert: PathBuf,

    /// The private key for HTTPS, as PEM; with --tls-cert
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_TLS_KEY", help_heading = TLS)]
    tls_key: PathBuf,

    /// Keys may cross networks in clear: something else encrypts, or nobody listens. Silences the warning
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true, env = "RENDEZVOUS_ALLOW_PLAIN_HTTP", help_heading = TLS)]
    allow_plain_http: bool,

    /// Networks of proxies that are believed when they say whom they speak for; may repeat [default: none]
    #[arg(long, value_name = "NETWORK", env = "RENDEZVOUS_TRUSTED_PROXIES", value_delimiter = ',', help_heading = TLS)]
    #[serde(deserialize_with = "one_or_many")]
    trusted_proxies: Vec<IpNet>,

    /// Connections of trusted proxies begin with a header of the PROXY protocol, version 1 or 2. Without it, they are asked for X-Forwarded-For
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true, env = "RENDEZVOUS_PROXY_PROTOCOL", help_heading = TLS)]
    proxy_protocol: bool,

    /// The user that the node is to the store [default: the store's default user]
    #[arg(long, value_name = "NAME", env = "RENDEZVOUS_STORE_USER", help_heading = SHARED)]
    store_user: String,

    /// A file with the password for the store; RENDEZVOUS_STORE_PASSWORD may hold it instead [default: no password]
    #[arg(long, value_name = "FILE", env = "RENDEZVOUS_STORE_PASSWORD_FILE", help_heading = SHARED)]
    store_password_file: PathBuf,

    /// What all keys in the store begin with. Nodes with the same prefix share their clients [default: rendezvous:]
    #[arg(long, value_name = "TEXT", env = "RENDEZVOUS_STORE_PREFIX", help_heading = SHARED)]
    store_prefix: String,

    /// How long a call to the store may take: then pulses get no answer, and requests 503 [default: 250ms]
    #[arg(long, value_name = "DURATION", env = "RENDEZVOUS_STORE_TIMEOUT", help_heading = SHARED)]
    store_timeout: HumanDuration,

    /// How many replicas have to have a registration or logout before it is acknowledged [default: 0]
    #[arg(long, value_name = "COUNT", env = "RENDEZVOUS_STORE_REPLICAS", help_heading = SHARED)]
    store_replicas: u32,
}

/// A single value or a list of them, so that `udp-listen = "[::]:5024"` does what it looks like.
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected an address or network such as \"0.0.0.0:5024\" or \"10.0.0.0/8\", or a list of them"
    )]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }
    Ok(Some(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    }))
}
