//! Why a store cannot be used: what it is called, what is wrong, and what to do.

use std::{fmt, io};

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

use crate::settings::InvalidSettings;
use crate::shared::SharedError;

/// Why a store cannot be opened. Printed it is one line.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has it.
    InUse {
        /// The store.
        name: String,
    },
    /// The system does not let us.
    Io {
        /// The store.
        name: String,
        /// What it says.
        error: io::Error,
    },
    /// It is damaged, or not a store of this program.
    Damaged {
        /// The store.
        name: String,
        /// What was found.
        what: String,
    },
    /// A later version of this program wrote it.
    Newer {
        /// The store.
        name: String,
        /// The version of its format.
        format: u64,
    },
    /// It is one that nodes share.
    Shared(SharedError),
    /// What it takes to use it is not there.
    Settings(InvalidSettings),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { name } => write!(
                f,
                "the store {name} is in use by another process: stop that first, or use another store"
            ),
            Self::Io { name, error } => write!(f, "the store {name} cannot be used: {error}"),
            Self::Damaged { name, what } => write!(
                f,
                "the store {name} is damaged or no store of this program ({what}): put back an export, or move it away to start \
                 without its clients"
            ),
            Self::Newer { name, format } => write!(
                f,
                "the store {name} was written by a later version of this program (format {format}; this one reads {})",
                super::log::FORMAT
            ),
            Self::Shared(error) => error.fmt(f),
            Self::Settings(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<SharedError> for StoreError {
    fn from(error: SharedError) -> Self {
        Self::Shared(error)
    }
}

impl From<InvalidSettings> for StoreError {
    fn from(error: InvalidSettings) -> Self {
        Self::Settings(error)
    }
}

/// A store that could not be brought up to date before the end.
#[derive(Debug)]
pub struct Unwritten {
    name: String,
    changes: Option<usize>,
}

impl Unwritten {
    pub(crate) fn changes(name: &str, changes: usize) -> Self {
        Self { name: name.into(), changes: Some(changes) }
    }

    pub(crate) fn unknown(name: &str) -> Self {
        Self { name: name.into(), changes: None }
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store {} lacks ", self.name)?;
        match self.changes {
            Some(changes) => write!(f, "{changes} changes of the last moments")?,
            None => write!(f, "what its writer had not written when it failed")?,
        }
        f.write_str(": addresses may be old, and clients may come back that are gone. Whatever was acknowledged is there")
    }
}

impl std::error::Error for Unwritten {}

/// Why something with an open store failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another handle has the file.
    InUse,
    /// The disk is full, say, or cannot be read.
    Io(io::Error),
    /// What the file holds is not what was written.
    Damaged(String),
    /// It has the format of a later version.
    Newer(u64),
    /// The file that is open is no longer the one of that name.
    NotInPlace,
}

impl Failure {
    /// Whether there is no room, and nothing else is wrong.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded))
    }

    /// The error of opening the store of this name.
    pub(crate) fn opening(self, name: String) -> StoreError {
        match self {
            Self::InUse => StoreError::InUse { name },
            Self::Io(error) => StoreError::Io { name, error },
            Self::Damaged(what) => StoreError::Damaged { name, what },
            Self::Newer(format) => StoreError::Newer { name, format },
            Self::NotInPlace => StoreError::Io { name, error: io::ErrorKind::NotFound.into() },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another process has it"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Damaged(what) => write!(f, "it is damaged: {what}"),
            Self::Newer(format) => write!(f, "it has format {format}"),
            Self::NotInPlace => f.write_str("its file was moved, removed or replaced by somebody"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The library's errors, of whichever call.
macro_rules! from_library {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::of(error.into())
            }
        })*
    };
}

from_library!(StorageError, DatabaseError, TransactionError, CommitError, TableError);

impl Failure {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list is open, and what is not in it here comes of no damage"
    )]
    fn of(error: redb::Error) -> Self {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        use redb::Error;
        match error {
            Error::DatabaseAlreadyOpen => Self::InUse,
            // How the library says that its first bytes are not its own, and that a page would be beyond the end of the file.
            Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
                Self::Damaged(error.to_string())
            }
            Error::Io(error) => Self::Io(error),
            Error::Corrupted(what) => Self::Damaged(what),
            // A file of some other program, or of another version of the library.
            Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::TableDoesNotExist(_)
            | Error::UpgradeRequired(_)
            | Error::RepairAborted => Self::Damaged(error.to_string()),
            other => Self::Io(io::Error::other(other)),
        }
    }
}
