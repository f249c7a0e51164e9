//! Tests of the whole simulation.

use serde_json::Value;

mod regressions;

use super::*;
use crate::world::{Command, Group, NatKind, Policy, Setup, Way};

/// Of a whole log at once, and by another table than the recorder's.
static CRC_32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

const WELL_BEHAVED: &str = r#"{"policy":"well_behaved"}"#;

/// A scenario of these clients and actions under the usual timing.
fn scenario(clients: &str, actions: &str) -> String {
    let timing = r#"{"pulse_interval":30000,"pulse_grace":1000,"error_time":180000}"#;
    format!(
        "{{\"version\":1,\"setup\":{{\"timing\":{timing}}},\n\"clients\":[{clients}],\n\"actions\":[{actions}]}}"
    )
}

/// Its log.
fn log(json: &str) -> Vec<Value> {
    let mut simulation = Simulation::from_json(json).unwrap();
    let log = simulation.run(100_000);
    assert!(simulation.done());
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// When each event of this kind happened, and what the member says.
fn told(log: &[Value], event: &str, member: &str) -> Vec<(u64, String)> {
    let events = log.iter().filter(|line| line["event"] == event && !line[member].is_null());
    events.map(|line| (line["at"].as_u64().unwrap(), line[member].to_string())).collect()
}

#[test]
fn a_well_behaved_client_registers_pulses_soon_again_and_then_in_time() {
    let log = log(&scenario(WELL_BEHAVED, r#"{"do":"until","at":100000}"#));
    let pulses: Vec<u64> = told(&log, "answered", "code").into_iter().map(|(at, _)| at).collect();
    assert_eq!(pulses[..2], [0, 3_000], "a NAT that has seen one exchange only may forget it sooner");
    for pair in pulses[1..].windows(2) {
        assert!((20_000..=25_000).contains(&(pair[1] - pair[0])), "{pulses:?}");
    }
    assert_eq!(told(&log, "standing", "is"), [(0, "\"ONLINE\"".into())]);
}

#[test]
fn a_pulse_that_is_not_answered_is_repeated_after_1_2_and_4_s() {
    let lose = r#"{"do":"until","at":1000},{"do":"lose","client":0,"way":"down","datagrams":9},{"do":"until","at":20000}"#;
    let log = log(&scenario(WELL_BEHAVED, lose));
    let sent = log.iter().filter(|line| line["carries"]["kind"] == "pulse");
    let sent: Vec<u64> = sent.map(|line| line["at"].as_u64().unwrap()).collect();
    assert_eq!(sent, [0, 3_000, 4_000, 6_000, 10_000]);
}

#[test]
fn whoever_is_late_verifies_and_whoever_is_gone_registers_again() {
    let silent = r#"{"policy":"well_behaved","silent":[[10000,60000],[70000,300000]]}"#;
    let log = log(&scenario(silent, r#"{"do":"until","at":340000}"#));
    let standings: Vec<_> = told(&log, "standing", "is").into_iter().map(|(_, is)| is).collect();
    let expected = ["ONLINE", "LATE", "ONLINE", "LATE", "GONE", "ONLINE"].map(|is| format!("\"{is}\""));
    assert_eq!(standings, expected);
    let statuses: Vec<_> = told(&log, "answered", "status").into_iter().map(|(_, status)| status).collect();
    // Awake again at 60 s it verifies, and at 300 s both a verify and its look at itself are in vain.
    let expected = ["200", "200", "200", "401", "401", "200", "200"];
    assert_eq!(statuses, expected, "register, look, verify, look, verify, register, look");
}

#[test]
fn nothing_gets_out_of_or_into_a_client_that_sleeps() {
    let actions = r#"{"do":"until","at":1000},{"do":"command","client":0,"command":"sleep"},
        {"do":"command","client":0,"command":"pulse"},{"do":"until","at":200000},
        {"do":"command","client":0,"command":"wake"},{"do":"until","at":201000}"#;
    let log = log(&scenario(WELL_BEHAVED, actions));
    let awake =
        |line: &&Value| line["event"] == "sent" && (1_000..200_000).contains(&line["at"].as_u64().unwrap());
    assert_eq!(log.iter().find(awake), None);
    assert!(log.iter().any(|line| line["does"] == "wakes"));
    assert!(log.iter().any(|line| line["code"] == 1050), "and then it is late");
}

#[test]
fn what_arrives_while_the_process_stands_still_waits_and_what_arrives_while_it_is_down_is_refused() {
    let fixed = r#"{"policy":{"fixed":{"every":30000}}}"#;
    let stalled = log(&scenario(
        fixed,
        r#"{"do":"until","at":20000},{"do":"stall","millis":25000},{"do":"until","at":50000}"#,
    ));
    assert_eq!(told(&stalled, "arrived", "fate"), [(30_000, "\"queued\"".into())]);
    assert!(
        told(&stalled, "answered", "code").contains(&(45_000, "1020".into())),
        "it is handled afterwards"
    );
    let down = r#"{"do":"until","at":20000},{"do":"restart","down":25000,"rebooted":true},{"do":"until","at":50000}"#;
    let down = log(&scenario(fixed, down));
    assert_eq!(told(&down, "arrived", "fate"), [(30_000, "\"refused\"".into())]);
    assert!(!told(&down, "answered", "code").iter().any(|(at, _)| (20_001..60_000).contains(at)));
}

#[test]
fn a_scenario_without_clients_is_played_as_well() {
    let json = r#"{"version":1,"setup":{"timing":{"pulse_interval":300,"pulse_grace":20,"error_time":1700}},"actions":[
        {"do":"register","client":0},{"do":"pulse","client":0,"from":"[2001:db8::1]:4000"},{"do":"advance","millis":320},
        {"do":"datagram","from":"192.0.2.7:1","payload":"00ff"},{"do":"pulse","client":0,"from":"192.0.2.7:4000"}]}"#;
    let mut simulation = Simulation::from_json(json).unwrap().with_trace();
    let log = simulation.run(1_000);
    for part in [
        r#""status":200"#,
        r#""code":1020"#,
        r#""dropped":"wrong_length""#,
        r#""code":1050"#,
        r#""is":"LATE""#,
    ] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    let actions = simulation.trace().unwrap().actions;
    assert_eq!(actions.len(), 5, "nothing but what the scenario says: {actions:?}");
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    let fine = r#"{"do":"until","at":1}"#;
    for (clients, actions, says) in [
        (r#"{"policy":{"fixed":{"every":0}}}"#, fine, "clients[0]: a client that does something every 0 ms"),
        (r#"{"policy":{"lazy":{"from":5,"to":4}}}"#, fine, "clients[0]: from 5 ms to 4 ms is no span"),
        (r#"{"silent":[[5,5]]}"#, fine, "clients[0]: silent from 5 ms to 5 ms"),
        (r#"{"meets":1}"#, fine, "clients[0]: there is no client 1 among 1"),
        (r#"{"asks":{"peer":0,"every":0}}"#, fine, "clients[0]: a client that does something every 0 ms"),
        (r#"{"clock":{"drift_ppm":100001}}"#, fine, "clients[0]: a drift of 100001"),
        (r#"{"nat":{"idle":0}}"#, fine, "clients[0]: a NAT that keeps a mapping for 0 ms"),
        (r#"{"starts":9007199254740992}"#, fine, "clients[0]: 9007199254740992 ms are more"),
        ("{}", r#"{"do":"rebind","client":1}"#, "actions[0]: there is no client 1 among 1"),
        ("{}", r#"{"do":"rebind","client":0}"#, "actions[0]: client 0 is not behind a NAT"),
        (
            "",
            r#"{"do":"command","client":0,"command":"pulse"}"#,
            "actions[0]: only a scenario with `clients`",
        ),
    ] {
        let error = Simulation::from_json(&scenario(clients, actions)).unwrap_err().to_string();
        let line = if says.starts_with("clients") { 2 } else { 3 };
        assert!(error.starts_with(says) && error.contains(&format!("at line {line} column ")), "{error}");
    }
    let crowd = scenario(r#"{"count":20000},{"count":1}"#, fine);
    assert!(Simulation::from_json(&crowd).unwrap_err().to_string().contains("more than 20000"));
    assert!(
        Simulation::from_json(&scenario(r#"{"link":{"loss":1.5}}"#, fine))
            .unwrap_err()
            .to_string()
            .contains("line 2")
    );
}

#[test]
fn a_diagram_shows_who_says_what_and_what_is_lost() {
    let actions = r#"{"do":"until","at":1000},{"do":"lose","client":0,"way":"up","datagrams":1},{"do":"until","at":3500}"#;
    let diagram = mermaid(&scenario(r#"{"name":"Ann; #1"}"#, actions)).unwrap();
    assert!(
        diagram.starts_with("sequenceDiagram\n    participant S as Server\n    participant C0 as Ann   1\n"),
        "{diagram}"
    );
    for line in [
        "C0->>S: 0.000 s POST /register",
        "S-->>C0: 0.000 s 200",
        "C0-xS: 3.000 s pulse with the key of 0, lost",
    ] {
        assert!(diagram.contains(line), "no {line} in {diagram}");
    }
}

/// Virtual time is exact: nothing happens between two things that are due.
#[test]
fn a_summary_counts_what_the_log_tells() {
    let mut setup = Setup::new(rendezvous_protocol::Timing::default());
    setup.seed = 5;
    let mut scenario = Scenario::new(setup, vec![Action::Until { at: 600_000 }]);
    let nat = NatKind {
        mapping: crate::world::Dependence::EndpointIndependent,
        filtering: crate::world::Dependence::AddressDependent,
        idle: 60_000,
        shared: true,
        hairpin: false,
    };
    scenario.link.loss = crate::world::Share::per_million(200_000);
    scenario.clients = vec![Group { count: 5, nat: Some(nat), ..Group::new() }];
    scenario.actions.insert(0, Action::Lose { client: 0, way: Way::Up, datagrams: 1 });
    scenario.actions.insert(1, Action::Command { client: 1, command: Command::Noise });
    let mut simulation = Simulation::new(scenario);
    let log = simulation.run(100_000);
    let summary = simulation.summary();
    let count = |part: &str| log.lines().filter(|line| line.contains(part)).count() as u64;
    assert_eq!(summary.events, log.lines().count() as u64);
    assert_eq!(summary.pulses_sent, count(r#""carries":{"kind":"pulse""#));
    assert_eq!(summary.codes[0], (1020, count(r#""code":1020"#)));
    assert_eq!(summary.lost, count(r#""lost":"#));
    assert!(summary.lost > 20 && summary.holds(), "{}", summary.to_json());
    assert_eq!(summary.digest, format!("{:08x}", CRC_32.checksum(log.as_bytes())));
    assert_eq!(simulation.scenario().clients[0].policy, Policy::WellBehaved);
}
