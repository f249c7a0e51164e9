//! What the program does before it serves: flags, environment, file, and what it says when something is wrong.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, run_to_end};

#[test]
fn it_says_where_it_listens_what_it_keeps_and_how_strict_it_is() {
    let process = Process::start(&["--udp-listen=127.0.0.1:0,127.0.0.2:0"]);
    let udp = process.udp();
    assert_eq!(udp.len(), 2, "each bound address");
    assert!(udp.iter().all(|address| address.port() != 0), "with the port that the system chose: {udp:?}");
    let (http, admin) = (process.http(), process.admin());
    assert_eq!((http.len(), admin.len()), (1, 1));
    let log = process.log();
    let line = |what: &str| {
        let found = log.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains(what)));
        found.unwrap_or_else(|| panic!("no {what:?} in {log:#?}"))
    };
    for (what, address) in [("(udp)", udp[0]), ("(http)", http[0]), ("(admin)", admin[0])] {
        assert_eq!(line(what)["address"], address.to_string());
    }
    assert_eq!(line("in memory")["store"], "memory:");
    assert_eq!(line("ready")["pulse_interval"], "30s");
    assert_eq!(line("ready")["pulse_grace"], "1s");
    assert_eq!(line("ready")["error_time"], "3m");
    assert_eq!(process.target().register().pulse(), 1020);
}

#[test]
fn a_mistake_is_named_in_one_line_and_nothing_is_served() {
    let directory = Directory::new("mistakes");
    let file = |name: &str, text: &str| directory.write(name, text).to_str().unwrap().to_owned();
    let misspelt = file("misspelt.toml", "# timing\nerror-time = \"1m\"\npuls-interval = \"1s\"\n");
    let broken = file("broken.toml", "error-time = \n");
    for (flags, names) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--pulse-interval"], "--pulse-interval"),
        (&["--pulse-interval", "0s"], "pulse interval"),
        (&["--pulse-interval", "tomorrow"], "--pulse-interval"),
        (&["--pulse-grace", "3m"], "pulse grace (180000 ms)"),
        (&["--error-time", "500ms"], "error time (500 ms)"),
        (&["--error-time", "2years"], "error time"),
        (&["--reply-width", "3"], "--reply-width"),
        (&["--store", "floppy:"], "floppy:"),
        (&["--udp-listen", "here"], "--udp-listen"),
        (&["--http-listen", "127.0.0.1"], "--http-listen"),
        (&["--admin-listen", "5026"], "--admin-listen"),
        (&["--simulator", "/no/such/folder"], "--simulator: there is no index.html in /no/such/folder"),
        (&["--config", "/no/such/file.toml"], "/no/such/file.toml"),
        (&["--config", &misspelt], "misspelt.toml: line 3: unknown field `puls-interval`"),
        (&["--config", &broken], "broken.toml: line 1"),
        (&["surprise"], "surprise"),
    ] {
        assert_fails(command(), flags, 2, names);
    }
}

#[test]
fn a_port_in_use_is_named_in_one_line_and_nothing_is_served() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (udp_port, tcp_port) = (udp.local_addr().unwrap().port(), tcp.local_addr().unwrap().port());
    let free = "127.0.0.1:0";
    let taken_udp = format!("127.0.0.1:{udp_port}");
    let taken_tcp = format!("127.0.0.1:{tcp_port}");
    assert_fails(
        command(),
        &["--udp-listen", &taken_udp, "--http-listen", free],
        1,
        &format!("udp {taken_udp}"),
    );
    assert_fails(
        command(),
        &["--udp-listen", free, "--http-listen", &taken_tcp],
        1,
        &format!("http {taken_tcp}"),
    );
    assert_fails(command(), &["--udp-listen", free, "--http-listen", "192.0.2.1:1"], 1, "http 192.0.2.1:1");
    assert_fails(
        command(),
        &["--udp-listen", free, "--http-listen", free, "--admin-listen", &taken_tcp],
        1,
        &format!("admin {taken_tcp}"),
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = Directory::new("precedence");
    let path = directory
        .write("settings.toml", "pulse-interval = \"10s\"\npulse-grace = \"2s\"\nerror-time = \"50s\"\n");
    let mut start = command();
    start.env("RENDEZVOUS_CONFIG", &path);
    start.env("RENDEZVOUS_PULSE_INTERVAL", "20s").env("RENDEZVOUS_PULSE_GRACE", "3s");
    start.args(["--pulse-interval=40s"]);
    let process = Process::start_with(start);
    let registration = process.target().register().registration;
    assert_eq!(registration.pulse_interval.as_secs(), 40, "the flag");
    assert_eq!(registration.pulse_grace.as_secs(), 3, "the environment");
    assert_eq!(registration.error_time.as_secs(), 50, "the file");
}

#[test]
fn a_mistake_in_the_environment_is_named_too() {
    let mut command = command();
    command.env("RENDEZVOUS_ERROR_TIME", "never");
    assert_fails(command, &[], 2, "--error-time");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let text = |flag: &str| {
        let mut command = command();
        command.arg(flag);
        let output = run_to_end(command);
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text("--help").contains("--pulse-interval"));
    assert!(text("--version").starts_with(concat!("rendezvous ", env!("CARGO_PKG_VERSION"))));
}

fn assert_fails(mut command: Command, flags: &[&str], code: i32, names: &str) {
    command.args(flags);
    let output = run_to_end(command);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{flags:?}: {error}");
    assert!(error.starts_with("rendezvous: ") && error.contains(names), "{flags:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{flags:?}: {error}");
    assert!(output.stdout.is_empty());
}
