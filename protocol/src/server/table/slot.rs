//! One client in the table: its id and its record, packed.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{ClientId, Instant, Record};

/// 48 bytes: id 16, address 16, and one number that holds the rest. Nothing is lost: times are kept in full, not
/// relative to an epoch that would have to move before they wrap.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(in crate::server) struct Slot {
    id: ClientId,
    /// An IPv4 address is in the first four bytes.
    ip: [u8; 16],
    /// From the lowest bit: [`Slot::TIME_BITS`] for the last pulse, as many for when the client was last seen, 16 for the
    /// port, two for the family of the address. A time is stored plus one, so that zero says that there is none.
    rest: u128,
}

const NO_ADDRESS: u128 = 0;
const V4: u128 = 1;
const V6: u128 = 2;

impl Slot {
    /// Enough for [`Instant::MAX`] plus one.
    const TIME_BITS: u32 = 54;
    const SEEN_AT: u32 = Self::TIME_BITS;
    const PORT_AT: u32 = 2 * Self::TIME_BITS;
    const FAMILY_AT: u32 = Self::PORT_AT + 16;

    /// What is in memory that no client uses yet.
    pub(super) const EMPTY: Self = Self { id: ClientId::from_bytes([0; 16]), ip: [0; 16], rest: 0 };

    /// An IPv6 address loses its scope and flow label: a record keeps canonical addresses, which have none.
    pub(super) fn new(id: ClientId, record: &Record) -> Self {
        let mut slot = Self { id, ..Self::EMPTY };
        slot.set_record(record);
        slot
    }

    /// Reads both of the cache lines that it may lie in, so that they are in the cache: its first byte and one of its last
    /// sixteen.
    #[inline]
    pub(in crate::server) fn touch(&self) {
        black_box((self.id.as_bytes()[0], self.rest as u8));
    }

    #[inline]
    pub(super) const fn id(&self) -> &ClientId {
        &self.id
    }

    #[inline]
    pub(super) fn set_record(&mut self, record: &Record) {
        let (family, port) = match record.address {
            None => (NO_ADDRESS, 0),
            Some(SocketAddr::V4(address)) => {
                self.ip[..4].copy_from_slice(&address.ip().octets());
                (V4, address.port())
            }
            Some(SocketAddr::V6(address)) => {
                self.ip = address.ip().octets();
                (V6, address.port())
            }
        };
        self.rest = pack_time(record.last_pulse)
            | pack_time(record.last_seen) << Self::SEEN_AT
            | u128::from(port) << Self::PORT_AT
            | family << Self::FAMILY_AT;
    }

    #[inline]
    pub(super) fn record(&self) -> Record {
        let port = (self.rest >> Self::PORT_AT) as u16;
        let [a, b, c, d, ..] = self.ip;
        let ip = match self.rest >> Self::FAMILY_AT {
            NO_ADDRESS => None,
            V4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            _ => Some(IpAddr::V6(Ipv6Addr::from(self.ip))),
        };
        Record {
            address: ip.map(|ip| SocketAddr::new(ip, port)),
            last_seen: unpack_time((self.rest >> Self::SEEN_AT) as u64),
            last_pulse: unpack_time(self.rest as u64),
        }
    }
}

/// No clock reads later than [`Instant::MAX`]; should a host make one up, it counts as that.
#[inline]
fn pack_time(time: Option<Instant>) -> u128 {
    time.map_or(0, |time| u128::from(time.min(Instant::MAX).as_millis() + 1))
}

#[inline]
fn unpack_time(bits: u64) -> Option<Instant> {
    let millis = (bits & ((1 << Slot::TIME_BITS) - 1)).checked_sub(1)?;
    Some(Instant::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_three_quarters_of_a_cache_line() {
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (48, 16));
        assert_eq!((core::mem::offset_of!(Slot, id), core::mem::offset_of!(Slot, rest)), (0, 32));
    }

    #[test]
    fn a_record_comes_out_as_it_went_in() {
        let times = [None, Some(0), Some(1), Some(u64::from(u32::MAX) + 1), Some(Instant::MAX.as_millis())];
        let addresses = ["0.0.0.0:0", "192.0.2.7:65535", "[::]:1", "[2001:db8::7:ffff]:40000"];
        let addresses = addresses.map(|text| Some(text.parse().unwrap())).into_iter().chain([None]);
        let mut slot = Slot::new(ClientId::from_bytes([7; 16]), &Record::restored(None));
        for address in addresses {
            for (seen, pulse) in times.iter().flat_map(|&seen| times.map(|pulse| (seen, pulse))) {
                let at = |time: Option<u64>| time.map(Instant::from_millis);
                let record = Record { address, last_seen: at(seen), last_pulse: at(pulse) };
                slot.set_record(&record);
                assert_eq!((slot.record(), slot.id()), (record, &ClientId::from_bytes([7; 16])));
            }
        }
    }

    #[test]
    fn a_time_that_no_clock_reads_counts_as_the_last_one() {
        let beyond = Instant::MAX + crate::Millis(u64::MAX);
        let slot = Slot::new(ClientId::from_bytes([7; 16]), &Record::registered(beyond));
        assert_eq!(slot.record(), Record::registered(Instant::MAX));
    }
}
