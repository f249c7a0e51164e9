//! Simulations that went wrong once, with their story.

use super::*;

/// A clock that is fast made a wait of a millisecond one of none.
#[test]
fn regression_a_fast_clock_does_not_make_time_stand_still() {
    let clients = r#"{"clock":{"drift_ppm":1},"asks":{"peer":0,"every":1}}"#;
    let mut simulation = Simulation::from_json(&scenario(clients, r#"{"do":"until","at":1000}"#)).unwrap();
    let _log = simulation.run(20_000);
    assert!(simulation.done(), "after 20000 events it is at {} ms", simulation.elapsed());
}

/// A duration that is checked only if it is the shortest was not checked.
#[test]
fn regression_every_duration_of_a_client_is_checked() {
    let clients = r#"{"policy":{"fixed":{"every":1000}},"asks":{"peer":0,"every":18446744073709551615}}"#;
    let error = Simulation::from_json(&scenario(clients, "")).unwrap_err().to_string();
    assert!(error.contains("are more than 9007199254740991"), "{error}");
}

/// Somebody's standing was to change at a time that the clock never reaches, again and again.
#[test]
fn regression_a_simulation_ends_where_its_clock_does() {
    let timing = r#"{"pulse_interval":30000,"pulse_grace":1000,"error_time":180000}"#;
    let json = format!(
        r#"{{"version":1,"setup":{{"timing":{timing},"start":{{"now":9007199254740981,"unix":0}}}},"actions":[
        {{"do":"register","client":0}},{{"do":"until","at":60000}}]}}"#
    );
    let mut simulation = Simulation::from_json(&json).unwrap();
    let _log = simulation.run(1_000);
    assert!(simulation.done());
}

/// Steps without an event used to count, so that a call could return nothing long before the end.
#[test]
fn regression_a_run_returns_nothing_only_at_the_end() {
    let crowd = scenario(r#"{"count":3000}"#, r#"{"do":"until","at":10000}"#);
    let mut simulation = Simulation::from_json(&crowd).unwrap();
    while !simulation.done() {
        assert!(!simulation.run(0).is_empty() || simulation.done(), "at {} ms", simulation.elapsed());
    }
    assert_eq!(simulation.elapsed(), 10_000);
}

/// Each answer used to put the next pulse off, also one to a pulse of long ago.
#[test]
fn regression_answers_that_are_slow_or_come_twice_do_not_make_a_client_late() {
    for link in [r#"{"delay":4900}"#, r#"{"delay":40,"duplicate":1,"reorder":0.3,"held":8000}"#] {
        let clients = format!(r#"{{"count":20,"link":{link}}}"#);
        let log = log(&scenario(&clients, r#"{"do":"until","at":1000000}"#));
        let late = told(&log, "standing", "is").into_iter().find(|(_, is)| is == "\"LATE\"");
        assert_eq!(late, None, "{link}");
    }
}

/// A client that had logged out was taken for one that does nothing of itself, not even repeat its logout.
#[test]
fn regression_a_logout_that_fails_is_repeated() {
    let actions = r#"{"do":"until","at":1000},{"do":"restart","down":500,"rebooted":false},
        {"do":"until","at":100000}"#;
    let logout = r#"{"do":"until","at":999},{"do":"command","client":0,"command":"logout"},"#;
    let log = log(&scenario(r#"{"link":{"delay":40}}"#, &format!("{logout}{actions}")));
    assert!(log.iter().any(|line| line["does"] == "finds no server"), "the first logout fails");
    assert_eq!(told(&log, "standing", "is").last().unwrap().1, "\"LEFT\"");
}

/// A command that came too early used to count as the start.
#[test]
fn regression_a_command_before_the_start_does_not_take_its_place() {
    let actions =
        r#"{"do":"until","at":10},{"do":"command","client":0,"command":"verify"},{"do":"until","at":70000}"#;
    let log = log(&scenario(r#"{"starts":60000}"#, actions));
    assert_eq!(told(&log, "standing", "is"), [(60_000, "\"ONLINE\"".into())]);
}
