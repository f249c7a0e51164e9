//! What happened, counted: data for the host to export as it likes.

use core::ops::AddAssign;

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Events since the server was made. Each only grows.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// Adds up the counters of several servers, such as the shards of one host.
        impl AddAssign for Counters {
            fn add_assign(&mut self, other: Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

counters! {
    /// Datagrams dropped because they were not 32 bytes long.
    dropped_wrong_length,
    /// Datagrams dropped because they came from port 0.
    dropped_port_zero,
    /// Clients that registered.
    registered,
    /// Registrations among these that were taken back, since they could not be stored.
    withdrawn,
    /// Registrations refused because a live client had the id.
    taken,
    /// Clients put back from a store.
    restored,
    /// Pulses answered 1020.
    pulses_on_time,
    /// Pulses answered 1050.
    pulses_late,
    /// Pulses answered 1060.
    pulses_unknown,
    /// Accepted pulses that came from another address than the one before, the first of a client included.
    moved,
    /// Clients that verified.
    verified,
    /// Clients that logged out.
    logged_out,
    /// Clients that were silent for too long and are forgotten.
    expired,
    /// Requests whose key belongs to no live client.
    unauthorized,
    /// Lookups that found their peer.
    lookups_found,
    /// Lookups of a peer that is not there.
    lookups_unknown,
}
