//! Line ends of a request that others may read differently: a CR or an LF that stands alone (RFC 9112, sections 2.2 and 11.2).

use memchr::memchr2_iter;

/// The lines of the head that is being read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    head: u32,
    /// Whether its empty line was seen.
    ended: bool,
    /// Whether there was a line before.
    any: bool,
    /// Whether bytes came after the empty line.
    more: bool,
    /// Whether the line that is being read has any bytes yet.
    has_text: bool,
    last: u8,
}

/// Where a CR or an LF stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    /// In the head itself.
    InHead,
    /// After it: in the body, or in another request that was sent without waiting for an answer.
    Later,
}

impl Lines {
    /// Whether a CR or an LF stands alone in these bytes, which belong to the head number `head` or come after it.
    pub(super) fn look_at(&mut self, bytes: &[u8], head: u32) -> Option<Alone> {
        if self.head != head {
            // Some of it may have come with the one before.
            *self = Self { head, any: self.more, last: self.last, ..Self::default() };
            self.has_text = !matches!(self.last, 0 | b'\n');
        }
        let mut from = 0;
        for at in memchr2_iter(b'\r', b'\n', bytes) {
            if (at > from && self.is_alone_before_text()) || self.is_alone(bytes[at]) {
                return Some(if self.ended { Alone::Later } else { Alone::InHead });
            }
            from = at + 1;
        }
        (bytes.len() > from && self.is_alone_before_text()).then_some(if self.ended {
            Alone::Later
        } else {
            Alone::InHead
        })
    }

    /// Text comes, at least a byte of it. Whether it follows a CR, which stands alone then.
    fn is_alone_before_text(&mut self) -> bool {
        let alone = self.last == b'\r';
        self.more |= self.ended;
        self.has_text = true;
        self.last = b'x';
        alone
    }

    /// A CR or an LF comes. Whether it, or the CR before it, stands alone.
    fn is_alone(&mut self, end: u8) -> bool {
        let after_cr = self.last == b'\r';
        self.more |= self.ended;
        self.last = end;
        if end == b'\r' {
            return after_cr;
        }
        if after_cr && !self.ended {
            // Empty lines before the request line are to be ignored (RFC 9112, section 2.2).
            self.ended = !self.has_text && self.any;
            self.any |= self.has_text;
        }
        self.has_text = false;
        !after_cr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a text, whatever pieces it comes in.
    fn alone_in(text: &str) -> Option<Alone> {
        let found: Vec<_> = (1..=text.len())
            .map(|size| {
                let mut lines = Lines::default();
                text.as_bytes().chunks(size).find_map(|piece| lines.look_at(piece, 0))
            })
            .collect();
        assert!(found.iter().all(|one| *one == found[0]), "{text:?}: {found:?}");
        found[0]
    }

    #[test]
    fn a_line_end_that_stands_alone_in_a_head_is_seen() {
        for text in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(alone_in(text), Some(Alone::InHead), "{text:?}");
        }
    }

    #[test]
    fn a_plain_head_is_not_ambiguous() {
        for text in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(alone_in(text), None, "{text:?}");
        }
    }

    /// A request behind a good one, in one write, used to be taken although its lines ended with LF alone.
    #[test]
    fn regression_what_comes_after_a_head_is_looked_at_too() {
        for text in [
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\r",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\n\n",
        ] {
            assert_eq!(alone_in(text), Some(Alone::Later), "{text:?}");
        }
    }

    #[test]
    fn each_head_begins_anew() {
        let mut lines = Lines::default();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(lines.look_at(request, 0), None);
        assert_eq!(lines.look_at(b"rest of a body\n", 0), Some(Alone::Later));
        assert_eq!(lines.look_at(request, 1), None);
        assert_eq!(lines.look_at(b"GET / HTTP/1.1\n\n", 2), Some(Alone::InHead));
        // A head of which a part came with the one before, cut between its CR and its LF.
        let mut lines = Lines::default();
        assert_eq!(lines.look_at(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r", 0), None);
        assert_eq!(lines.look_at(b"\nHost: x\r\n\r\n", 1), None);
        assert_eq!(lines.look_at(b"\n", 1), Some(Alone::Later));
    }
}
