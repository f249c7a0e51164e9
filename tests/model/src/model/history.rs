//! What happened, and what that says of a client.

use std::net::SocketAddr;

/// Something that happened to a client, or to all of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Registered {
        client: u16,
        at: u64,
    },
    Pulsed {
        client: u16,
        at: u64,
        /// How much time had really passed.
        elapsed: u64,
        from: SocketAddr,
    },
    Verified {
        client: u16,
        at: u64,
    },
    LoggedOut {
        client: u16,
    },
    /// The server was not running from then till then.
    Away {
        since: u64,
        back: u64,
    },
    /// The server was stopped, and started again. The clock may have begun anew in between.
    Restarted {
        stopped: u64,
        back: u64,
        forgets: bool,
    },
    /// The server was killed, and started again; likewise. It had last looked at the clock at `seen`, and had written what
    /// had happened when so much time had really passed as `written`, or less.
    Crashed {
        seen: u64,
        written: Option<u64>,
        back: u64,
    },
    /// The client was gone before the crash that has just been, and that was on disk.
    StaysGone {
        client: u16,
    },
}

/// What the history says of a client that has not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When it last registered, pulsed or verified; `None` if not since a restart.
    pub heard: Option<u64>,
    /// When its latest accepted pulse was; likewise.
    pub pulsed: Option<u64>,
    /// Where that came from, exactly as received. After a crash: where the latest came from that was on disk.
    pub address: Option<SocketAddr>,
}

/// What the history says of a client.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// How it stands, if it was not gone when that was last looked at.
    pub(super) standing: Option<Standing>,
    /// Whether it was gone before the latest crash, and may nevertheless be back.
    pub(super) either_way: bool,
    /// When the server last came back.
    pub(super) resumed: u64,
}

/// Reads the whole history for what it says of `client`. `gone` says whether one of whom this is known, after a server came
/// back at that time, is gone by then.
pub(super) fn story(history: &[Event], client: u16, gone: impl Fn(&Standing, u64, u64) -> bool) -> Story {
    let (mut standing, mut either_way, mut resumed) = (None, false, 0);
    // Its accepted pulses since it registered, if it may be on disk: where from, and when unless that is sure to be there.
    let mut disk: Option<Vec<(Option<u64>, SocketAddr)>> = None;
    for event in history {
        match *event {
            Event::Registered { client: who, at } if who == client => {
                standing = Some(Standing { heard: Some(at), pulsed: None, address: None });
                disk = Some(vec![]);
            }
            Event::Pulsed { client: who, at, elapsed, from } if who == client => {
                standing = Some(Standing { heard: Some(at), pulsed: Some(at), address: Some(from) });
                disk.iter_mut().for_each(|pulses| pulses.push((Some(elapsed), from)));
            }
            Event::Verified { client: who, at } if who == client => {
                standing = standing.map(|before| Standing { heard: Some(at), ..before });
            }
            Event::LoggedOut { client: who } | Event::StaysGone { client: who } if who == client => {
                (standing, disk) = (None, None);
            }
            Event::Registered { .. }
            | Event::Pulsed { .. }
            | Event::Verified { .. }
            | Event::LoggedOut { .. }
            | Event::StaysGone { .. } => {}
            Event::Away { since, back } => {
                standing = standing.filter(|standing| !gone(standing, resumed, since));
                resumed = back;
            }
            Event::Restarted { stopped, back, forgets } => {
                standing = standing
                    .filter(|standing| !forgets && !gone(standing, resumed, stopped))
                    .map(|before| Standing { heard: None, pulsed: None, ..before });
                disk = disk.filter(|_| standing.is_some());
                disk.iter_mut().flatten().for_each(|(elapsed, _)| *elapsed = None);
                resumed = back;
            }
            Event::Crashed { seen, written, back } => {
                either_way = disk.is_some() && standing.is_none_or(|standing| gone(&standing, resumed, seen));
                disk.iter_mut().for_each(|pulses| pulses.retain(|(elapsed, _)| *elapsed <= written));
                disk.iter_mut().flatten().for_each(|(elapsed, _)| *elapsed = None);
                standing = disk.as_ref().map(|pulses| Standing {
                    heard: None,
                    pulsed: None,
                    address: pulses.last().map(|&(_, from)| from),
                });
                resumed = back;
            }
        }
    }
    Story { standing, either_way, resumed }
}
