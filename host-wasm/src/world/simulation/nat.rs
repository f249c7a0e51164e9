//! A network address translator, in the words of RFC 4787. It translates UDP only: a request over HTTP is answered on the
//! connection that it came on, and its source address means nothing to the server.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::world::{Dependence, NatKind};

/// The first public port that is given out, and the first after they ran out.
const FIRST_PORT: u16 = 40_000;
const FIRST_PORT_AGAIN: u16 = 10_000;

#[derive(Debug)]
pub(super) struct Nat {
    kind: NatKind,
    pub(super) address: Ipv4Addr,
    next_port: u16,
    /// Most NATs have few: a scan is faster than anything cleverer.
    mappings: Vec<Mapping>,
}

/// What a mapping is for: an address inside and, as far as that matters, one outside.
type Endpoints = (SocketAddrV4, Option<Ipv4Addr>, Option<u16>);

#[derive(Debug)]
struct Mapping {
    endpoints: Endpoints,
    port: u16,
    /// When a datagram last went out.
    used: u64,
    /// To whom, and when that was last so.
    contacts: Vec<(SocketAddrV4, u64)>,
}

/// Why a datagram does not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody inside has this port, or no longer.
    Unmapped,
    /// Somebody has, but does not want to hear of the sender.
    Filtered,
    /// It came from behind the same NAT, which does not turn it back.
    NoHairpin,
}

impl Nat {
    pub(super) fn new(kind: NatKind, address: Ipv4Addr) -> Self {
        Self { kind, address, next_port: FIRST_PORT, mappings: vec![] }
    }

    /// A datagram goes out: the address that the world sees, unless every port is taken.
    pub(super) fn outbound(
        &mut self,
        now: u64,
        inside: SocketAddrV4,
        to: SocketAddrV4,
    ) -> Option<SocketAddrV4> {
        let idle = self.kind.idle;
        let endpoints = match self.kind.mapping {
            Dependence::EndpointIndependent => (inside, None, None),
            Dependence::AddressDependent => (inside, Some(*to.ip()), None),
            Dependence::AddressAndPortDependent => (inside, Some(*to.ip()), Some(to.port())),
        };
        let found = self.mappings.iter().position(|mapping| mapping.endpoints == endpoints);
        let lasting = found.filter(|&index| now - self.mappings[index].used < idle);
        let index = match lasting {
            Some(index) => index,
            None => {
                self.forget(now);
                let port = self.free_port()?;
                self.mappings.push(Mapping { endpoints, port, used: now, contacts: vec![] });
                self.mappings.len() - 1
            }
        };
        let mapping = &mut self.mappings[index];
        mapping.used = now;
        match mapping.contacts.iter_mut().find(|(contact, _)| *contact == to) {
            Some((_, used)) => *used = now,
            None => mapping.contacts.push((to, now)),
        }
        Some(SocketAddrV4::new(self.address, mapping.port))
    }

    /// A datagram comes in: whom it is for.
    pub(super) fn inbound(&self, now: u64, port: u16, from: SocketAddrV4) -> Result<SocketAddrV4, Refusal> {
        if *from.ip() == self.address && !self.kind.hairpin {
            return Err(Refusal::NoHairpin);
        }
        let mapping = self.at(port).ok_or(Refusal::Unmapped)?;
        let lasts = |used: u64| now - used < self.kind.idle;
        if !lasts(mapping.used) {
            return Err(Refusal::Unmapped);
        }
        let known = |same: &dyn Fn(&SocketAddrV4) -> bool| {
            mapping.contacts.iter().any(|(contact, used)| lasts(*used) && same(contact))
        };
        let passes = match self.kind.filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => known(&|contact| contact.ip() == from.ip()),
            Dependence::AddressAndPortDependent => known(&|contact| *contact == from),
        };
        if passes { Ok(mapping.endpoints.0) } else { Err(Refusal::Filtered) }
    }

    /// Who has this port inside, whether or not anything would come through.
    pub(super) fn holder(&self, port: u16) -> Option<SocketAddrV4> {
        self.at(port).map(|mapping| mapping.endpoints.0)
    }

    /// All mappings are lost. Ports are not given out again at once.
    pub(super) fn rebind(&mut self, address: Ipv4Addr) {
        self.address = address;
        self.mappings.clear();
    }

    /// Drops what is over.
    fn forget(&mut self, now: u64) {
        let idle = self.kind.idle;
        self.mappings.retain(|mapping| now - mapping.used < idle);
        for mapping in &mut self.mappings {
            mapping.contacts.retain(|(_, used)| now - used < idle);
        }
    }

    fn at(&self, port: u16) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.port == port)
    }

    /// A port that nobody has: never one that somebody has (section 4.1, REQ-3).
    fn free_port(&mut self) -> Option<u16> {
        for _ in FIRST_PORT_AGAIN..=u16::MAX {
            let port = self.next_port;
            self.next_port = if port == u16::MAX { FIRST_PORT_AGAIN } else { port + 1 };
            if self.at(port).is_none() {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5000);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

    fn outside(host: u8, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, host), port)
    }

    fn nat(mapping: Dependence, filtering: Dependence) -> Nat {
        Nat::new(NatKind { mapping, filtering, idle: 30_000, shared: false, hairpin: false }, ADDRESS)
    }

    #[test]
    fn a_mapping_depends_on_what_the_rfc_says() {
        use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
        for (mapping, other_port, other_host) in [
            (EndpointIndependent, true, true),
            (AddressDependent, true, false),
            (AddressAndPortDependent, false, false),
        ] {
            let mut nat = nat(mapping, EndpointIndependent);
            let first = nat.outbound(0, INSIDE, outside(1, 1)).unwrap();
            assert_eq!(nat.outbound(0, INSIDE, outside(1, 1)).unwrap(), first, "{mapping}");
            assert_eq!(nat.outbound(0, INSIDE, outside(1, 2)).unwrap() == first, other_port, "{mapping}");
            assert_eq!(nat.outbound(0, INSIDE, outside(2, 1)).unwrap() == first, other_host, "{mapping}");
        }
    }

    #[test]
    fn a_filter_depends_on_what_the_rfc_says() {
        use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
        for (filtering, other_port, other_host) in [
            (EndpointIndependent, true, true),
            (AddressDependent, true, false),
            (AddressAndPortDependent, false, false),
        ] {
            let mut nat = nat(EndpointIndependent, filtering);
            let port = nat.outbound(0, INSIDE, outside(1, 1)).unwrap().port();
            let expected = |passes: bool| if passes { Ok(INSIDE) } else { Err(Refusal::Filtered) };
            assert_eq!(nat.inbound(1, port, outside(1, 1)), Ok(INSIDE), "{filtering}");
            assert_eq!(nat.inbound(1, port, outside(1, 2)), expected(other_port), "{filtering}");
            assert_eq!(nat.inbound(1, port, outside(2, 1)), expected(other_host), "{filtering}");
            assert_eq!(nat.inbound(1, port + 1, outside(1, 1)), Err(Refusal::Unmapped));
        }
    }

    #[test]
    fn a_mapping_is_gone_from_the_millisecond_on_at_which_it_was_idle_for_long_enough() {
        let mut nat = nat(Dependence::EndpointIndependent, Dependence::EndpointIndependent);
        let first = nat.outbound(0, INSIDE, outside(1, 1)).unwrap();
        assert_eq!(nat.inbound(29_999, first.port(), outside(1, 1)), Ok(INSIDE));
        assert_eq!(nat.inbound(30_000, first.port(), outside(1, 1)), Err(Refusal::Unmapped));
        assert_ne!(nat.outbound(30_000, INSIDE, outside(1, 1)).unwrap(), first);
        assert_eq!(nat.mappings.len(), 1, "what is over is not kept");
    }

    #[test]
    fn what_comes_from_inside_is_turned_back_only_by_a_nat_that_does_hairpinning() {
        let kind = |hairpin| NatKind { hairpin, ..nat(Dependence::default(), Dependence::default()).kind };
        for (hairpin, expected) in [(true, Ok(INSIDE)), (false, Err(Refusal::NoHairpin))] {
            let mut nat = Nat::new(kind(hairpin), ADDRESS);
            let port = nat.outbound(0, INSIDE, outside(1, 1)).unwrap().port();
            let neighbour = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5000);
            // It comes from the address that the world sees (section 6, REQ-9).
            let source = nat.outbound(0, neighbour, SocketAddrV4::new(ADDRESS, port)).unwrap();
            assert_eq!(nat.inbound(1, port, source), expected);
            assert_eq!(nat.inbound(1, port, outside(1, 1)), Ok(INSIDE), "others come in either way");
        }
    }

    #[test]
    fn after_a_rebind_the_same_client_has_another_port() {
        let mut nat = nat(Dependence::EndpointIndependent, Dependence::EndpointIndependent);
        let before = nat.outbound(0, INSIDE, outside(1, 1)).unwrap();
        nat.rebind(ADDRESS);
        assert_eq!(nat.inbound(1, before.port(), outside(1, 1)), Err(Refusal::Unmapped));
        assert_ne!(nat.outbound(1, INSIDE, outside(1, 1)).unwrap(), before);
    }
}
