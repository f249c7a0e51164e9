//! Every codec: what is written is read back, what is cut off is an error, and no changed byte goes unnoticed or panics.

use std::fmt::Debug;
use std::net::SocketAddr;

use proptest::array::{uniform16, uniform32};
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use rendezvous_model::fuzzing::with_checksum;
use rendezvous_model::strategy;
use rendezvous_protocol::http::{
    LogoutBody, PeerAddressBody, PeerStatusBody, Problem, RegisterBody, VerifyBody, parse_bearer, to_json,
};
use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{
    Change, ClientId, Instant, Millis, Output, PrivateKey, PulseCode, Record, Rejection, Removal, ReplyWidth,
    StoredRecord, Timing, UnixTime,
};
use rendezvous_wasm::world::{Scenario, World};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::harness;

#[test]
fn a_stored_record_survives_and_nothing_else_passes_for_one() {
    harness::check(file!(), 300, (strategy::stored_record(), ids(), 1..=255_u8), |(record, id, flip)| {
        let encoded = record.encode(id);
        let bytes = encoded.as_bytes();
        same(StoredRecord::decode(id, bytes), Ok(record))?;
        for len in 0..bytes.len() {
            is_error(StoredRecord::decode(id, &bytes[..len]), "truncated")?;
        }
        is_error(StoredRecord::decode(id, &[bytes, &[0]].concat()), "prolonged")?;
        for index in 0..bytes.len() {
            let mut corrupt = bytes.to_vec();
            corrupt[index] ^= flip;
            is_error(StoredRecord::decode(id, &corrupt), &format!("byte {index} ^ {flip}"))?;
        }
        for index in 0..ClientId::LEN {
            let mut other = *id.as_bytes();
            other[index] ^= flip;
            is_error(StoredRecord::decode(ClientId::from_bytes(other), bytes), "another client")?;
        }
        Ok(())
    });
}

#[test]
fn a_stored_record_that_is_refused_is_refused_for_what_is_wrong() {
    let id = ClientId::from_bytes([7; 16]);
    let signed = |body: &[u8]| with_checksum(id, body);
    let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
    for (bytes, says) in [
        (signed(&[1, 0, 0]), "of 7 bytes is cut off or too long"),
        (signed(&[2, 0]), "of version 2: this program reads version 1"),
        (signed(&[1, 0b0001_0000]), "with unknown contents (0b00010000)"),
        (signed(&[1, 0b0000_0011]), "with unknown contents (0b00000011)"),
        ([&[1, 0], &[0; 4][..]].concat(), "that is damaged, or another client's"),
        (signed(&[&[1, 2], &mapped[..], &[0, 9]].concat()), "with an IPv4 address written as IPv6"),
    ] {
        let error = StoredRecord::decode(id, &bytes).unwrap_err().to_string();
        assert_eq!(error.strip_prefix("a stored record "), Some(says));
    }
    assert!(StoredRecord::decode(id, &signed(&[1, 0])).is_ok());

    // And of one record, every change of any one byte.
    let good = signed(&[1, 0b1101, 192, 0, 2, 7, 15, 160, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7]);
    assert!(StoredRecord::decode(id, &good).is_ok());
    for (index, flip) in (0..good.len()).flat_map(|index| (1..=255).map(move |flip| (index, flip))) {
        let mut corrupt = good.clone();
        corrupt[index] ^= flip;
        assert!(StoredRecord::decode(id, &corrupt).is_err(), "byte {index} ^ {flip}");
    }
}

#[test]
fn a_reply_is_read_in_the_width_it_was_written_in_and_in_no_other_way() {
    for code in PulseCode::ALL {
        for (width, bytes) in ReplyWidth::ALL.map(|width| (width, code.encode(width))) {
            assert_eq!(bytes.as_bytes().len(), usize::from(width.bytes()));
            assert_eq!(PulseCode::decode(bytes.as_bytes()), Some(code));
            assert_eq!(ReplyWidth::from_bytes(width.bytes()), Some(width));
        }
        assert_eq!(PulseCode::from_number(code.number()), Some(code));
        assert_eq!(code.to_string(), code.number().to_string());
    }
    assert_eq!((0..=255).filter_map(ReplyWidth::from_bytes).count(), ReplyWidth::ALL.len());
    // All there are of one and two bytes; of more, those that differ from a reply in one byte.
    let short =
        (0..=u8::MAX).map(|byte| vec![byte]).chain((0..=u16::MAX).map(|two| two.to_be_bytes().to_vec()));
    let long = PulseCode::ALL.into_iter().flat_map(|code| {
        let bytes = code.encode(ReplyWidth::Four);
        (0..4).flat_map(move |index| {
            (0..=u8::MAX).map(move |byte| {
                let mut changed = bytes.as_bytes().to_vec();
                changed[index] = byte;
                changed
            })
        })
    });
    for bytes in short.chain(long) {
        if let Some(code) = PulseCode::decode(&bytes) {
            let width = ReplyWidth::from_bytes(bytes.len() as u8).unwrap();
            assert_eq!(code.encode(width).as_bytes(), bytes);
        }
    }
    assert_eq!(PulseCode::decode(&[]), None);
    assert_eq!(PulseCode::decode(&[0, 3, 0xFC]), None);
}

#[test]
fn ids_and_keys_survive_hex_of_either_case_and_nothing_else_passes_for_them() {
    harness::check(file!(), 100, (ids(), keys(), any::<u8>()), |(id, key, byte)| {
        let (lower, upper) = (id.to_string(), id.to_string().to_uppercase());
        same(lower.parse(), Ok(id))?;
        same(upper.parse(), Ok(id))?;
        let digits = hex::encode(key);
        let of_key = |digits: &[u8]| PrivateKey::from_hex(digits).map(|key| *key.reveal());
        same(of_key(digits.as_bytes()), Ok(key))?;
        same(of_key(digits.to_uppercase().as_bytes()), Ok(key))?;
        for len in 0..digits.len() {
            is_error(of_key(&digits.as_bytes()[..len]), "truncated")?;
        }
        for len in 0..lower.len() {
            is_error(lower[..len].parse::<ClientId>(), "truncated")?;
        }
        for index in 0..digits.len() {
            let mut corrupt = digits.clone().into_bytes();
            let before = std::mem::replace(&mut corrupt[index], byte);
            match of_key(&corrupt) {
                Ok(read) if (read == key) != before.eq_ignore_ascii_case(&byte) => {
                    return Err(format!("digit {index} as {byte}"));
                }
                Ok(_) => {}
                Err(error) if byte.is_ascii_hexdigit() => return Err(format!("{error}")),
                Err(_) => {}
            }
        }
        Ok(())
    });
}

#[test]
fn credentials_survive_and_a_changed_byte_makes_them_nobodys_or_somebody_elses() {
    let scheme = select(vec!["Bearer ", "bearer ", "BEARER   "]);
    harness::check(file!(), 100, (scheme, keys(), any::<u8>()), |(scheme, key, byte)| {
        let id = ClientId::of(&PrivateKey::from_bytes(key));
        let header = format!("{scheme}{}", hex::encode(key));
        let read = |header: &[u8]| parse_bearer([header].into_iter());
        same(read(header.as_bytes()), Ok(id))?;
        for len in 0..header.len() {
            same(read(&header.as_bytes()[..len]), Err(Rejection::MalformedCredentials))?;
        }
        for index in 0..header.len() {
            let mut corrupt = header.clone().into_bytes();
            let before = std::mem::replace(&mut corrupt[index], byte);
            let unchanged = before.eq_ignore_ascii_case(&byte);
            if (read(&corrupt) == Ok(id)) != unchanged {
                return Err(format!("byte {index} as {byte}: {:?}", read(&corrupt)));
            }
        }
        Ok(())
    });
    assert_eq!(parse_bearer(std::iter::empty()), Err(Rejection::MissingCredentials));
}

#[test]
fn every_body_survives_json_and_is_an_error_when_cut_off() {
    let about = (ids(), any::<SocketAddr>(), any::<u64>(), proptest::option::of(any::<u64>()), keys());
    harness::check(
        file!(),
        50,
        (about, strategy::any_timing()),
        |((id, address, unix, age, key), timing)| {
            let (at, age) = (UnixTime::from_millis(unix), age.map(Millis));
            survives(&VerifyBody::new(id, at))?;
            survives(&LogoutBody::new(id))?;
            survives(&PeerAddressBody::new(id, rendezvous_protocol::canonical_address(address), age, at))?;
            survives(&PeerStatusBody::new(id, Status::Online, age, at))?;
            survives(&PeerStatusBody::new(id, Status::Pending, age, at))?;
            for rejection in Rejection::ALL {
                survives(&Problem::of(rejection))?;
                survives(&rejection)?;
                if rejection.status() < 400 || Problem::of(rejection).detail.is_empty() {
                    return Err(format!("{rejection:?} is no error"));
                }
                same(rejection.www_authenticate().is_some(), rejection.status() == 401)?;
                same(
                    rejection.retry_after().is_some(),
                    matches!(rejection.status(), 429 | 503) || rejection == Rejection::AddressUnknown,
                )?;
            }
            // This one cannot be compared as a whole: keys have no equality.
            let body = to_json(&RegisterBody::new(PrivateKey::from_bytes(key), at, 5024, &timing));
            let read: RegisterBody = serde_json::from_str(&body).map_err(|error| error.to_string())?;
            same(read.private_id.reveal(), &key)?;
            same(to_json(&read), body.clone())?;
            for len in 0..body.len() {
                is_error(serde_json::from_str::<RegisterBody>(&body[..len]).map(|_| ()), "truncated")?;
            }
            Ok(())
        },
    );
}

#[test]
fn timings_changes_inputs_and_outputs_survive_json() {
    harness::check_scenarios(file!(), 200, strategy::scenario(30), |scenario| {
        survives(&scenario.setup.timing)?;
        let mut world = World::new(scenario.setup);
        for action in &scenario.actions {
            let output = world.apply(action);
            if let Some(output) = output {
                survives::<Output>(&output)?;
            }
            for change in world.changes() {
                survives::<Change>(change)?;
            }
        }
        survives(world.server().counters())?;
        survives(&world.clock())
    });
    for output in [Output::Taken, Output::Resumed] {
        survives(&output).unwrap();
    }
    let removed = Change::Removed { id: ClientId::from_bytes([1; 16]), cause: Removal::LoggedOut };
    survives(&removed).unwrap();
    survives(&Record::restored(None)).unwrap();
}

#[test]
fn a_scenario_with_a_changed_byte_is_another_one_or_an_error() {
    harness::check(file!(), 20, (strategy::scenario(8), any::<u8>()), |(scenario, byte)| {
        let json = scenario.to_json();
        same(Scenario::from_json(&json), Ok(scenario))?;
        for len in (0..json.len()).filter(|&len| json.is_char_boundary(len)) {
            is_error(Scenario::from_json(&json[..len]), "truncated")?;
        }
        for index in 0..json.len() {
            let mut corrupt = json.clone().into_bytes();
            corrupt[index] = byte;
            // Some changes give another scenario; none may do worse.
            if let Ok(text) = std::str::from_utf8(&corrupt)
                && let Err(error) = Scenario::from_json(text)
                && error.to_string().contains('\n')
            {
                return Err(format!("{error} is more than a line"));
            }
        }
        Ok(())
    });
}

#[test]
fn keys_come_from_the_generator_and_nowhere_else() {
    /// Counts up.
    struct Counting(u8);

    impl rand_core::TryRng for Counting {
        type Error = std::fmt::Error;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            rand_core::utils::next_word_via_fill(self)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            rand_core::utils::next_word_via_fill(self)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.checked_add(1).ok_or(std::fmt::Error)?;
            }
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Counting {}

    let counted: [u8; 32] = std::array::from_fn(|n| n as u8);
    assert_eq!(PrivateKey::try_generate(&mut Counting(0)).unwrap().reveal(), &counted);
    assert_eq!(PrivateKey::generate(&mut rand_core::UnwrapErr(Counting(0))).reveal(), &counted);
    assert_eq!(PrivateKey::try_generate(&mut Counting(250)).unwrap_err(), std::fmt::Error);
}

#[test]
fn times_and_durations_are_read_within_their_bounds_and_errors_say_what_is_wrong() {
    assert_eq!(serde_json::from_str::<Instant>("18446744073709551615").unwrap(), Instant::MAX);
    assert_eq!(Instant::from_millis(12_034).to_string(), "12.034s");
    assert_eq!(Millis::from_secs(3) + Millis(1), Millis(3_001));
    assert_eq!(Millis::from_secs(u64::MAX) + Millis(1), Millis(u64::MAX), "sums stop at the end");
    for (triple, says) in [
        ((0, 0, 1), "longer than zero"),
        ((9, 5, 5), "shorter than the error time"),
        ((31_622_400_001, 0, 1), "the pulse interval must not be longer than a year"),
        ((1, 0, 31_622_400_001), "the error time must not be longer than a year"),
    ] {
        let (interval, grace, error_time) = triple;
        let error = Timing::new(Millis(interval), Millis(grace), Millis(error_time)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let json =
            format!(r#"{{"pulse_interval":{interval},"pulse_grace":{grace},"error_time":{error_time}}}"#);
        assert!(serde_json::from_str::<Timing>(&json).unwrap_err().to_string().contains(says));
    }
    assert!(serde_json::from_str::<PulseCode>("1030").is_err());
    for seconds in ["-0.5", "1e300"] {
        let body = to_json(&RegisterBody::new(
            PrivateKey::from_bytes([1; 32]),
            UnixTime::default(),
            1,
            &Timing::new(Millis(1_500), Millis(1), Millis(2)).unwrap(),
        ));
        assert!(serde_json::from_str::<RegisterBody>(&body).is_ok());
        assert!(serde_json::from_str::<RegisterBody>(&body.replace("1.5", seconds)).is_err());
    }
}

fn ids() -> impl Strategy<Value = ClientId> {
    uniform16(any::<u8>()).prop_map(ClientId::from_bytes)
}

fn keys() -> impl Strategy<Value = [u8; 32]> {
    uniform32(any::<u8>())
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Result<(), String> {
    let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
    let read = serde_json::from_str(&json).map_err(|error| format!("{json}: {error}"))?;
    same(value, &read)?;
    // A number that is cut off is still a number; anything else is not whole.
    for len in (0..json.len()).filter(|_| json.ends_with(['}', ']', '"'])) {
        is_error(serde_json::from_str::<T>(&json[..len]), &format!("{json} cut off at {len}"))?;
    }
    Ok(())
}

fn same<T: PartialEq + Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

fn is_error<T: Debug, E>(result: Result<T, E>, what: &str) -> Result<(), String> {
    match result {
        Ok(value) => Err(format!("{what}: read as {value:?}")),
        Err(_) => Ok(()),
    }
}
