//! A client's link at work: what becomes of each thing sent over it.

use super::chance::Chance;
use crate::world::{Link, Way};

/// How often TCP sends a segment again before it gives up here, and how long it waits at first (RFC 6298, section 2.1);
/// each further time it waits twice as long.
const RESENDS: u32 = 5;
const FIRST_RESEND: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Path {
    pub(super) link: Link,
    up: Direction,
    down: Direction,
}

#[derive(Debug, Default)]
struct Direction {
    /// Whether a burst of losses is on.
    bad: bool,
    /// How many of the next datagrams are lost by order of the scenario.
    ordered: u16,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost(&'static str),
    /// It takes so long; and so does its copy, if there is one.
    Arrives {
        after: u64,
        again: Option<u64>,
    },
}

impl Path {
    pub(super) fn new(link: Link) -> Self {
        Self { link, up: Direction::default(), down: Direction::default() }
    }

    /// The next datagrams that way are lost, besides those that already were to be.
    pub(super) fn lose(&mut self, way: Way, datagrams: u16) {
        let ordered = &mut self.direction(way).ordered;
        *ordered = ordered.saturating_add(datagrams);
    }

    /// Carries a datagram.
    pub(super) fn carry(&mut self, way: Way, chance: &mut Chance) -> Fate {
        if self.direction(way).ordered > 0 {
            self.direction(way).ordered -= 1;
            return Fate::Lost("ordered");
        }
        if let Some(why) = self.loses(way, chance) {
            return Fate::Lost(why);
        }
        let after = self.takes(chance) + if chance.happens(self.link.reorder) { self.link.held } else { 0 };
        let again = chance.happens(self.link.duplicate).then(|| self.takes(chance));
        Fate::Arrives { after, again }
    }

    /// Carries a piece of a TCP connection: what is lost is sent again, several times. Returns how long that took and how
    /// often it was sent again; `None` if it never arrived.
    pub(super) fn carry_reliably(&mut self, way: Way, chance: &mut Chance) -> Option<(u64, u32)> {
        let mut waited = 0;
        for resent in 0..=RESENDS {
            if self.loses(way, chance).is_none() {
                return Some((waited + self.takes(chance), resent));
            }
            waited += FIRST_RESEND << resent;
        }
        None
    }

    fn loses(&mut self, way: Way, chance: &mut Chance) -> Option<&'static str> {
        if let Some(burst) = self.link.burst {
            let direction = self.direction(way);
            let turns = if direction.bad { burst.leave } else { burst.enter };
            direction.bad ^= chance.happens(turns);
            if direction.bad {
                return Some("burst");
            }
        }
        chance.happens(self.link.loss).then_some("loss")
    }

    fn takes(&self, chance: &mut Chance) -> u64 {
        self.link.delay + chance.up_to(self.link.jitter)
    }

    fn direction(&mut self, way: Way) -> &mut Direction {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Burst, Share};

    fn share(percent: u32) -> Share {
        Share::per_million(percent * 10_000)
    }

    fn lost(path: &mut Path, chance: &mut Chance, datagrams: usize) -> Vec<bool> {
        (0..datagrams).map(|_| matches!(path.carry(Way::Up, chance), Fate::Lost(_))).collect()
    }

    #[test]
    fn a_perfect_link_takes_its_delay_and_loses_what_it_is_told_to() {
        let mut path = Path::new(Link { delay: 40, ..Link::default() });
        let mut chance = Chance::new(1);
        path.lose(Way::Up, 2);
        assert_eq!(path.carry(Way::Down, &mut chance), Fate::Arrives { after: 40, again: None });
        assert_eq!(lost(&mut path, &mut chance, 3), [true, true, false]);
    }

    #[test]
    fn losses_come_as_often_as_the_link_says_and_in_bursts_if_it_says_so() {
        let mut chance = Chance::new(2);
        let mut path = Path::new(Link { loss: share(30), ..Link::default() });
        let single = lost(&mut path, &mut chance, 10_000);
        let many = single.iter().filter(|lost| **lost).count();
        assert!((2_800..3_200).contains(&many), "{many} of 10000 at 30 %");

        // On average bursts of 10, a tenth of the time: the same as 9 % of single losses, but in rows.
        let burst = Burst { enter: share(1), leave: share(10) };
        let mut path = Path::new(Link { burst: Some(burst), ..Link::default() });
        let rows = lost(&mut path, &mut chance, 50_000);
        let (losses, begun) = (
            rows.iter().filter(|lost| **lost).count(),
            rows.windows(2).filter(|pair| !pair[0] && pair[1]).count(),
        );
        let average = losses / begun;
        assert!((8..=12).contains(&average), "{losses} losses in {begun} rows");
    }

    #[test]
    fn what_is_held_back_arrives_later_and_a_copy_arrives_too() {
        let mut chance = Chance::new(3);
        let link =
            Link { delay: 10, duplicate: share(100), reorder: share(100), held: 500, ..Link::default() };
        let fate = Path::new(link).carry(Way::Up, &mut chance);
        assert_eq!(fate, Fate::Arrives { after: 510, again: Some(10) });
    }

    #[test]
    fn a_connection_sends_again_what_is_lost_and_gives_up_in_the_end() {
        let mut chance = Chance::new(4);
        let mut half = Path::new(Link { delay: 10, loss: share(50), ..Link::default() });
        let tries: Vec<_> = (0..200).map(|_| half.carry_reliably(Way::Up, &mut chance)).collect();
        for (resent, takes) in [(0, 10), (1, 1_010), (2, 3_010)] {
            assert!(tries.contains(&Some((takes, resent))), "none was sent again {resent} times");
        }
        let mut dead = Path::new(Link { loss: share(100), ..Link::default() });
        assert_eq!(dead.carry_reliably(Way::Down, &mut chance), None);
    }
}
