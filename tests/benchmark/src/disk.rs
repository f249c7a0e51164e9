//! The disk that stores are put on, and a yardstick for them: how often it can be made to keep what was written.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Instant, SystemTime};

use hdrhistogram::Histogram;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::outcome::{Outcome, failure};
use crate::stats::latencies;

/// A folder of its own for what is to be measured. Dropping it removes it and what is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one in `parent`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn within(parent: &Path) -> Outcome<Self> {
        let path = parent.join(format!("bench-store-{}", process::id()));
        fs::create_dir_all(&path).map_err(|error| failure(format!("no folder for stores: {error}")))?;
        Ok(Self(path.canonicalize()?))
    }

    /// A path in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What kind of file system it is on.
    ///
    /// # Errors
    /// If the system does not say what it has mounted.
    pub(crate) fn file_system(&self) -> Outcome<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(file_system(&mounts, &self.0).unwrap_or("unknown").into())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The kind of the file system that is mounted deepest above `path` (proc(5), `mountinfo`).
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        path.starts_with(point).then_some((point.len(), source.split(' ').next()?))
    };
    // Of two in the same place the later one hides the earlier.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// How long a file is, and when it was last written to.
///
/// # Errors
/// If it is not there.
pub(crate) fn size_and_time(path: &Path) -> Outcome<(u64, SystemTime)> {
    let about = fs::metadata(path)?;
    Ok((about.len(), about.modified()?))
}

/// Has the system forget what it holds of a file in memory, so that whoever reads it must wait for the disk.
///
/// # Errors
/// What the system says.
pub(crate) fn forget(path: &Path) -> Outcome<()> {
    let file = File::open(path)?;
    // What is not on the disk yet cannot be forgotten.
    file.sync_all()?;
    Ok(posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}

/// Reads a file, in nanoseconds: the second time, when the system has all of it in memory.
///
/// # Errors
/// What the system says.
pub(crate) fn read(path: &Path) -> Outcome<u64> {
    let mut chunk = vec![0; 1 << 20];
    let mut took = 0;
    for _ in 0..2 {
        let begun = Instant::now();
        let mut file = File::open(path)?;
        while file.read(&mut chunk)? > 0 {}
        took = begun.elapsed().as_nanos().try_into()?;
    }
    Ok(took)
}

/// The yardstick: writes so many bytes and waits for the disk, one after the other.
pub(crate) struct Syncs {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// How long each took, in nanoseconds.
    pub(crate) times: Histogram<u64>,
    file: File,
    bytes: Vec<u8>,
    /// How many writes until the first place is written to again; `None` for never.
    places: Option<u64>,
    written: u64,
}

impl Syncs {
    /// 4 KB over what is there already: the least that a disk can be asked for.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn least(folder: &Folder) -> Outcome<Self> {
        Self::new(folder, "fdatasync of 4 KB over old ones", 4 << 10, Some(1024))
    }

    /// 64 KB at the end of a file that grows, so that the file system has something to write, too.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn growing(folder: &Folder) -> Outcome<Self> {
        Self::new(folder, "fdatasync of 64 KB more of a file", 64 << 10, None)
    }

    fn new(folder: &Folder, name: &'static str, length: usize, places: Option<u64>) -> Outcome<Self> {
        let mut file = File::create(folder.file(&format!("syncs-of-{length}")))?;
        let bytes = vec![0x5A; length];
        for _ in 0..places.unwrap_or(0) {
            file.write_all(&bytes)?;
        }
        file.sync_all()?;
        Ok(Self { name, times: latencies(), file, bytes, places, written: 0 })
    }

    /// Does so some times.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn measure(&mut self, times: usize) -> Outcome<()> {
        for _ in 0..times {
            let place = self.places.map_or(self.written, |places| self.written % places);
            let begun = Instant::now();
            self.file.write_all_at(&self.bytes, place * self.bytes.len() as u64)?;
            self.file.sync_data()?;
            self.times.saturating_record(begun.elapsed().as_nanos().try_into()?);
            self.written += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_the_one_mounted_deepest() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
                      25 22 0:5 / /tmp rw shared:3 - tmpfs tmpfs rw,size=1g\n\
                      26 22 0:6 / /tmpfoo rw - xfs none rw\n";
        for (path, kind) in [("/home/a", "ext4"), ("/tmp/a", "tmpfs"), ("/tmpfoo/a", "xfs"), ("/tm", "ext4")]
        {
            assert_eq!(file_system(mounts, Path::new(path)), Some(kind), "{path}");
        }
    }
}
