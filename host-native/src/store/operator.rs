//! What an operator can do with a store that no server has open: look at it, save it, and make one.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, Write};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::{error, fmt};

use rendezvous_protocol::{ClientId, StoredRecord};

use super::entry::Entry;
use super::log::{CLIENTS_AT_ONCE, Log};
use super::medium::{FileMedium, Medium};
use super::meter::{Meter, Metered};
use super::{Failure, StoreError, lines};
use crate::shared::SharedError;

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Clients.
    pub clients: u64,
    /// Those of them that have an address: that have pulsed.
    pub with_address: u64,
    /// Entries of the log: also those that no longer mean anything. A store that nodes share has none.
    pub entries: u64,
    /// The length of the file, or 0 if there is none.
    pub bytes: u64,
}

/// Why an operator's command failed.
#[derive(Debug)]
pub enum OperatorError {
    /// The store is the trouble.
    Store(StoreError),
    /// There is no such store.
    Missing(String),
    /// There is such a store already.
    Exists(String),
    /// What was exported could not be written.
    Output(io::Error),
    /// What is to be imported could not be read.
    Input(io::Error),
    /// This line is no client.
    Line(u64, String),
    /// So many clients were imported, of so many: then the store did not answer any more.
    Partial(u64, u64),
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Missing(name) => write!(f, "there is no store {name}"),
            Self::Exists(name) => {
                write!(
                    f,
                    "there is a store {name} already: import makes a new one, so move that away or choose another name"
                )
            }
            Self::Output(error) => write!(f, "the export cannot be written, and is not complete: {error}"),
            Self::Input(error) => write!(f, "the import cannot be read, and nothing was made of it: {error}"),
            Self::Line(number, what) => {
                write!(f, "line {number} is no client, and nothing was made of the others: {what}")
            }
            Self::Partial(done, all) => write!(
                f,
                "the store has only {done} of {all} clients, since it does not answer any more: remove its keys with this prefix, and \
                 import again"
            ),
        }
    }
}

impl error::Error for OperatorError {}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SharedError> for OperatorError {
    fn from(error: SharedError) -> Self {
        Self::Store(error.into())
    }
}

/// Reads all of the store at `path`. `progress` is told how many entries were read, and how many there are.
///
/// A store whose server was killed is brought in order first, as the server's next start would do.
///
/// # Errors
/// [`OperatorError`], if it is damaged say.
pub fn check(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Contents, OperatorError> {
    read(path, &mut |_, _| Ok(()), progress)
}

/// Writes the clients of the store at `path` to `output`, one a line, in no order that means anything. For `progress` and what
/// happens to the store see [`check`].
///
/// # Errors
/// [`OperatorError`]
pub fn export(
    path: &Path,
    output: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, OperatorError> {
    let contents = read(path, &mut |id, record| lines::write(output, id, record), progress)?;
    output.flush().map_err(OperatorError::Output)?;
    Ok(contents)
}

/// Makes a new store at `path` of the clients in `input`, one a line as [`export`] writes them. If a client is there twice, the
/// later line counts. `progress` is told how many lines were read. Nothing is made unless all of it is good.
///
/// # Errors
/// [`OperatorError`]
pub fn import(
    path: &Path,
    input: &mut dyn BufRead,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, OperatorError> {
    let name = path.display().to_string();
    let medium = FileMedium::lock(path)?;
    if path.exists() {
        return Err(OperatorError::Exists(name));
    }
    let imported = fill(&medium, &name, input, progress);
    if imported.is_err() {
        medium.discard();
    }
    imported
}

fn fill(
    medium: &FileMedium,
    name: &str,
    input: &mut dyn BufRead,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, OperatorError> {
    let failed = |failure: Failure| OperatorError::Store(failure.opening(name.to_owned()));
    let backend = medium.fresh().map_err(|error| failed(error.into()))?;
    let mut log = Log::create(Metered::new(backend, Arc::new(Meter::default()))).map_err(failed)?;
    let (mut entries, mut clients) = (vec![], HashSet::new());
    lines::read(input, |number, id, record| {
        clients.insert(id);
        entries.push(Entry::Put(id, record));
        if entries.len() == CLIENTS_AT_ONCE {
            log.append(mem::take(&mut entries).into_iter(), None).map_err(failed)?;
            progress(number);
        }
        Ok(())
    })?;
    log.append(entries.into_iter(), None).map_err(failed)?;
    log.close().map_err(failed)?;
    medium.replace().map_err(|error| failed(error.into()))?;
    Ok(clients.len() as u64)
}

/// Shows each client to `look`, once and as it is now.
fn read(
    path: &Path,
    look: &mut dyn FnMut(ClientId, &StoredRecord) -> io::Result<()>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, OperatorError> {
    let name = path.display().to_string();
    let failed = |failure: Failure| OperatorError::Store(failure.opening(name.clone()));
    let bytes = match fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OperatorError::Missing(name)),
        Err(error) => return Err(failed(error.into())),
    };
    let medium = FileMedium::lock(path)?;
    let backend = medium.open().map_err(|error| failed(error.into()))?;
    let backend = backend.ok_or_else(|| OperatorError::Missing(name.clone()))?;
    let log = Log::open(Metered::new(backend, Arc::new(Meter::default()))).map_err(failed)?;
    let mut contents = Contents { entries: log.len(), bytes, ..Contents::default() };
    // The latest entry of a client comes first; the others mean nothing.
    let mut seen = HashSet::new();
    let mut written = Ok(());
    log.read(
        |entry| {
            let is_latest = seen.insert(entry.id());
            if let Entry::Put(id, record) = entry
                && is_latest
                && written.is_ok()
            {
                contents.clients += 1;
                contents.with_address += u64::from(record.address.is_some());
                written = look(id, &record);
            }
        },
        |done| progress(done, contents.entries),
    )
    .map_err(failed)?;
    written.map_err(OperatorError::Output)?;
    log.close().map_err(failed)?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_long_command_tells_how_far_it_is() {
        const CLIENTS: u64 = 30_000;
        let folder = std::env::temp_dir().join(format!("rendezvous-operator-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("clients.redb");
        let mut lines = String::new();
        for n in 0..CLIENTS {
            writeln!(lines, r#"{{"client_id":"{n:032x}","address":null,"last_seen":{n},"last_pulse":null}}"#)
                .unwrap();
        }
        let mut told = vec![];
        assert_eq!(import(&path, &mut lines.as_bytes(), &mut |done| told.push(done)).unwrap(), CLIENTS);
        assert_eq!(told, [CLIENTS_AT_ONCE as u64]);
        let mut told = vec![];
        let contents = check(&path, &mut |done, total| told.push((done, total))).unwrap();
        assert_eq!((contents.clients, contents.entries, contents.with_address), (CLIENTS, CLIENTS, 0));
        assert_eq!(told, [0, 8192, 16_384, 24_576].map(|done| (done, CLIENTS)));
        let mut output = vec![];
        assert_eq!(export(&path, &mut output, &mut |_, _| {}).unwrap().clients, CLIENTS);
        assert_eq!(output.split(|&byte| byte == b'\n').count() as u64, CLIENTS + 1);
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn an_export_that_cannot_be_written_says_so() {
        /// A full disk.
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = std::env::temp_dir().join(format!("rendezvous-export-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("clients.redb");
        let line = br#"{"client_id":"00112233445566778899aabbccddeeff","address":null,"last_seen":1,"last_pulse":null}"#;
        import(&path, &mut &line[..], &mut |_| {}).unwrap();
        let error = export(&path, &mut Full, &mut |_, _| {}).unwrap_err();
        assert!(
            error.to_string().starts_with("the export cannot be written, and is not complete"),
            "{error}"
        );
        let _ = fs::remove_dir_all(&folder);
    }
}
