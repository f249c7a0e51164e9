//! Looks for keys where none may be.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rendezvous_protocol::PrivateKey;

/// All the forms in which a key could leak.
#[derive(Debug)]
pub struct Needles(Vec<(&'static str, Vec<u8>)>);

impl Needles {
    /// The forms of `key`.
    pub fn of(key: &PrivateKey) -> Self {
        let raw = key.reveal();
        let mut needles = vec![
            ("raw", raw.to_vec()),
            ("hex", hex::encode(raw).into_bytes()),
            ("upper-case hex", hex::encode_upper(raw).into_bytes()),
            ("a list of numbers", list(raw)),
        ];
        // What base64 makes of a key in the middle of other bytes depends on how many are before it.
        for before in 0..3 {
            for (name, engine) in [("base64", &STANDARD_NO_PAD), ("URL-safe base64", &URL_SAFE_NO_PAD)] {
                let mut bytes = vec![0; before];
                bytes.extend(raw);
                let text = engine.encode(bytes).into_bytes();
                // The first and the last digits hold bits of its neighbours.
                needles.push((name, text[(before * 8).div_ceil(6)..text.len() - 1].to_vec()));
            }
        }
        Self(needles)
    }

    /// The form in which the key is in `haystack`, if it is.
    pub fn find(&self, haystack: &[u8]) -> Option<&'static str> {
        let found = self.0.iter().find(|(_, needle)| contains(haystack, needle));
        found.map(|&(name, _)| name)
    }
}

/// Many keys at once: looks for each of them raw and in hex.
#[derive(Debug)]
pub struct Keys {
    keys: HashSet<[u8; 32]>,
    beginnings: HashSet<[u8; 4]>,
}

impl Keys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let keys: HashSet<_> = keys.into_iter().collect();
        let beginnings = keys.iter().map(|&[a, b, c, d, ..]| [a, b, c, d]).collect();
        Self { keys, beginnings }
    }

    /// Where the first of them is in `haystack`, and in which form.
    pub fn find(&self, haystack: &[u8]) -> Option<(usize, &'static str)> {
        let raw = haystack
            .windows(32)
            .position(|window| self.beginnings.contains(&window[..4]) && self.keys.contains(window));
        // Only where there are so many digits in a row.
        let mut digits = 0;
        let hex = haystack.iter().enumerate().find_map(|(index, byte)| {
            digits = if byte.is_ascii_hexdigit() { digits + 1 } else { 0 };
            let start = (index + 1).checked_sub(64).filter(|_| digits >= 64)?;
            let bytes = hex::decode(&haystack[start..=index]).ok()?;
            self.keys.contains(&bytes[..]).then_some(start)
        });
        raw.map(|at| (at, "raw")).or_else(|| hex.map(|at| (at, "hex")))
    }
}

/// As `Debug` prints bytes, without the brackets.
fn list(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_every_form_and_among_other_bytes() {
        let key = PrivateKey::from_bytes(std::array::from_fn(|n| 255 - (n % 5) as u8));
        let raw = *key.reveal();
        let needles = Needles::of(&key);
        assert_eq!(needles.find(&[b"x", raw.as_slice(), b"y"].concat()), Some("raw"));
        assert_eq!(needles.find(format!("key={}.", hex::encode(raw)).as_bytes()), Some("hex"));
        assert_eq!(needles.find(hex::encode_upper(raw).as_bytes()), Some("upper-case hex"));
        assert_eq!(needles.find(format!("{raw:?}").as_bytes()), Some("a list of numbers"));
        for before in 0..5 {
            let bytes = [&vec![b'a'; before], raw.as_slice(), b"zz"].concat();
            assert_eq!(needles.find(STANDARD_NO_PAD.encode(&bytes).as_bytes()), Some("base64"), "{before}");
            assert_eq!(
                needles.find(URL_SAFE_NO_PAD.encode(&bytes).as_bytes()),
                Some("URL-safe base64"),
                "{before}"
            );
        }
        assert_eq!(needles.find(&raw[1..]), None);
        assert_eq!(needles.find(b""), None);
    }

    #[test]
    fn one_of_many_keys_is_found_raw_and_in_hex() {
        let all: Vec<[u8; 32]> =
            (0..100).map(|n| std::array::from_fn(|index| n ^ (index * 7) as u8)).collect();
        let keys = Keys::new(all.clone());
        for key in all {
            assert_eq!(keys.find(&[b"before", &key[..], b"after"].concat()), Some((6, "raw")));
            for hex in [hex::encode(key), hex::encode_upper(key)] {
                // Digits before and after do not hide it.
                assert_eq!(keys.find(format!("key=0{hex}0").as_bytes()), Some((5, "hex")));
            }
            assert_eq!(keys.find(&key[1..]), None);
        }
        assert_eq!(keys.find(&[b'a'; 1000]), None);
    }
}
