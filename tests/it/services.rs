//! The store that several nodes share, against real Redis servers: that it conforms, that no serial order is violated, and what
//! happens when any of its parts fails.

use std::time::Duration;

use rendezvous_native::shared::{Credentials, Durability, SharedOptions};
use rendezvous_protocol::ClientId;

mod cluster;
mod commands;
mod damage;
mod histories;
mod library;
mod model;
mod nodes;
mod outages;
mod settings;
mod spec;

/// Options of a store. A call, and the wait for `replicas`, may take `timeout`.
fn options(address: &str, prefix: &str, replicas: u32, timeout: Duration) -> SharedOptions {
    SharedOptions {
        address: address.parse().unwrap(),
        credentials: Credentials::default(),
        prefix: prefix.into(),
        patience: timeout,
        durability: Durability { replicas, patience: timeout },
    }
}

/// Redis key of the record of a client, with the default prefix.
fn key_of(id: ClientId) -> Vec<u8> {
    let mut key = format!("rendezvous:{{{:02x}}}", id.as_bytes()[0]).into_bytes();
    key.extend_from_slice(id.as_bytes());
    key
}
