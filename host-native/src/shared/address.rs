//! The address of a shared store, as it is written in `--store`.

use std::fmt;
use std::str::FromStr;

/// The port of Redis and Valkey.
const DEFAULT_PORT: u16 = 6379;

/// `redis://HOST[:PORT][/DATABASE]`, `rediss://…` (over TLS), `redis+cluster://HOST[:PORT],HOST[:PORT],…` or
/// `rediss+cluster://…`. It holds no credentials: whoever sees the command line or the log would see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAddress {
    /// Where to begin: of a cluster, any of its servers; otherwise the one.
    pub servers: Vec<ServerAddress>,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// The number of the database: a cluster has only 0.
    pub database: u16,
}

/// A server of a shared store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// A name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| format!("{text:?} has no scheme such as redis://"))?;
        let (cluster, tls) = match scheme {
            "redis" => (false, false),
            "rediss" => (false, true),
            "redis+cluster" => (true, false),
            "rediss+cluster" => (true, true),
            _ => {
                return Err(format!(
                    "{scheme}:// is no shared store; there are redis://, rediss://, redis+cluster:// and rediss+cluster://"
                ));
            }
        };
        if rest.contains('@') {
            return Err(
                "credentials do not belong into the address of a store, where others can read them: give \
                        --store-user and --store-password-file, or RENDEZVOUS_STORE_PASSWORD"
                    .into(),
            );
        }
        let (hosts, database) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), 0),
            Some((hosts, number)) => {
                let database =
                    number.parse().map_err(|_| format!("{number:?} is no number of a database"))?;
                (hosts, database)
            }
        };
        if cluster && database != 0 {
            return Err("a cluster has no database but 0".into());
        }
        let servers: Vec<ServerAddress> = hosts.split(',').map(str::parse).collect::<Result<_, _>>()?;
        if !cluster && servers.len() > 1 {
            return Err(format!(
                "{scheme}:// has one server; several are a cluster: {scheme}+cluster://{hosts}"
            ));
        }
        Ok(Self { servers, cluster, tls, database })
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = if self.tls { "s" } else { "" };
        let cluster = if self.cluster { "+cluster" } else { "" };
        write!(f, "redis{tls}{cluster}://")?;
        for (number, server) in self.servers.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            write!(f, "{server}")?;
        }
        if self.database != 0 {
            write!(f, "/{}", self.database)?;
        }
        Ok(())
    }
}

impl FromStr for ServerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no HOST or HOST:PORT of a store");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(wrong)?) })
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Ok(DEFAULT_PORT), str::parse).map_err(|_| wrong())?;
        if host.is_empty() || port == 0 || host.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { host: host.into(), port })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://localhost/", "redis://localhost:6379"),
            ("rediss://store.example.org:7000/3", "rediss://store.example.org:7000/3"),
            ("redis://[::1]", "redis://[::1]:6379"),
            ("redis+cluster://10.0.0.1:7000,10.0.0.2", "redis+cluster://10.0.0.1:7000,10.0.0.2:6379"),
            ("rediss+cluster://[fd00::1]:7000", "rediss+cluster://[fd00::1]:7000"),
        ] {
            let address: StoreAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, says) in [
            ("redis", "no scheme"),
            ("http://localhost", "is no shared store"),
            ("redis://user:secret@localhost", "--store-password-file"),
            ("redis://a,b", "redis+cluster://a,b"),
            ("redis+cluster://a/1", "no database but 0"),
            ("redis://a/x", "\"x\" is no number"),
            ("redis://", "HOST"),
            ("redis://a:0", "HOST"),
            ("redis://a:b", "HOST"),
            ("redis://[::1", "HOST"),
            ("redis+cluster://a,,b", "HOST"),
        ] {
            let error = text.parse::<StoreAddress>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
