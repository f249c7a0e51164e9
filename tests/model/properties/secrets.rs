//! I8: a key is in the answer to its registration, and nowhere else.

use rendezvous_model::secrets::Needles;
use rendezvous_model::strategy::{self, CLIENTS};
use rendezvous_protocol::http::{RegisterBody, parse_bearer};
use rendezvous_protocol::{PrivateKey, StoredRecord, Timing, UnixTime};
use rendezvous_wasm::world::{Action, Scenario, World, replay};

use crate::harness;

#[test]
fn no_output_of_a_run_holds_a_key_but_the_answer_to_its_registration() {
    harness::check_scenarios(file!(), 100, strategy::scenario(60), |scenario| {
        let keys = scenario.setup.keys();
        let needles: Vec<_> = (0..=CLIENTS).map(|client| Needles::of(&keys.key(client))).collect();
        let mut world = World::new(scenario.setup);
        let mut texts = vec![scenario.to_json(), format!("{scenario:?}"), format!("{world:?}")];
        for action in &scenario.actions {
            let output = world.apply(action);
            let reply = output.and_then(|output| world.reply(action, output));
            texts.push(format!("{output:?} {:?}", world.changes()));
            texts.push(serde_json::to_string(&(output, world.changes())).unwrap());
            texts.push(without_private_id(&format!("{reply:?}"), action, &scenario));
        }
        texts.extend(
            replay(&scenario)
                .lines()
                .zip(&scenario.actions)
                .map(|(line, action)| without_private_id(line, action, &scenario)),
        );
        texts.push(format!("{world:?}"));
        let everything = texts.join("\n");
        match needles.iter().find_map(|needles| needles.find(everything.as_bytes())) {
            None => Ok(()),
            Some(form) => Err(format!("a key is shown as {form}\nscenario: {}", scenario.to_json())),
        }
    });
}

/// Takes the key out of the answer to a registration, where it belongs. It is there once.
fn without_private_id(text: &str, action: &Action, scenario: &Scenario) -> String {
    let Action::Register { client } = *action else { return text.to_owned() };
    let key = hex::encode(scenario.setup.keys().key(client).reveal());
    match text.split_once("private_id") {
        Some((before, after)) => format!("{before}private_id{}", after.replacen(&key, "", 1)),
        None => text.to_owned(),
    }
}

#[test]
fn no_error_tells_what_it_was_given() {
    let key = PrivateKey::from_bytes(std::array::from_fn(|n| (n * 7 + 3) as u8));
    let needles = Needles::of(&key);
    let digits = hex::encode(key.reveal());
    let mut texts = vec![
        format!("{key:?}"),
        format!("{:?}", PrivateKey::from_hex(format!("{digits}0").as_bytes())),
        format!("{:?}", PrivateKey::from_hex(format!("{}g", &digits[..63]).as_bytes())),
        format!("{:?}", digits.parse::<rendezvous_protocol::ClientId>()),
        format!("{:?}", StoredRecord::decode(rendezvous_protocol::ClientId::of(&key), key.reveal())),
        format!(
            "{:?}",
            RegisterBody::new(
                PrivateKey::from_bytes(*key.reveal()),
                UnixTime::default(),
                1,
                &Timing::default()
            )
        ),
    ];
    for header in [format!("Bearer {digits}"), format!("Basic {digits}"), format!("Bearer {digits}{digits}")]
    {
        texts.push(format!("{:?}", parse_bearer([header.as_bytes()].into_iter())));
    }
    for json in [format!("{{\"private_id\":\"{digits}\"}}"), format!("{{\"private_id\":\"{digits}0\"}}")] {
        texts.push(serde_json::from_str::<RegisterBody>(&json).unwrap_err().to_string());
    }
    for text in texts {
        assert_eq!(needles.find(text.as_bytes()), None, "{text}");
        assert!(!text.contains(&digits[..32]), "half of the key is in {text}");
    }
}
