//! Settings as a configuration file: what the server goes by, wherever it has it from.

use std::num::NonZeroUsize;
use std::time::Duration;

use rendezvous_protocol::Millis;

use super::options::Options;
use super::values::HumanDuration;
use super::{InvalidSettings, Settings};

impl Settings {
    /// The settings as TOML: each option that has a value, defaults too. Read as a file it gives the same settings.
    ///
    /// # Errors
    /// [`InvalidSettings`] if TOML cannot hold one: a path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String, InvalidSettings> {
        toml::to_string(&self.to_options())
            .map_err(|error| InvalidSettings(format!("the settings cannot be written as TOML: {error}")))
    }

    /// What would have to be given to get these settings. Every option is named here: one that were forgotten would not compile.
    fn to_options(&self) -> Options {
        let Self { timing, rates, connections, .. } = self;
        let numbers = [self.max_clients, connections.total, connections.per_address];
        // It stands for no limit.
        let limit = |number: NonZeroUsize| Some(number).filter(|&number| number != NonZeroUsize::MAX);
        let millis = |millis: Millis| Some(HumanDuration(millis));
        Options {
            udp_listen: Some(self.udp_listen.clone()),
            udp_threads: Some(self.udp_threads),
            http_listen: Some(self.http_listen.clone()),
            admin_listen: Some(self.admin_listen.clone()),
            simulator: self.simulator.clone(),
            advertise_udp_port: self.advertise_udp_port,
            pulse_interval: millis(timing.pulse_interval()),
            pulse_grace: millis(timing.pulse_grace()),
            error_time: millis(timing.error_time()),
            reply_width: Some(self.reply_width.bytes()),
            store: Some(self.store.clone()),
            log_level: Some(self.log.level),
            log_format: self.log.format,
            max_clients: limit(self.max_clients),
            limit_registrations: Some(rates.registrations),
            limit_registrations_per_site: Some(rates.registrations_per_site),
            limit_registrations_in_total: Some(rates.registrations_in_total),
            limit_unknown_pulses: Some(rates.unknown_pulses),
            limit_lookups: Some(rates.lookups),
            max_connections: limit(connections.total),
            max_connections_per_address: limit(connections.per_address),
            no_limits: Some(numbers.contains(&NonZeroUsize::MAX)),
            max_header_bytes: Some(connections.header_bytes),
            max_headers: Some(connections.headers),
            max_uri_bytes: Some(connections.uri_bytes),
            max_body_bytes: Some(connections.body_bytes),
            header_timeout: duration(connections.header_timeout),
            body_timeout: duration(connections.body_timeout),
            idle_timeout: duration(connections.idle_timeout),
            handshake_timeout: duration(connections.handshake_timeout),
            tls_cert: self.tls.as_ref().map(|tls| tls.cert.clone()),
            tls_key: self.tls.as_ref().map(|tls| tls.key.clone()),
            allow_plain_http: Some(self.allow_plain_http),
            trusted_proxies: Some(self.proxies.trusted.clone()),
            proxy_protocol: Some(self.proxies.protocol),
            store_user: self.shared.user.clone(),
            store_password_file: self.shared.password_file.clone(),
            store_prefix: Some(self.shared.prefix.clone()),
            store_timeout: duration(self.shared.timeout),
            store_replicas: Some(self.shared.replicas),
        }
    }
}

/// Times come from options in milliseconds, so none is lost, and none is too long.
fn duration(time: Duration) -> Option<HumanDuration> {
    Some(HumanDuration(Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))))
}

#[cfg(test)]
mod tests;
