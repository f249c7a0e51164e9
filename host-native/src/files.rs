//! File descriptors: how many connections the system allows beside everything else that needs one.

use std::num::NonZeroUsize;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the store, the log, the listeners, the runtime and the operator's connections need.
const RESERVED: usize = 96;

/// Connections of operators at once: from the reserve, so that they get in when clients do not.
pub(crate) const OPERATORS: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// As many of these connections as the system allows beside `sockets` others, and at least one.
///
/// The system's limit for this process is first raised as far as the process itself may.
pub(crate) fn connections_that_fit(wanted: NonZeroUsize, sockets: usize) -> NonZeroUsize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let files = usize::try_from(if raised { hard } else { soft }).unwrap_or(usize::MAX);
    let free = files.saturating_sub(RESERVED.saturating_add(sockets)).min(wanted.get());
    NonZeroUsize::new(free).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let most = connections_that_fit(NonZeroUsize::MAX, 10).get();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard, "raised");
        assert_eq!(most, usize::try_from(hard).unwrap() - RESERVED - 10);
        assert_eq!(connections_that_fit(NonZeroUsize::new(7).unwrap(), 10).get(), 7);
        assert_eq!(connections_that_fit(NonZeroUsize::MAX, usize::MAX).get(), 1);
    }
}
