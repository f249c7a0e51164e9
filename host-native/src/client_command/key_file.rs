//! The file that a client's key is kept in. Only its owner may read it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rendezvous_native::client::Credentials;

/// No key file is nearly as long.
const LONGEST: u64 = 4096;

/// Reads the key file.
///
/// # Errors
/// One line that names the file and says what to do.
pub(crate) fn read(path: &Path) -> Result<Credentials, String> {
    let named = |what: String| format!("{}: {what}", path.display());
    let file = File::open(path).map_err(|error| {
        let hint = match error.kind() == io::ErrorKind::NotFound {
            true => ": rendezvous client register makes one",
            false => "",
        };
        named(format!("{error}{hint}"))
    })?;
    let mode = file.metadata().map_err(|error| named(error.to_string()))?.mode();
    if mode & 0o077 != 0 {
        return Err(named(format!(
            "others can read this key (its mode is {:o}): chmod 600 it",
            mode & 0o777
        )));
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| named(error.to_string()))?;
    Credentials::from_json(&text).map_err(|error| named(error.to_string()))
}

/// Writes a key file: all of it or nothing, also if the machine loses its power. One that is there is replaced only if `replace` says so.
///
/// # Errors
/// One line that names the file and says what to do.
pub(crate) fn write(path: &Path, credentials: &Credentials, replace: bool) -> Result<(), String> {
    if !replace && path.exists() {
        return Err(format!(
            "{}: there is a key file already: log out first (rendezvous client logout), or write over it with --force",
            path.display()
        ));
    }
    let aside = aside(path);
    let written = write_aside(&aside, credentials).and_then(|()| std::fs::rename(&aside, path));
    written.map_err(|error| {
        // What is left of it may be a key.
        let _not_there = std::fs::remove_file(&aside);
        format!("{}: cannot write the key file: {error}", path.display())
    })
}

fn write_aside(aside: &Path, credentials: &Credentials) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(credentials.to_json().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Beside it, so that renaming it is one step.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}
