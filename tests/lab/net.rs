//! The laboratory's internet: one segment with the server, and hosts on it or behind NATs.
//!
//! ```text
//!  server 198.18.0.1, .2 ──┐
//!            a host ───────┼── br0 (198.18.0.0/16)
//!  client ── NAT ──────────┤
//!  client ── NAT ── NAT ───┘
//! ```

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::shell::{Namespace, ip};

/// What is between a client and the internet, in the classic words (RFC 3489) and those of RFC 4787.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// Nothing: a public address.
    None,
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address-and-port-dependent filtering: Linux's masquerade.
    PortRestricted,
    /// Address-and-port-dependent mapping and filtering: masquerade with random ports.
    Symmetric,
    /// Two of the third kind, one behind the other.
    Double,
}

impl std::fmt::Display for Nat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::None => "no NAT",
            Self::FullCone => "full cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
            Self::Double => "double NAT",
        })
    }
}

/// The public segment.
#[derive(Debug)]
pub(crate) struct Internet {
    switch: Namespace,
    next: AtomicU16,
}

/// A client's place: its own namespace, and those of its NATs.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) host: Namespace,
    pub(crate) nats: Vec<Namespace>,
    pub(crate) public: Ipv4Addr,
}

/// Two clients behind one NAT.
#[derive(Debug)]
pub(crate) struct SharedPlace {
    pub(crate) hosts: [Namespace; 2],
    pub(crate) nat: Namespace,
}

impl Internet {
    pub(crate) fn new() -> Self {
        let switch = Namespace::new("switch");
        switch.ip(&["link", "add", "br0", "type", "bridge"]);
        switch.ip(&["link", "set", "br0", "up"]);
        Self { switch, next: AtomicU16::new(256) }
    }

    /// A namespace on the segment, with these addresses in it.
    pub(crate) fn host(&self, name: &str, addresses: &[Ipv4Addr]) -> Namespace {
        let host = Namespace::new(name);
        self.plug(&host, name);
        for address in addresses {
            host.ip(&["addr", "add", &format!("{address}/16"), "dev", "wan"]);
        }
        host
    }

    /// A client behind such a NAT.
    pub(crate) fn place(&self, name: &str, nat: Nat) -> Place {
        let public = self.address();
        let inside = Ipv4Addr::new(10, 0, 0, 2);
        if nat == Nat::None {
            return Place { host: self.host(name, &[public]), nats: vec![], public };
        }
        let host = Namespace::new(name);
        let outer = self.host(&format!("{name}n"), &[public]);
        let mut nats = vec![];
        if nat == Nat::Double {
            let inner = Namespace::new(&format!("{name}m"));
            link(&inner, "wan", Ipv4Addr::new(100, 64, 0, 2), &outer, "lan", Ipv4Addr::new(100, 64, 0, 1));
            link(&host, "eth0", inside, &inner, "lan", Ipv4Addr::new(10, 0, 0, 1));
            inner.ip(&["route", "add", "default", "via", "100.64.0.1"]);
            masquerade(&inner, "masquerade");
            nats.push(inner);
        } else {
            link(&host, "eth0", inside, &outer, "lan", Ipv4Addr::new(10, 0, 0, 1));
        }
        host.ip(&["route", "add", "default", "via", "10.0.0.1"]);
        match nat {
            Nat::FullCone => {
                masquerade(&outer, &format!("snat to {public}"));
                outer.chain(
                    "in",
                    "nat hook prerouting priority -100",
                    &[&format!("iifname wan meta l4proto udp dnat to {inside}")],
                );
            }
            Nat::AddressRestricted => {
                masquerade(&outer, &format!("snat to {public}"));
                outer.rules(
                    "add set ip nat heard { type ipv4_addr . inet_service; flags dynamic, timeout; timeout 2m; size 1024; }\n",
                );
                outer.chain(
                    "note",
                    "filter hook forward priority 0",
                    &["oifname wan meta l4proto udp update @heard { ip daddr . udp sport }"],
                );
                outer.chain(
                    "in",
                    "nat hook prerouting priority -100",
                    &[&format!("iifname wan ip saddr . udp dport @heard dnat to {inside}")],
                );
            }
            Nat::Symmetric => masquerade(&outer, "masquerade fully-random"),
            Nat::PortRestricted | Nat::Double => masquerade(&outer, "masquerade"),
            Nat::None => {}
        }
        nats.push(outer);
        Place { host, nats, public }
    }

    /// Two clients behind one NAT. With `hairpin`, each of the ports sends back in what is sent to it from inside, as from the NAT's own
    /// address (RFC 4787, section 6); the clients have to use these ports.
    pub(crate) fn shared(&self, name: &str, hairpin: Option<[u16; 2]>) -> SharedPlace {
        let public = self.address();
        let nat = self.host(&format!("{name}n"), &[public]);
        let hosts = [1_u8, 2].map(|number| {
            let host = Namespace::new(&format!("{name}{number}"));
            let gateway = Ipv4Addr::new(10, 0, number, 1);
            link(&host, "eth0", Ipv4Addr::new(10, 0, number, 2), &nat, &format!("lan{number}"), gateway);
            host.ip(&["route", "add", "default", "via", &gateway.to_string()]);
            host
        });
        masquerade(&nat, "masquerade");
        if let Some([first, second]) = hairpin {
            nat.chain(
                "in",
                "nat hook prerouting priority -100",
                &[
                    &format!("ip daddr {public} udp dport {first} dnat to 10.0.1.2"),
                    &format!("ip daddr {public} udp dport {second} dnat to 10.0.2.2"),
                ],
            );
            nat.chain(
                "back",
                "nat hook postrouting priority 99",
                &[&format!("ip saddr 10.0.0.0/8 ip daddr 10.0.0.0/8 snat to {public}")],
            );
        }
        SharedPlace { hosts, nat }
    }

    /// A public address that nobody has.
    pub(crate) fn address(&self) -> Ipv4Addr {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(198, 18, high, low)
    }

    fn plug(&self, host: &Namespace, name: &str) {
        let port = format!("p{name}");
        let port = &port[..port.len().min(15)];
        ip(&[
            "link",
            "add",
            "name",
            port,
            "netns",
            self.switch.name(),
            "type",
            "veth",
            "peer",
            "name",
            "wan",
            "netns",
            host.name(),
        ]);
        self.switch.ip(&["link", "set", port, "master", "br0", "up"]);
        host.ip(&["link", "set", "wan", "up"]);
    }
}

/// A cable between two, with an address at each end.
fn link(a: &Namespace, a_name: &str, a_ip: Ipv4Addr, b: &Namespace, b_name: &str, b_ip: Ipv4Addr) {
    ip(&[
        "link",
        "add",
        "name",
        a_name,
        "netns",
        a.name(),
        "type",
        "veth",
        "peer",
        "name",
        b_name,
        "netns",
        b.name(),
    ]);
    for (namespace, name, address) in [(a, a_name, a_ip), (b, b_name, b_ip)] {
        namespace.ip(&["addr", "add", &format!("{address}/24"), "dev", name]);
        namespace.ip(&["link", "set", name, "up"]);
    }
}

/// A router that lets out what comes from inside under its own address, and in only what answers that. What else arrives is dropped, as every
/// home router does: a connection to the router itself would take the port that a client's mapping needs.
fn masquerade(nat: &Namespace, how: &str) {
    nat.sysctl("ipv4/ip_forward", Some("1"));
    nat.chain("out", "nat hook postrouting priority 100", &[&format!("oifname wan {how}")]);
    nat.chain("input", "filter hook input priority 0", &["iifname wan ct state new drop"]);
}
