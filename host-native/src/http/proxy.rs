//! Whom a connection or a request comes from, if a proxy speaks for somebody else.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::settings::Proxies;

/// The longest header of the PROXY protocol that is read: version 1 has at most 107 bytes; version 2 may have extensions.
const LONGEST: usize = 1024;

/// How much of a header tells its version and, in version 2, its length.
const BEGINNING: usize = 16;

impl Proxies {
    /// Whether this is a proxy that is believed.
    pub(super) fn trust(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|network| network.contains(&ip))
    }

    /// Who sent a request that came through `proxy`: the last of those in `X-Forwarded-For` who is no trusted proxy. Whatever
    /// stands before them anybody may have written.
    pub(super) fn sender(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut sender = proxy;
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        for hop in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b',')) {
            let Some(ip) = std::str::from_utf8(hop).ok().and_then(|hop| address_of(hop.trim())) else {
                // Not from a proxy that knows what it does: who comes last is all that is known.
                return sender;
            };
            sender = ip.to_canonical();
            if !self.trust(sender) {
                return sender;
            }
        }
        sender
    }
}

/// Reads the header of the PROXY protocol with which a connection begins, and nothing behind it. `None` if the proxy speaks for
/// itself (a health check).
///
/// # Errors
/// If there is none.
pub(super) async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; BEGINNING];
    // The shortest one of version 1 is "PROXY UNKNOWN\r\n", a byte shorter.
    stream.read_exact(&mut header[..BEGINNING - 1]).await?;
    if header.starts_with(b"PROXY") {
        header.truncate(BEGINNING - 1);
        while !header.ends_with(b"\r\n") {
            if header.len() >= v1_longest() {
                return Err(malformed());
            }
            header.push(stream.read_u8().await?);
        }
    } else if header.starts_with(v2::PROTOCOL_PREFIX) {
        stream.read_exact(&mut header[BEGINNING - 1..]).await?;
        let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if BEGINNING + length > LONGEST {
            return Err(malformed());
        }
        header.resize(BEGINNING + length, 0);
        stream.read_exact(&mut header[BEGINNING..]).await?;
    } else {
        return Err(malformed());
    }
    let parsed = HeaderResult::parse(&header);
    if parsed.is_incomplete() {
        return Err(malformed());
    }
    match parsed {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(v4) => Some((v4.source_address, v4.source_port).into()),
            v1::Addresses::Tcp6(v6) => Some((v6.source_address, v6.source_port).into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(None),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(v4) => Some((v4.source_address, v4.source_port).into()),
            v2::Addresses::IPv6(v6) => Some((v6.source_address, v6.source_port).into()),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(malformed()),
    }
}

const fn v1_longest() -> usize {
    107
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header of the PROXY protocol")
}

/// An address, perhaps in brackets, perhaps with a port.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn sender(proxy: &str, lines: &[&str]) -> String {
        let proxies = Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:ffff::/48".parse().unwrap()],
            protocol: false,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        proxies.sender(proxy.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn of_the_forwarded_addresses_the_last_that_is_no_proxy_counts() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1, 10.0.0.2", "10.0.0.3"], "192.0.2.1"),
            (&["192.0.2.1,10.0.0.2,  10.0.0.3 "], "192.0.2.1"),
            (&["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            (&["192.0.2.1:1234"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["192.0.2.1, 2001:db8:ffff::7"], "192.0.2.1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, ::ffff:10.0.0.9"], "192.0.2.1"),
            (&["unknown"], "10.0.0.1"),
            (&["192.0.2.1, _hidden, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1, "], "10.0.0.1"),
            (&["\"192.0.2.1\""], "10.0.0.1"),
            (&["192.0.2.1;10.0.0.2"], "10.0.0.1"),
        ] {
            assert_eq!(sender("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_proxy_is_known_in_either_form_of_its_address() {
        let proxies = Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], protocol: false };
        assert!(proxies.trust("10.1.2.3".parse().unwrap()));
        assert!(proxies.trust("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!proxies.trust("11.0.0.1".parse().unwrap()));
        assert!(!Proxies::default().trust("10.1.2.3".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_header_of_either_version_is_read_and_nothing_behind_it() {
        let mut v2 = v2::PROTOCOL_PREFIX.to_vec();
        v2.extend([0x21, 0x11, 0, 15, 192, 0, 2, 1, 10, 0, 0, 1, 0x1F, 0x90, 0, 80, 4, 0, 0]);
        let mut local = v2::PROTOCOL_PREFIX.to_vec();
        local.extend([0x20, 0, 0, 0]);
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 8080 80\r\n".to_vec(), Some("192.0.2.1:8080")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 8080 80\r\n".to_vec(), Some("[2001:db8::1]:8080")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (v2, Some("192.0.2.1:8080")),
            (local, None),
        ] {
            let bytes = [header, b"GET /".to_vec()].concat();
            let mut stream = &bytes[..];
            let read = read_header(&mut stream).await.unwrap();
            assert_eq!((read, stream), (expected.map(|text| text.parse().unwrap()), &b"GET /"[..]));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let mut long = v2::PROTOCOL_PREFIX.to_vec();
        long.extend([0x21, 0x11, 0xFF, 0xFF]);
        long.extend([0; 70_000]);
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1\r\n".to_vec(),
            b"PROXY TCP4 999.0.2.1 10.0.0.1 8080 80\r\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            b"PROXY".to_vec(),
            vec![],
            long,
        ] {
            assert!(read_header(&mut &bytes[..]).await.is_err(), "{bytes:?}");
        }
    }
}
