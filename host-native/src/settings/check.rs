//! Settings from options: the defaults, and whether the values make sense together.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use rendezvous_protocol::{
    DEFAULT_ERROR_TIME, DEFAULT_PULSE_GRACE, DEFAULT_PULSE_INTERVAL, Millis, ReplyWidth, Timing,
};

use super::limits::{ConnectionLimits, RateLimit, RateLimits};
use super::options::Options;
use super::values::{HumanDuration, LogLevel, Store};
use super::{
    DEFAULT_ADMIN_PORT, DEFAULT_HTTP_PORT, DEFAULT_STORE_PREFIX, DEFAULT_UDP_PORT, InvalidSettings,
    LogSettings, Proxies, Settings, SharedSettings, TlsFiles,
};
use crate::shared;
use crate::tls::Tls;

impl Options {
    /// Fills in the defaults and checks what can be checked before anything is bound.
    pub(super) fn check(self) -> Result<Settings, InvalidSettings> {
        let millis = |option: Option<HumanDuration>, default| option.map_or(default, |duration| duration.0);
        let timing = Timing::new(
            millis(self.pulse_interval, DEFAULT_PULSE_INTERVAL),
            millis(self.pulse_grace, DEFAULT_PULSE_GRACE),
            millis(self.error_time, DEFAULT_ERROR_TIME),
        )
        .map_err(|error| {
            InvalidSettings(format!("{error} (see --pulse-interval, --pulse-grace and --error-time)"))
        })?;
        if self.advertise_udp_port == Some(0) {
            return Err(InvalidSettings("--advertise-udp-port: 0 is not a port to send pulses to".into()));
        }
        let reply_width = match self.reply_width {
            None => ReplyWidth::default(),
            Some(bytes) => ReplyWidth::from_bytes(bytes)
                .ok_or_else(|| InvalidSettings(format!("--reply-width: {bytes} is not 1, 2 or 4")))?,
        };
        let unlimited = self.no_limits.unwrap_or(false);
        let rate = |given: Option<RateLimit>, (count, burst)| match given {
            Some(rate) => rate,
            None if unlimited => RateLimit::NONE,
            None => RateLimit::per_second(count, burst),
        };
        let number = |given: Option<NonZeroUsize>, default| match given {
            Some(number) => number,
            None if unlimited => NonZeroUsize::MAX,
            None => default,
        };
        if self.max_header_bytes.is_some_and(|bytes| bytes < MIN_HEADER_BYTES) {
            return Err(InvalidSettings(format!(
                "--max-header-bytes: at least {MIN_HEADER_BYTES} are needed"
            )));
        }
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(InvalidSettings("--tls-cert needs --tls-key, too".into())),
            (None, Some(_)) => return Err(InvalidSettings("--tls-key needs --tls-cert, too".into())),
        };
        if self.proxy_protocol == Some(true) && self.trusted_proxies.as_ref().is_none_or(Vec::is_empty) {
            return Err(InvalidSettings(
                "--proxy-protocol needs --trusted-proxies, too: nobody else is believed".into(),
            ));
        }
        Ok(Settings {
            udp_listen: addresses("--udp-listen", self.udp_listen, EVERYWHERE, DEFAULT_UDP_PORT)?,
            udp_threads: self.udp_threads.unwrap_or_else(processors),
            http_listen: addresses("--http-listen", self.http_listen, EVERYWHERE, DEFAULT_HTTP_PORT)?,
            admin_listen: addresses(
                "--admin-listen",
                self.admin_listen,
                Ipv4Addr::LOCALHOST,
                DEFAULT_ADMIN_PORT,
            )?,
            simulator: self.simulator.map(page_of).transpose()?,
            advertise_udp_port: self.advertise_udp_port,
            timing,
            reply_width,
            store: self.store.unwrap_or_default(),
            max_clients: number(self.max_clients, const { NonZeroUsize::new(1_000_000).unwrap() }),
            rates: RateLimits {
                registrations: rate(self.limit_registrations, (1, 100)),
                registrations_per_site: rate(self.limit_registrations_per_site, (10, 1000)),
                registrations_in_total: rate(self.limit_registrations_in_total, (2000, 20_000)),
                unknown_pulses: rate(self.limit_unknown_pulses, (100, 1000)),
                lookups: rate(self.limit_lookups, (50, 500)),
            },
            connections: ConnectionLimits {
                total: number(self.max_connections, const { NonZeroUsize::new(4096).unwrap() }),
                per_address: number(
                    self.max_connections_per_address,
                    const { NonZeroUsize::new(256).unwrap() },
                ),
                header_bytes: self.max_header_bytes.unwrap_or(16 << 10),
                headers: self.max_headers.unwrap_or(const { NonZeroUsize::new(64).unwrap() }),
                uri_bytes: self.max_uri_bytes.unwrap_or(const { NonZeroUsize::new(1024).unwrap() }),
                body_bytes: self.max_body_bytes.unwrap_or(4 << 10),
                header_timeout: timeout("--header-timeout", self.header_timeout, TEN_SECONDS)?,
                body_timeout: timeout("--body-timeout", self.body_timeout, TEN_SECONDS)?,
                idle_timeout: timeout("--idle-timeout", self.idle_timeout, HALF_A_MINUTE)?,
                handshake_timeout: timeout("--handshake-timeout", self.handshake_timeout, TEN_SECONDS)?,
            },
            tls,
            allow_plain_http: self.allow_plain_http.unwrap_or(false),
            proxies: Proxies {
                trusted: self.trusted_proxies.unwrap_or_default(),
                protocol: self.proxy_protocol.unwrap_or(false),
            },
            shared: SharedSettings {
                user: self.store_user,
                password_file: self.store_password_file,
                prefix: prefix(self.store_prefix)?,
                timeout: timeout("--store-timeout", self.store_timeout, DEFAULT_STORE_TIMEOUT)?,
                replicas: self.store_replicas.unwrap_or(0),
            },
            log: LogSettings { level: self.log_level.unwrap_or(LogLevel::Info), format: self.log_format },
        })
    }
}

impl Settings {
    /// Whether the certificate and key that these settings name for HTTPS, and the file with the store's password, can be used.
    ///
    /// # Errors
    /// [`InvalidSettings`] names the file that cannot.
    pub fn check_files(&self) -> Result<(), InvalidSettings> {
        if matches!(self.store, Store::Shared(_)) {
            self.shared.credentials()?;
        }
        let Some(files) = &self.tls else { return Ok(()) };
        Tls::read(files).map(drop).map_err(|error| InvalidSettings(error.to_string()))
    }
}

/// The HTTP library wants at least this much for a head.
const MIN_HEADER_BYTES: usize = 8192;

const TEN_SECONDS: Duration = Duration::from_secs(10);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// A store that takes longer is of no use to pulses: a client repeats one after a second.
const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_millis(250);

/// What keys of a shared store begin with.
fn prefix(given: Option<String>) -> Result<String, InvalidSettings> {
    let prefix = given.unwrap_or_else(|| DEFAULT_STORE_PREFIX.into());
    shared::check_prefix(&prefix).map_err(|error| InvalidSettings(format!("--store-prefix: {error}")))?;
    Ok(prefix)
}

/// A time that something may take, unless it is given.
fn timeout(flag: &str, given: Option<HumanDuration>, default: Duration) -> Result<Duration, InvalidSettings> {
    match given {
        None => Ok(default),
        Some(HumanDuration(Millis(0))) => Err(InvalidSettings(format!("{flag}: nothing is done in no time"))),
        Some(HumanDuration(millis)) => Ok(millis.into()),
    }
}

/// How many processors this process may run on. If the system does not tell, one is a safe guess.
fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

const EVERYWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// The folder of a page, if there is one in it.
fn page_of(folder: PathBuf) -> Result<PathBuf, InvalidSettings> {
    if folder.join("index.html").is_file() {
        return Ok(folder);
    }
    Err(InvalidSettings(format!(
        "--simulator: there is no index.html in {}; host-wasm/build-page makes one",
        folder.display()
    )))
}

fn addresses(
    flag: &str,
    given: Option<Vec<SocketAddr>>,
    default: Ipv4Addr,
    default_port: u16,
) -> Result<Vec<SocketAddr>, InvalidSettings> {
    match given {
        None => Ok(vec![SocketAddr::from((default, default_port))]),
        Some(addresses) if addresses.is_empty() => {
            Err(InvalidSettings(format!("{flag}: at least one address is needed")))
        }
        Some(addresses) => Ok(addresses),
    }
}

#[cfg(test)]
mod tests;
