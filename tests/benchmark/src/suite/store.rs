//! What a store in a file costs: registrations that wait for the disk, pulses that must not, and memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::Bench;
use crate::disk::{Folder, size_and_time};
use crate::outcome::Outcome;
use crate::progress::say;
use crate::report::{Table, thousands};
use crate::server::{Key, PATIENT, Server};
use crate::stock::stock;
use crate::system::SERVER_CORE;

mod pulses;
mod registering;

pub(super) use pulses::wait_until_written;

/// What the tables call the two stores.
const MEMORY: &str = "memory:";
const REDB: &str = "redb:";

/// A store full of clients, to be copied.
struct Stocked {
    folder: Folder,
    file: PathBuf,
    keys: Arc<[Key]>,
}

/// Measures it.
///
/// # Errors
/// If something does not start, or ends early.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    let folder = Folder::within(&bench.store_folder)?;
    let file = folder.file("stock.redb");
    let keys = stock(&bench.program, &file, bench.sizes.clients)?;
    let stocked = Stocked { folder, file, keys };

    bench.report.title("The store")?;
    bench.report.text(&format!(
        "Stores in files on {}, next to memory: alone, with {} clients before anything is measured. The stores are \
         imported; with memory: alone, the clients are registered.\n",
        stocked.folder.file_system()?,
        thousands(bench.sizes.clients as u64),
    ))?;
    let registering = registering::run(bench, &stocked)?;
    let pulses = pulses::run(bench, &stocked)?;
    bench.report.figures(
        "store",
        json!({
            "clients": bench.sizes.clients, "file_system": stocked.folder.file_system()?,
            "registering": registering, "pulses": pulses,
        }),
    );
    Ok(())
}

impl Stocked {
    /// A server on these cores with a copy of the store.
    fn server(&self, bench: &Bench, cores: &[usize], name: &str) -> Outcome<(Server, PathBuf)> {
        say(format_args!("loading a store: {name}"));
        let file = self.folder.file(name);
        std::fs::copy(&self.file, &file)?;
        Ok((serve(&bench.program, cores, &file, &[])?, file))
    }
}

/// A server on these cores with this file, with nobody late while this runs.
///
/// # Errors
/// If it does not start.
pub(super) fn serve(program: &Path, cores: &[usize], file: &Path, flags: &[&str]) -> Outcome<Server> {
    let store = format!("--store=redb:{}", file.display());
    let flags = [&PATIENT, &["--udp-threads=1", &store][..], flags].concat();
    Server::start(program, cores, &flags)
}

/// How much memory and disk a client takes.
struct Sizes(Table, Vec<serde_json::Value>);

impl Sizes {
    fn new() -> Self {
        let columns =
            ["memory and disk", "clients", "RSS MB", "RSS bytes / client", "file MB", "file bytes / client"];
        Self(Table::new(&columns), vec![])
    }

    fn row(&mut self, name: &str, clients: usize, resident: u64, file: Option<&Path>) -> Outcome<()> {
        let file = file.map(size_and_time).transpose()?.map(|(size, _)| size);
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        let per_client = |bytes: u64| format!("{:.1}", bytes as f64 / clients as f64);
        let none = || String::from("-");
        self.0.row([
            name.into(),
            thousands(clients as u64),
            megabytes(resident),
            per_client(resident),
            file.map_or_else(none, megabytes),
            file.map_or_else(none, per_client),
        ]);
        self.1.push(json!({"system": name, "clients": clients, "rss": resident, "file": file}));
        Ok(())
    }
}

/// A server whose clients are kept in memory alone, on the server's core, with as many of them.
fn in_memory(bench: &Bench) -> Outcome<(Server, Arc<[Key]>)> {
    bench.server_with(bench.sizes.clients, &[])
}

const CORE: [usize; 1] = [SERVER_CORE];
