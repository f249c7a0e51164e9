//! The rendezvous protocol as a sans-IO state machine: events and time in, answers out.
//!
//! Clients behind NATs register over HTTP, keep a UDP mapping alive with a pulse every 30 s, and look up each
//! other's public address and liveness. This crate is all of that except the sockets: the wire formats, the
//! lifecycle of a client, a server in memory, and the two machines of a client: [`client`] stays reachable, [`punch`] finds a way
//! to a peer. A native server, a browser simulator and property tests drive the
//! same code, and for the same inputs they get the same outputs, byte for byte.
//!
//! # The driver contract
//!
//! A host owns the sockets, the clocks and the entropy. It does this, in this order:
//!
//! 1. **Make** a [`Server`] with a [`Timing`]. If records were kept by an earlier run, [`Server::restore`] each of
//!    them and then call [`Server::resume`] once, with [`Instant::ZERO`].
//! 2. **Read both clocks** ([`Clock`]) before each call: one that never runs backwards, for decisions, and the wall
//!    clock, which is only printed. If the process turns out not to have run for a while, [`Server::resume`] first.
//! 3. **Decode** what arrives: a datagram with [`Input::datagram`], credentials with [`http::parse_bearer`]. For a
//!    registration, draw a [`PrivateKey`] from a cryptographic generator and hand in its [`ClientId`]; on
//!    [`Output::Taken`], draw another.
//! 4. **Handle** it: [`Server::handle`], or the method of the same name as the request. A call does everything at
//!    once; there is nothing to poll afterwards. Pulses that arrived together are handled faster together:
//!    [`Server::pulse_batch`].
//! 5. **Perform** the answer: send an [`Output::Transmit`] from the local address that the datagram reached, print a
//!    [`Response`] ([`Response::to_json`]) or a [`Rejection`] ([`http::Problem`]), tell a new client its key
//!    ([`http::RegisterBody`]); hand each [`Change`] to whoever keeps records.
//! 6. **Tick** when [`Server::poll_timeout`] is due, again while it says [`Progress::More`]. A tick frees memory;
//!    being late with it changes no answer.
//!
//! # What is not here
//!
//! Nothing in this crate reads a clock, draws entropy, does I/O, logs, locks, spawns a thread, or depends on the
//! iteration order of a hash map. It is `no_std` and has no `unsafe` code.
//!
//! # Panics
//!
//! No input panics. A panic would be a broken invariant, that is, a bug in this crate.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;

/// The version of this crate: of the rules and of the formats.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub mod client;
mod datagram;
pub mod http;
mod identity;
mod jitter;
pub mod lifecycle;
mod limit;
mod message;
pub mod punch;
mod record;
mod server;
mod time;
mod timing;

pub use datagram::{
    DropReason, PULSE_LEN, PulseCode, Reply, ReplyWidth, canonical as canonical_address, decode_pulse,
};
pub use identity::{ClientId, MalformedHex, PrivateKey};
pub use limit::{Network, Rate, RateLimiter};
pub use message::{DatagramContent, Input, Output, Rejection, Request, Response};
pub use record::{EncodedRecord, Record, StoredRecord, StoredRecordError};
pub use server::{Change, Counters, Outcome, Progress, Pulse, Removal, Server};
pub use time::{Clock, Instant, Millis, UnixTime};
pub use timing::{
    DEFAULT_ERROR_TIME, DEFAULT_PULSE_GRACE, DEFAULT_PULSE_INTERVAL, MAX_DURATION, Timing, TimingError,
};
