//! Where the bytes of a store are: a file, or in tests whatever behaves like a file on a disk that fails.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::StoreError;

/// Only the server may look at, or change, who is registered.
const MODE: u32 = 0o600;

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
}

/// A file, which this process alone has: as long as this lives, no other gets it.
#[derive(Debug)]
pub struct FileMedium {
    path: PathBuf,
    fresh: PathBuf,
    /// Locked. It is a file of its own, since the store's may be replaced by another.
    _lock: File,
}

impl FileMedium {
    /// Takes the store at `path` for this process. Beside it, `PATH.lock` says so to others, and `PATH.new` may be there for a
    /// while.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it; [`StoreError::Io`] if the folder is not there or cannot be written to.
    pub fn lock(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
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
        let medium = Self { path: path.to_owned(), fresh: beside(".new"), _lock: lock };
        // A process that was killed may have left one.
        medium.discard();
        Ok(medium)
    }

    /// Removes the latest [`Medium::fresh`] one, if it is still there: it will not take the place of the store.
    pub(crate) fn discard(&self) {
        // If it cannot be removed it is in nobody's way.
        let _ = fs::remove_file(&self.fresh);
    }
}

impl Medium for FileMedium {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => backend(file).map(Some),
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
        backend(file)
    }

    fn replace(&self) -> io::Result<()> {
        fs::rename(&self.fresh, &self.path)?;
        // The name is only there to stay once the folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
}
