//! Two nodes that share a store against the reference model, in real time: whatever is asked of either, at whatever moment, the answer
//! is the model's for the moment that the store's clock showed.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use rendezvous_crowd::TestRng;
use rendezvous_model::model::{Answer, Model};
use rendezvous_model::size::{Size, tell};
use rendezvous_native::shared::{SharedStore, Unavailable};
use rendezvous_protocol::lifecycle::{Observation, Registration, Status};
use rendezvous_protocol::{ClientId, Clock, Instant, Millis, Pulse, Timing, UnixTime};
use rendezvous_tests::redis::{self, RedisServer};
use rendezvous_tests::timing::{attempt_exclusive, too_slow};
use rendezvous_wasm::world::{Action, Setup};

use super::options;

/// How many clients there are. With the pauses between two operations, one is used about as often as it is late, and at times gone.
const CLIENTS: u16 = 100;
const LONGEST_PAUSE_MICROS: usize = 12_000;

/// Looks at others, and is always there.
const STEWARD: u16 = CLIENTS;

const UNKNOWN_CLIENT: Answer = Answer::Refused { status: 401, code: "unknown_client" };
const UNKNOWN_PEER: Answer = Answer::Refused { status: 404, code: "unknown_peer" };
const ADDRESS_UNKNOWN: Answer = Answer::Refused { status: 404, code: "address_unknown" };

#[test]
fn two_nodes_on_a_store_answer_as_the_model_does() {
    if !redis::is_there() {
        return;
    }
    let steps = Size::get().pick("operations at two nodes against the model", 600, 2_000, 20_000);
    attempt_exclusive("two_nodes_on_a_store_answer_as_the_model_does", || compare(steps));
}

fn compare(steps: usize) {
    let timing = Timing::new(Millis(400), Millis(200), Millis(900)).unwrap();
    let server = RedisServer::start();
    let nodes = [open(&server.address(), timing), open(&server.address(), timing)];
    let mut players = Players::new(&nodes, timing);
    let (mut rng, mut answers) = (TestRng::new(steps as u64), BTreeMap::<String, usize>::new());
    for step in 0..steps {
        sleep(Duration::from_micros(rng.below(LONGEST_PAUSE_MICROS) as u64));
        let client = rng.below(CLIENTS.into()) as u16;
        let from = ([192, 0, 2, 1], 1 + rng.below(3) as u16).into();
        let action = match rng.below(20) {
            _ if step % 20 == 0 => Action::Verify { client: STEWARD },
            0..5 => Action::Register { client },
            5..12 => Action::Pulse { client, from },
            12 | 13 => Action::Verify { client },
            14 => Action::Logout { client },
            15..18 => Action::Status { client: STEWARD, peer: Some(client) },
            _ => Action::LookUp { client: STEWARD, peer: Some(client) },
        };
        let Ok((answer, expected)) = players.play(&nodes[rng.below(2)], &action) else { too_slow() };
        // A machine that did something else for half a second.
        if answer != expected && nodes.iter().any(|node| node.stats().outages > 0) {
            too_slow();
        }
        assert_eq!(answer, expected, "{action:?}, step {step}");
        let kind = if let Answer::Code { number, .. } = answer {
            number.to_string()
        } else {
            format!("{answer:?}").split_whitespace().next().unwrap_or_default().to_owned()
        };
        *answers.entry(kind).or_default() += 1;
    }
    tell(&format!("{steps} operations at two nodes as the model has them: {answers:?}"));
    for kind in ["1020", "1050", "1060", "Registered", "Taken", "Status", "Address", "Refused"] {
        assert!(answers.contains_key(kind), "no {kind} in {answers:?}");
    }
}

struct Players {
    model: Model,
    setup: Setup,
    clock: u64,
    runtime: tokio::runtime::Runtime,
}

impl Players {
    fn new(nodes: &[SharedStore], timing: Timing) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut setup = Setup::new(timing);
        let steward = ClientId::of(&setup.keys().key(STEWARD));
        let (_, at) = runtime.block_on(nodes[0].register(steward)).unwrap();
        setup.start = Clock { now: at, unix: UnixTime::from_millis(at.as_millis()) };
        let mut model = Model::new(&setup);
        model.expect(&Action::Register { client: STEWARD });
        Self { model, setup, clock: at.as_millis(), runtime }
    }

    /// What the node answers, and what the model does.
    fn play(&mut self, node: &SharedStore, action: &Action) -> Result<(Answer, Answer), Unavailable> {
        let (answer, at) = self.ask(node, action)?;
        let millis = i64::try_from(at.as_millis() - self.clock).unwrap();
        self.model.expect(&Action::Advance { millis });
        self.clock = at.as_millis();
        Ok((answer, self.model.expect(action)))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "no other action is drawn")]
    fn ask(&self, node: &SharedStore, action: &Action) -> Result<(Answer, Instant), Unavailable> {
        let wait = &self.runtime;
        Ok(match *action {
            Action::Register { client } => {
                let (registration, at) = wait.block_on(node.register(self.id(client)))?;
                let registered = Answer::Registered { client, timestamp: seconds(at) };
                (if registration == Registration::Taken { Answer::Taken } else { registered }, at)
            }
            Action::Pulse { client, from } => {
                let (mut pulser, mut codes) = (node.pulser(), vec![]);
                pulser.pulses(&[Pulse { id: self.id(client), source: from }], &mut codes);
                let at = pulser.times().next().flatten().ok_or(Unavailable)?;
                (Answer::Code { to: from, number: codes[0].ok_or(Unavailable)?.number() }, at)
            }
            Action::Verify { client } => {
                let (known, at) = wait.block_on(node.verify(self.id(client)))?;
                (known.map_or(UNKNOWN_CLIENT, |()| Answer::Verified { client, timestamp: seconds(at) }), at)
            }
            Action::Logout { client } => {
                let (known, at) = wait.block_on(node.logout(self.id(client)))?;
                (known.map_or(UNKNOWN_CLIENT, |()| Answer::LoggedOut { client }), at)
            }
            Action::Status { peer: Some(peer), .. } => {
                let (found, at) = wait.block_on(node.observe(self.id(peer)))?;
                (found.map_or(UNKNOWN_PEER, |found| status(peer, found, at)), at)
            }
            Action::LookUp { peer: Some(peer), .. } => {
                let (found, at) = wait.block_on(node.observe(self.id(peer)))?;
                (found.map_or(UNKNOWN_PEER, |found| address(peer, found, at)), at)
            }
            _ => panic!("{action:?} is never drawn"),
        })
    }

    fn id(&self, client: u16) -> ClientId {
        ClientId::of(&self.setup.keys().key(client))
    }
}

fn status(peer: u16, found: Observation, at: Instant) -> Answer {
    let status = if found.status == Status::Online { "ONLINE" } else { "PENDING" };
    Answer::Status { peer, status, last_online: last_online(found), timestamp: seconds(at) }
}

fn address(peer: u16, found: Observation, at: Instant) -> Answer {
    found.address.map_or(ADDRESS_UNKNOWN, |address| Answer::Address {
        peer,
        host: address.ip(),
        port: address.port(),
        last_online: last_online(found),
        timestamp: seconds(at),
    })
}

fn last_online(found: Observation) -> Option<u64> {
    found.last_online.map(|millis| millis.0 / 1000)
}

fn seconds(at: Instant) -> u64 {
    at.as_millis() / 1000
}

fn open(address: &str, timing: Timing) -> SharedStore {
    let options = options(address, "model:", 0, Duration::from_secs(2));
    SharedStore::open(options, timing).unwrap_or_else(|error| panic!("{error}"))
}
