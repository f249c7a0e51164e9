//! A disk that is simulated, so that its power can fail at any moment and its syncs can fail when a test wants them to.
//!
//! It keeps what was synced apart from what was only written, and has a list of everything that was done to it. From that list
//! [`Replay`] makes what a real disk might hold if the power had failed before any one of these operations.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rendezvous_native::store::{Medium, StorageBackend};

mod replay;

pub use replay::Replay;

/// What a disk gives to a file at a time.
const BLOCK: u64 = 4096;

/// What the disk holds in the place of the store: `None` if there is no such file.
pub type Image = Option<Vec<u8>>;

/// The disk. Copies are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// All that there ever were; in the list of operations they go by their index here.
    files: Vec<File>,
    store: Option<usize>,
    fresh: Option<usize>,
    /// The store's content when this disk was made.
    initial: Image,
    operations: Vec<Operation>,
    faults: Faults,
}

/// A file, as whoever reads it sees it: with what is not synced.
#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// Those of its blocks that take space.
    blocks: HashSet<u64>,
}

#[derive(Debug, Default)]
struct Faults {
    /// How many of the next syncs fail.
    failing_syncs: usize,
    /// How many bytes there is space for.
    capacity: Option<u64>,
    sync_takes: Duration,
    /// Whether syncs wait until they are released.
    held: bool,
    /// How many wait.
    waiting: usize,
    /// Whether syncs say that they are done and do nothing.
    lies: bool,
}

/// Something that was done to the disk.
#[derive(Clone, Debug)]
enum Operation {
    /// An empty file was made.
    Create(usize),
    Write {
        file: usize,
        offset: usize,
        data: Arc<[u8]>,
    },
    SetLen {
        file: usize,
        len: usize,
    },
    Sync(usize),
    /// From then on nobody writes any more what was written before.
    FailedSync(usize),
    /// The file took the place of the store. That need not be on the disk yet.
    Rename(usize),
    /// Now it is.
    SyncNames,
}

impl SimulatedDisk {
    /// A disk that holds this.
    pub fn holding(image: Image) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.lock();
            state.initial.clone_from(&image);
            if let Some(bytes) = image {
                let blocks = (0..(bytes.len() as u64).div_ceil(BLOCK)).collect();
                state.files.push(File { bytes, blocks });
                state.store = Some(0);
            }
        }
        disk
    }

    /// How many operations there were. Whatever is done by now was done before the operation of this index.
    pub fn operations(&self) -> usize {
        self.lock().operations.len()
    }

    /// What was done so far, to be done again step by step.
    pub fn replay(&self) -> Replay {
        let state = self.lock();
        Replay::new(state.initial.clone(), state.operations.clone())
    }

    /// What the disk may hold if the power fails just before the operation `cut`.
    pub fn image_at(&self, cut: usize, rng: &mut rendezvous_crowd::TestRng) -> Image {
        let mut replay = self.replay();
        while replay.next_operation() < cut && replay.advance(rng) {}
        replay.image(rng)
    }

    /// What is read in the place of the store now.
    pub fn content(&self) -> Image {
        let state = self.lock();
        state.store.map(|file| state.files[file].bytes.clone())
    }

    /// Lets the next `count` syncs fail. What they were to write need not be on the disk then, ever, though it is still read.
    pub fn fail_syncs(&self, count: usize) {
        self.lock().faults.failing_syncs = count;
    }

    /// How many of these are still to come.
    pub fn failing_syncs(&self) -> usize {
        self.lock().faults.failing_syncs
    }

    /// Leaves so many bytes of space, the blocks that are taken included; or, with `None`, as many as anybody wants.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().faults.capacity = bytes;
    }

    /// How many bytes are taken.
    pub fn taken(&self) -> u64 {
        self.lock().taken()
    }

    /// Lets each sync take so long.
    pub fn slow_down(&self, sync_takes: Duration) {
        self.lock().faults.sync_takes = sync_takes;
    }

    /// Lets syncs wait for as long as the result lives. Make it after the node: whose end waits for the syncs.
    pub fn hold_syncs(&self) -> Held {
        self.lock().faults.held = true;
        Held(self.clone())
    }

    /// Whether a sync waits.
    pub fn is_holding(&self) -> bool {
        self.lock().faults.waiting > 0
    }

    /// Makes syncs do nothing, and say that they did: a disk that no store can be safe on.
    pub fn lie(&self) {
        self.lock().faults.lies = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics with the disk locked")
    }
}

/// Lets the syncs of a disk go on when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held(SimulatedDisk);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().faults.held = false;
        self.0.0.released.notify_all();
    }
}

impl Medium for SimulatedDisk {
    fn name(&self) -> String {
        "on a simulated disk".into()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        let file = self.lock().store;
        Ok(file.map(|file| -> Box<dyn StorageBackend> { Box::new(Handle { disk: self.clone(), file }) }))
    }

    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = {
            let mut state = self.lock();
            let file = state.files.len();
            state.files.push(File::default());
            state.fresh = Some(file);
            state.operations.push(Operation::Create(file));
            file
        };
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn replace(&self) -> io::Result<()> {
        let mut state = self.lock();
        let file = state.fresh.take().ok_or(io::ErrorKind::NotFound)?;
        state.store = Some(file);
        state.operations.extend([Operation::Rename(file), Operation::SyncNames]);
        Ok(())
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    file: usize,
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.file].bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.disk.lock();
        let start = at(offset);
        let bytes = state.files[self.file].bytes.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let file = &mut state.files[self.file];
        file.bytes.resize(at(len), 0);
        // Without space: the file has holes until somebody writes there.
        file.blocks.retain(|&block| block < len.div_ceil(BLOCK));
        state.operations.push(Operation::SetLen { file: self.file, len: at(len) });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.faults.waiting += 1;
        while state.faults.held {
            state = self.disk.0.released.wait(state).expect("nothing panics with the disk locked");
        }
        state.faults.waiting -= 1;
        let takes = state.faults.sync_takes;
        if !takes.is_zero() {
            drop(state);
            thread::sleep(takes);
            state = self.disk.lock();
        }
        if state.faults.failing_syncs > 0 {
            state.faults.failing_syncs -= 1;
            state.operations.push(Operation::FailedSync(self.file));
            return Err(io::Error::other("the simulated disk failed"));
        }
        if !state.faults.lies {
            state.operations.push(Operation::Sync(self.file));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let end = offset + data.len() as u64;
        let blocks = &state.files[self.file].blocks;
        let new: Vec<_> =
            (offset / BLOCK..end.div_ceil(BLOCK)).filter(|block| !blocks.contains(block)).collect();
        if state
            .faults
            .capacity
            .is_some_and(|capacity| !new.is_empty() && state.taken() + new.len() as u64 * BLOCK > capacity)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut state.files[self.file];
        file.blocks.extend(new);
        write(&mut file.bytes, at(offset), data);
        state.operations.push(Operation::Write { file: self.file, offset: at(offset), data: data.into() });
        Ok(())
    }
}

impl State {
    /// Files that no name leads to take no space.
    fn taken(&self) -> u64 {
        let named = self.store.into_iter().chain(self.fresh);
        named.map(|file| self.files[file].blocks.len() as u64 * BLOCK).sum()
    }
}

/// Writes into a file, which becomes longer if need be.
fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

fn at(offset: u64) -> usize {
    offset.try_into().expect("a file that fits into memory")
}
