//! Scenarios that failed once, with their story.

use rendezvous_model::check::against_model;
use rendezvous_model::ticks;
use rendezvous_wasm::world::Scenario;

fn scenario(actions: &str) -> Scenario {
    let setup = r#"{"timing":{"pulse_interval":300,"pulse_grace":20,"error_time":1700}}"#;
    Scenario::from_json(&format!(r#"{{"version":1,"setup":{setup},"actions":[{actions}]}}"#)).unwrap()
}

/// A server that was away for a while used to bring back whoever was gone before, unless a tick had come in between.
#[test]
fn regression_a_resume_revives_nobody() {
    let scenario = scenario(
        r#"{"do":"register","client":0},{"do":"advance","millis":2000},
           {"do":"pulse","client":0,"from":"192.0.2.7:4000"},{"do":"stall","millis":5000},
           {"do":"pulse","client":0,"from":"192.0.2.7:4000"}"#,
    );
    against_model(&scenario).unwrap();
    let with = ticks::with(&scenario, || Some(u32::MAX));
    assert_eq!(ticks::outputs(&with), ticks::outputs(&scenario));
}
