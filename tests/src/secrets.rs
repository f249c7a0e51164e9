//! Looks for keys where none may be.

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
}
