//! Where the bytes of a store are: a file, or in tests whatever behaves like a file on a disk that fails.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::StoreError;

/// Only the server may look at, or change, who is registered.
const MODE: u32 = 0o600;
/// What others may do with a file.
const OTHERS: u32 = 0o077;

/// A place for one store, and for another that is to take its place.
pub trait Medium: fmt::Debug + Send + Sync + 'static {
    /// What to call it when talking to an operator.
    fn name(&self) -> String;

    /// The store that is there; `None` if none is.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>>;

    /// An empty place beside it, for a store that is to take its place.
    ///
    /// # Errors
    /// If there can be none.
    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Puts the latest [`Medium::fresh`] one, which stays open, in the place of the store. When this returns, it is there to stay.
    ///
    /// # Errors
    /// If that cannot be done. Then either of the two may be in place.
    fn replace(&self) -> io::Result<()>;

    /// Gives the latest [`Medium::fresh`] one up, if it has not taken the store's place: what it takes is free again.
    fn discard(&self) {}

    /// Whether the store that was opened, or put in place, is still what its name means: nobody has moved it away, removed it, or
    /// put another one there.
    fn is_in_place(&self) -> bool {
        true
    }

    /// Whether others than the server's user may read the store, or change it.
    fn is_open_to_others(&self) -> bool {
        false
    }
}

/// A file, which this process alone has: as long as this lives, no other gets it.
#[derive(Debug)]
pub struct FileMedium {
    path: PathBuf,
    fresh: PathBuf,
    /// Which file is the store, and which one is to take its place.
    files: Mutex<Files>,
    /// Locked. It is a file of its own, since the store's may be replaced by another.
    _lock: File,
}

#[derive(Debug, Default)]
struct Files {
    store: Option<Identity>,
    fresh: Option<Identity>,
}

/// Device and inode: what a file is, whatever it is called.
type Identity = (u64, u64);

fn identity(of: &Metadata) -> Identity {
    (of.dev(), of.ino())
}

impl FileMedium {
    /// Takes the store at `path` for this process. Beside it, `PATH.lock` says so to others, and `PATH.new` may be there for a
    /// while.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it; [`StoreError::Io`] if the folder is not there or cannot be written to.
    pub fn lock(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        // Behind a link, it is the file that is locked and replaced, not the link.
        let path = &*path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let beside = |suffix: &str| {
            let mut name = OsString::from(path);
            name.push(suffix);
            PathBuf::from(name)
        };
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(beside(".lock"))
            .map_err(|error| StoreError::Io { name: name.clone(), error })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { name }),
            Err(TryLockError::Error(error)) => return Err(StoreError::Io { name, error }),
        }
        let medium =
            Self { path: path.to_owned(), fresh: beside(".new"), files: Mutex::default(), _lock: lock };
        // A process that was killed may have left one.
        medium.discard();
        Ok(medium)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect("nothing panics with it locked")
    }
}

impl Medium for FileMedium {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => {
                self.files().store = Some(identity(&file.metadata()?));
                backend(file).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>> {
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&self.fresh)?;
        self.files().fresh = Some(identity(&file.metadata()?));
        backend(file)
    }

    fn replace(&self) -> io::Result<()> {
        fs::rename(&self.fresh, &self.path)?;
        {
            let mut files = self.files();
            files.store = files.fresh.take();
        }
        // The name is only there to stay once the folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }

    fn discard(&self) {
        // If it cannot be removed it is in nobody's way.
        let _ = fs::remove_file(&self.fresh);
    }

    fn is_in_place(&self) -> bool {
        let there = fs::metadata(&self.path).ok().as_ref().map(identity);
        there.is_some() && there == self.files().store
    }

    fn is_open_to_others(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.mode() & OTHERS != 0)
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
}
