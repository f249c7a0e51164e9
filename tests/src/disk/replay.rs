//! What a disk may hold when its power fails.

use std::collections::HashMap;
use std::mem;

use super::{Image, Operation, write};
use rendezvous_crowd::TestRng;

/// What a disk writes entirely or not at all.
const SECTOR: usize = 512;

/// The operations of a disk, done again one by one.
#[derive(Clone, Debug)]
pub struct Replay {
    operations: Vec<Operation>,
    next: usize,
    files: HashMap<usize, Durable>,
    /// The file that is the store for certain.
    store: Option<usize>,
    /// The one that may be it by now.
    renamed: Option<usize>,
}

/// A file as it is on the disk for certain, and the operations whose effect may be there too.
#[derive(Clone, Debug, Default)]
struct Durable {
    bytes: Vec<u8>,
    unsynced: Vec<usize>,
}

/// How much of what was not synced the disk has written.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Nothing,
    Everything,
    /// Some of it, whatever was first.
    Some,
    /// Some, and not all of the sectors of those.
    Torn,
}

impl Replay {
    pub(super) fn new(initial: Image, operations: Vec<Operation>) -> Self {
        let mut files = HashMap::new();
        let store = initial.map(|bytes| {
            files.insert(0, Durable { bytes, unsynced: vec![] });
            0
        });
        Self { operations, next: 0, files, store, renamed: None }
    }

    /// The index of the operation that is next.
    pub fn next_operation(&self) -> usize {
        self.next
    }

    /// What the last operations were, for whoever looks into a failure.
    pub fn recent(&self) -> Vec<String> {
        let from = self.next.saturating_sub(12);
        self.operations[from..self.next].iter().map(Operation::describe).collect()
    }

    /// Does one more operation. Says whether there was one.
    pub fn advance(&mut self, rng: &mut TestRng) -> bool {
        let Some(operation) = self.operations.get(self.next) else { return false };
        match *operation {
            Operation::Create(file) => {
                self.files.insert(file, Durable::default());
            }
            Operation::Write { file, .. } | Operation::SetLen { file, .. } => {
                let index = self.next;
                self.file(file).unsynced.push(index);
            }
            Operation::Sync(file) => self.settle(file, Luck::Everything, rng),
            Operation::FailedSync(file) => {
                let luck = Luck::any(rng);
                self.settle(file, luck, rng);
            }
            Operation::Rename(file) => self.renamed = Some(file),
            Operation::SyncNames => {
                if let Some(old) = mem::replace(&mut self.store, self.renamed.take()) {
                    self.files.remove(&old);
                }
            }
        }
        self.next += 1;
        true
    }

    /// What the disk may hold if the power fails now.
    pub fn image(&self, rng: &mut TestRng) -> Image {
        let renamed = self.renamed.filter(|_| rng.once_in(2));
        let file = &self.files[&renamed.or(self.store)?];
        let mut bytes = file.bytes.clone();
        self.apply(&mut bytes, &file.unsynced, Luck::any(rng), rng);
        Some(bytes)
    }

    fn file(&mut self, file: usize) -> &mut Durable {
        self.files.entry(file).or_default()
    }

    /// What was not synced is on the disk now, or never will be.
    fn settle(&mut self, file: usize, luck: Luck, rng: &mut TestRng) {
        let Durable { mut bytes, unsynced } = mem::take(self.file(file));
        self.apply(&mut bytes, &unsynced, luck, rng);
        *self.file(file) = Durable { bytes, unsynced: vec![] };
    }

    fn apply(&self, bytes: &mut Vec<u8>, unsynced: &[usize], luck: Luck, rng: &mut TestRng) {
        let once_in = 2 + rng.below(3);
        for &index in unsynced {
            let done = match luck {
                Luck::Nothing => false,
                Luck::Everything => true,
                Luck::Some | Luck::Torn => !rng.once_in(once_in),
            };
            match &self.operations[index] {
                _ if !done => {}
                Operation::SetLen { len, .. } => bytes.resize(*len, 0),
                Operation::Write { offset, data, .. } if matches!(luck, Luck::Torn) => {
                    tear(bytes, *offset, data, rng);
                }
                Operation::Write { offset, data, .. } => write(bytes, *offset, data),
                Operation::Create(_)
                | Operation::Sync(_)
                | Operation::FailedSync(_)
                | Operation::Rename(_)
                | Operation::SyncNames => unreachable!("only these need a sync"),
            }
        }
    }
}

impl Luck {
    fn any(rng: &mut TestRng) -> Self {
        rng.one_of(&[Self::Nothing, Self::Everything, Self::Some, Self::Torn, Self::Torn])
    }
}

impl Operation {
    fn describe(&self) -> String {
        match self {
            Self::Write { file, offset, data } => {
                format!("file {file}: {} bytes written at {offset}", data.len())
            }
            Self::SetLen { file, len } => format!("file {file}: {len} bytes long"),
            Self::Create(file) => format!("file {file}: created"),
            Self::Sync(file) => format!("file {file}: synced"),
            Self::FailedSync(file) => format!("file {file}: a sync failed"),
            Self::Rename(file) => format!("file {file}: in place of the store"),
            Self::SyncNames => "names synced".into(),
        }
    }
}

/// Writes some of the sectors.
fn tear(bytes: &mut Vec<u8>, offset: usize, data: &[u8], rng: &mut TestRng) {
    let mut start = 0;
    while start < data.len() {
        let sector_end = (offset + start) / SECTOR * SECTOR + SECTOR;
        let end = data.len().min(sector_end - offset);
        if rng.once_in(2) {
            write(bytes, offset + start, &data[start..end]);
        }
        start = end;
    }
}
