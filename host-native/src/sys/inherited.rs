//! What whoever started the process handed to it.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The file descriptors that were handed to this process (`LISTEN_FDS`, see sd_listen_fds(3)), each with its name. Only the first
/// call has any.
///
/// # Errors
/// If what the environment says of them makes no sense.
pub(crate) fn inherited() -> io::Result<Vec<(String, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if sd_notify::listen_fds()?.len() == 0 {
        // Names may be there all the same: those of another process's.
        return Ok(vec![]);
    }
    let handed_in: Vec<_> = sd_notify::listen_fds_with_names()?.collect();
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(vec![]);
    }
    // SAFETY: the environment says that they are for this process, and they were found open. They were there before `main`, so
    // nothing in here has opened them, and nothing else takes them: this line runs once.
    Ok(handed_in.into_iter().map(|(fd, name)| (name, unsafe { OwnedFd::from_raw_fd(fd) })).collect())
}
