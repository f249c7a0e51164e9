//! The benchmarks, a file each.

use std::path::PathBuf;
use std::sync::Arc;

use crate::options::{FULL_CLIENTS, FULL_MOST_CLIENTS, Sizes};
use crate::outcome::Outcome;
use crate::peers::StartPeer;
use crate::register::register;
use crate::report::Report;
use crate::server::{Key, PATIENT, Server};
use crate::system::SERVER_CORE;

pub(crate) mod expiry;
pub(crate) mod flood;
pub(crate) mod growth;
pub(crate) mod lookup;
pub(crate) mod pauses;
pub(crate) mod pulse;
pub(crate) mod restart;
pub(crate) mod shared;
pub(crate) mod store;
pub(crate) mod threads;

/// What every benchmark needs.
pub(crate) struct Bench {
    /// The server's program.
    pub(crate) program: PathBuf,
    /// Programs of others to measure beside it.
    pub(crate) peers: &'static [StartPeer],
    /// Where stores are put.
    pub(crate) store_folder: PathBuf,
    /// How large everything is.
    pub(crate) sizes: Sizes,
    /// What was found so far.
    pub(crate) report: Report,
}

impl Bench {
    /// A server on the server's core, with nobody late while this runs, and so many clients.
    ///
    /// # Errors
    /// If it does not start, or refuses a client.
    pub(crate) fn server_with(&self, clients: usize, flags: &[&str]) -> Outcome<(Server, Arc<[Key]>)> {
        let flags = [&PATIENT, &["--udp-threads=1"][..], flags].concat();
        let server = Server::start(&self.program, &[SERVER_CORE], &flags)?;
        let keys = register(server.http, clients)?;
        Ok((server, keys.into()))
    }

    /// Says by how much the sizes were reduced, if they were.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(crate) fn say_reductions(&self) -> Outcome<()> {
        let Sizes { slices, slice, clients, most_clients, open: _ } = self.sizes;
        if clients < FULL_CLIENTS {
            self.report.text(&format!("reduced: {clients} clients instead of {FULL_CLIENTS}"))?;
        }
        if most_clients < FULL_MOST_CLIENTS {
            self.report.text(&format!(
                "reduced: {most_clients} clients instead of {FULL_MOST_CLIENTS} where growth is the question (--long)"
            ))?;
        }
        if slices < 15 || slice.as_secs() < 1 {
            self.report.text(&format!("reduced: {slices} slices of {slice:?} instead of 15 of 1 s"))?;
        }
        Ok(())
    }
}
