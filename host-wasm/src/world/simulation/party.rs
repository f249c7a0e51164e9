//! A client in its place: its agent, its socket, its link, the NAT it is behind, and whether it sleeps.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::agent::Agent;
use super::nat::{Nat, Refusal};
use super::path::Path;
use crate::world::Scenario;

/// Public addresses: RFC 2544's, in the order of the clients, and after them whatever a NAT that changes its address gets.
const PUBLIC: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const MOST_PUBLIC: usize = 0x1_fffe;
/// Addresses behind NATs: a client has that of its number.
const INSIDE: u32 = u32::from_be_bytes([10, 0, 0, 1]);
/// The port of every client's socket, at the client.
const PORT: u16 = 5000;

#[derive(Debug)]
pub(super) struct Party {
    pub(super) agent: Agent,
    pub(super) path: Path,
    /// Its own address: public, or behind its NAT.
    pub(super) socket: SocketAddrV4,
    pub(super) nat: Option<usize>,
    /// Whether it has been switched on, and when that is.
    pub(super) started: bool,
    pub(super) starts: u64,
    pub(super) meets: Option<u16>,
    /// Whether the scenario told it to sleep.
    pub(super) told_to_sleep: bool,
    /// When it sleeps of itself.
    pub(super) silent: Vec<(u64, u64)>,
    pub(super) asleep: bool,
    /// When it is going to be woken.
    pub(super) alarm: Option<u64>,
}

impl Party {
    pub(super) fn is_asleep(&self, now: u64) -> bool {
        self.told_to_sleep || self.silent.iter().any(|&(from, to)| (from..to).contains(&now))
    }

    /// When it next has something to do, if nothing else happens to it.
    pub(super) fn poll_timeout(&self, now: u64) -> Option<u64> {
        let edges = self.silent.iter().flat_map(|&(from, to)| [from, to]).filter(|edge| *edge > now);
        let own = match (self.asleep, self.started) {
            (true, _) => None,
            (false, false) => Some(self.starts),
            (false, true) => self.agent.poll_timeout(),
        };
        edges.chain(own).min()
    }
}

/// Who has which address.
#[derive(Debug, Default)]
pub(super) struct Places {
    nats: Vec<Nat>,
    owners: Vec<Owner>,
}

#[derive(Clone, Copy, Debug)]
enum Owner {
    Nobody,
    Client(u16),
    Nat(usize, Option<u16>),
}

impl Places {
    /// Gives every client of a scenario its address, in their order: the socket and the NAT of each.
    pub(super) fn assign(&mut self, scenario: &Scenario) -> Vec<(SocketAddrV4, Option<usize>)> {
        let mut places = vec![];
        for group in &scenario.clients {
            let mut shared = None;
            for _ in 0..group.count {
                let client = u16::try_from(places.len()).expect("a scenario has no more clients than that");
                let Some(kind) = group.nat else {
                    let address = self.public(Owner::Client(client));
                    places.push((SocketAddrV4::new(address, PORT), None));
                    continue;
                };
                let nat = match shared {
                    Some(nat) => nat,
                    None => {
                        let only = (!kind.shared).then_some(client);
                        let address = self.public(Owner::Nat(self.nats.len(), only));
                        self.nats.push(Nat::new(kind, address));
                        self.nats.len() - 1
                    }
                };
                shared = kind.shared.then_some(nat);
                let inside = Ipv4Addr::from(INSIDE + u32::from(client));
                places.push((SocketAddrV4::new(inside, PORT), Some(nat)));
            }
        }
        places
    }

    /// What the world sees of a datagram's source; `None` if the NAT has no port left for it.
    pub(super) fn outbound(&mut self, now: u64, party: &Party, to: SocketAddrV4) -> Option<SocketAddrV4> {
        match party.nat {
            Some(nat) => self.nats[nat].outbound(now, party.socket, to),
            None => Some(party.socket),
        }
    }

    /// The address that the world sees of a client's connections.
    pub(super) fn public_address(&self, party: &Party) -> Ipv4Addr {
        party.nat.map_or_else(|| *party.socket.ip(), |nat| self.nats[nat].address)
    }

    /// Whose datagram it is that arrives at a public address; `Ok(None)` if nobody has that.
    pub(super) fn inbound(
        &self,
        now: u64,
        to: SocketAddrV4,
        from: SocketAddrV4,
    ) -> Result<Option<u16>, Refusal> {
        match self.owner(*to.ip()) {
            Owner::Nobody => Ok(None),
            Owner::Client(client) => Ok(Some(client).filter(|_| to.port() == PORT)),
            Owner::Nat(nat, _) => {
                self.nats[nat].inbound(now, to.port(), from).map(|inside| Some(client_at(inside)))
            }
        }
    }

    /// Over whose link a datagram to this address goes, whether or not it gets through in the end.
    pub(super) fn behind(&self, to: SocketAddrV4) -> Option<u16> {
        match self.owner(*to.ip()) {
            Owner::Nobody => None,
            Owner::Client(client) => Some(client),
            Owner::Nat(_, Some(only)) => Some(only),
            Owner::Nat(nat, None) => self.nats[nat].holder(to.port()).map(client_at),
        }
    }

    /// The NAT forgets its mappings, and gets another address if it is to and there is one left.
    pub(super) fn rebind(&mut self, nat: usize, another_address: bool) -> Ipv4Addr {
        let mut address = self.nats[nat].address;
        if another_address && self.owners.len() < MOST_PUBLIC {
            let owner = std::mem::replace(self.owner_mut(address), Owner::Nobody);
            address = self.public(owner);
        }
        self.nats[nat].rebind(address);
        address
    }

    fn public(&mut self, owner: Owner) -> Ipv4Addr {
        self.owners.push(owner);
        let number =
            u32::try_from(self.owners.len() - 1).expect("there are fewer public addresses than that");
        Ipv4Addr::from(PUBLIC + number)
    }

    fn owner(&self, address: Ipv4Addr) -> Owner {
        let index = u32::from(address).checked_sub(PUBLIC).map(|index| index as usize);
        index.and_then(|index| self.owners.get(index)).copied().unwrap_or(Owner::Nobody)
    }

    fn owner_mut(&mut self, address: Ipv4Addr) -> &mut Owner {
        let index = u32::from(address) - PUBLIC;
        &mut self.owners[index as usize]
    }
}

fn client_at(inside: SocketAddrV4) -> u16 {
    u16::try_from(u32::from(*inside.ip()) - INSIDE).expect("it is the address of a client")
}
