//! A store that is damaged, of another version, or in use: it is refused with one clear line, and never half read.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use nix::sys::signal::Signal;
use redb::TableDefinition;
use rendezvous_crowd::TestRng;
use rendezvous_model::size::{Size, tell};
use rendezvous_native::store::StoreError;
use rendezvous_protocol::{ClientId, PulseCode};
use rendezvous_tests::directory::Directory;
use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::process::{Process, command, run_to_end};
use rendezvous_tests::target::receive_code;

use crate::fast::golden;
use crate::stored::{Known, LAZY, address, log_out, look_up, open, open_image, pulse, register};

const PAGE: usize = 4096;

/// A store, and what is in it.
struct Stored {
    bytes: Vec<u8>,
    clients: Vec<(ClientId, Known)>,
    /// Who alone was in the last commit, if a crash may have cut that off.
    latest: Option<ClientId>,
}

/// What came of a damage.
#[derive(Debug, Default)]
struct Counts {
    refused: usize,
    /// It hit nothing that means anything.
    harmless: usize,
    /// The last commit is taken for one that a crash cut off.
    one_commit_less: usize,
}

/// A store with some pages of clients, some of whom logged out. It was closed in good order, or the server crashed right after it
/// acknowledged one more registration.
fn stored(closed: bool) -> Stored {
    let disk = SimulatedDisk::default();
    let node = open(&disk, LAZY).unwrap();
    let registrations: Vec<_> = (0..400).map(|_| node.register().unwrap()).collect();
    let mut ids: Vec<_> = registrations.into_iter().map(|answer| answer.wait().unwrap().client_id).collect();
    let logouts: Vec<_> = ids.iter().step_by(5).map(|&id| node.logout(id).unwrap()).collect();
    logouts.into_iter().for_each(|answer| assert!(answer.wait().is_ok()));
    for (n, &id) in ids.iter().enumerate() {
        if closed && n % 3 != 0 && n % 5 != 0 {
            assert_eq!(pulse(&node, id, address(n)), PulseCode::OnTime);
        }
    }
    let latest = (!closed).then(|| register(&node).unwrap());
    ids.extend(latest);
    if closed {
        node.close().unwrap();
    }
    let bytes = disk.content().unwrap();
    let clients = ids.into_iter().map(|id| (id, look_up(&node, id))).collect();
    Stored { bytes, clients, latest }
}

impl Stored {
    /// Opens the store with this damage. It may be refused, or hold exactly what it is to hold.
    fn try_damaged(&self, damage: &str, harm: impl Fn(&mut Vec<u8>), counts: &mut Counts) {
        let mut bytes = self.bytes.clone();
        harm(&mut bytes);
        let opened = catch_unwind(|| open_image(Some(bytes))).unwrap_or_else(|_| panic!("{damage}: a panic"));
        match opened {
            Ok(node) => {
                let mut expected = self.clients.iter().filter(|(_, known)| known.is_some()).count();
                if self.latest.is_some_and(|id| look_up(&node, id).is_none()) {
                    counts.one_commit_less += 1;
                    expected -= 1;
                } else {
                    counts.harmless += 1;
                }
                for &(id, known) in self.clients.iter().filter(|&&(id, _)| Some(id) != self.latest) {
                    assert_eq!(look_up(&node, id), known, "{damage}: something else was read");
                }
                assert_eq!(node.stats().records, expected, "{damage}: somebody was added");
            }
            Err(error) => {
                counts.refused += 1;
                assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error:?}");
                assert!(!error.to_string().contains('\n'), "{damage}: {error}");
            }
        }
    }
}

#[test]
fn flipped_bits_lost_pages_and_cut_off_files_are_found_or_mean_nothing() {
    let counts = damage_everywhere(&stored(true));
    assert_eq!(counts.one_commit_less, 0);
}

/// Of a store that was not closed, the last commit may have been cut off by the crash, as far as anybody can tell: the library syncs
/// once for each. So a damage of just what that one wrote undoes it, and nothing else. All other damage is found.
#[test]
fn after_a_crash_a_damage_is_found_or_costs_the_last_commit_alone() {
    damage_everywhere(&stored(false));
}

fn damage_everywhere(stored: &Stored) -> Counts {
    let closed = if stored.latest.is_some() { "after a crash" } else { "closed" };
    let flips = Size::get().pick("damaged stores: flipped bits", 2000, 20_000, 200_000);
    let len = stored.bytes.len();
    let mut rng = TestRng::new(1);
    let mut counts = Counts::default();
    // All of the header, and samples of the rest.
    let header = (0..400 * 8).map(|bit| (bit / 8, bit % 8));
    let anywhere = (0..flips).map(|_| (rng.below(len), rng.below(8)));
    for (byte, bit) in header.chain(anywhere) {
        stored.try_damaged(
            &format!("bit {bit} of byte {byte}"),
            |bytes| bytes[byte] ^= 1 << bit,
            &mut counts,
        );
    }
    for page in 0..len / PAGE {
        let range = page * PAGE..(page + 1) * PAGE;
        stored.try_damaged(&format!("page {page} zeroed"), |bytes| bytes[range.clone()].fill(0), &mut counts);
        let other = rng.below(len / PAGE) * PAGE;
        stored.try_damaged(
            &format!("page {page} has what byte {other} on has"),
            |bytes| bytes.copy_within(other..other + PAGE, range.start),
            &mut counts,
        );
    }
    assert!(counts.refused > 0 && counts.harmless > 0, "{counts:?}");
    tell(&format!("damaged stores, {closed}: bits flipped and pages lost, of {len} bytes: {counts:?}"));

    let mut cut_off = Counts::default();
    let anywhere = (0..100).map(|_| rng.below(len));
    for keep in (0..len / PAGE).map(|page| page * PAGE).chain(anywhere) {
        stored.try_damaged(&format!("only {keep} bytes"), |bytes| bytes.truncate(keep), &mut cut_off);
    }
    assert!(cut_off.refused > 0, "{cut_off:?}");
    tell(&format!("damaged stores, {closed}: cut off: {cut_off:?}"));
    counts
}

#[test]
fn the_start_on_a_damaged_store_is_refused_with_one_line() {
    let directory = Directory::new("damage");
    let good = stored(true).bytes;
    let flipped = {
        let mut bytes = good.clone();
        // Wherever entries are, every page of them counts.
        bytes[PAGE..].chunks_mut(PAGE).for_each(|page| page[100] ^= 1);
        bytes
    };
    let zeroed = [&good[..PAGE], &vec![0; good.len() - PAGE]].concat();
    for (name, bytes) in [
        ("flipped", &flipped[..]),
        ("zeroed", &zeroed),
        ("cut", &good[..good.len() / 2]),
        ("empty", &[]),
        // These were called stores that cannot be read, as if the disk were at fault.
        ("text", b"These are the clients.\n"),
        ("blank", &[0; PAGE]),
    ] {
        let path = directory.path().join(format!("{name}.redb"));
        fs::write(&path, bytes).unwrap();
        let line = refusal(&path);
        assert!(line.contains("is damaged or no store of this program"), "{line}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}: it is left as it is");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let directory = Directory::new("later");
    let path = directory.path().join("store.redb");
    fs::write(&path, golden::BYTES).unwrap();
    let about: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(about).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let line = refusal(&path);
    assert!(
        line.contains("was written by a later version of this program (format 2; this one reads 1)"),
        "{line}"
    );
}

#[test]
fn a_second_process_on_the_same_store_is_refused_and_the_first_goes_on() {
    let directory = Directory::new("second");
    let path = directory.path().join("store.redb");
    let flag = format!("--store=redb:{}", path.display());
    let mut first = Process::start(&[&flag]);
    let client = first.target().register();
    for _ in 0..3 {
        let line = refusal(&path);
        assert!(line.contains("is in use by another process"), "{line}");
        assert_eq!(client.pulse(), 1020);
        first.target().register().logout().assert_ok();
    }
    let key = *client.registration.private_id.reveal();
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().code(), Some(0));
    let second = Process::start(&[&flag]);
    let socket = second.target().socket();
    socket.send(&key).unwrap();
    assert_eq!(receive_code(&socket), 1020);
}

#[test]
fn a_node_on_a_store_of_before_takes_new_clients_too() {
    let Stored { bytes, clients, .. } = stored(true);
    let disk = SimulatedDisk::holding(Some(bytes));
    let node = open(&disk, LAZY).unwrap();
    let (new, gone) = (register(&node).unwrap(), clients[1].0);
    log_out(&node, gone).unwrap();
    node.close().unwrap();
    let node = open_image(disk.content()).unwrap();
    assert_eq!((look_up(&node, new), look_up(&node, gone)), (Some(None), None));
}

/// Starts the program on a store that it must refuse. Returns what it says.
fn refusal(path: &Path) -> String {
    let mut command = command();
    for name in ["--udp-listen", "--http-listen", "--admin-listen"] {
        command.arg(format!("{name}=127.0.0.1:0"));
    }
    command.arg(format!("--store=redb:{}", path.display()));
    let output = run_to_end(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "one line: {text}");
    assert!(line.starts_with(&format!("rendezvous: the store {} ", path.display())), "{line}");
    line.to_owned()
}
