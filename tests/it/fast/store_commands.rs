//! `rendezvous store`: an operator looks at a store, saves it, and makes one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use nix::sys::signal::Signal;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, log_until_stopped, run_to_end};
use serde_json::Value;

fn store(arguments: &[&str]) -> Output {
    let mut command = command();
    // The environment of a container that serves is no reason to refuse.
    command.env("RENDEZVOUS_STORE", "memory:").env("RENDEZVOUS_UDP_THREADS", "2");
    command.arg("store").args(arguments);
    run_to_end(command)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn assert_fails(arguments: &[&str], names: &str) {
    let output = store(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    assert!(error.starts_with("rendezvous: ") && error.contains(names), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
}

#[test]
fn what_is_exported_and_imported_elsewhere_serves_the_same_clients() {
    let directory = Directory::new("store-commands");
    let (path, copy) = (directory.path().join("a.redb"), directory.path().join("b.redb"));
    let flag = |path: &Path| format!("--store=redb:{}", path.display());
    let mut process = Process::start(&[&flag(&path)]);
    let target = process.target().clone();
    let clients: Vec<_> = (0..20).map(|_| target.register()).collect();
    for client in &clients[..15] {
        assert_eq!(client.pulse(), 1020);
    }
    clients[3].logout().assert_ok();
    assert_fails(&["check", text(&path)], "in use by another process");
    process.signal(Signal::SIGTERM);
    assert!(process.wait().success());

    let checked = store(&["check", &format!("redb:{}", path.display())]);
    assert_ok(&checked);
    let says = String::from_utf8(checked.stdout).unwrap();
    assert!(says.contains("all of it is good: 19 clients, 14 of them with an address"), "{says}");

    let exported = store(&["export", text(&path)]);
    assert_ok(&exported);
    let lines = String::from_utf8(exported.stdout).unwrap();
    let mut ids: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["client_id"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<_> = clients.iter().map(|client| client.id().to_string()).collect();
    expected.remove(3);
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    for client in &clients {
        assert!(!lines.contains(&client.key_hex()), "no key was ever there");
    }

    let file = directory.path().join("clients.jsonl");
    assert_ok(&store(&["export", text(&path), "--output", text(&file)]));
    assert_eq!(fs::read_to_string(&file).unwrap(), lines, "a file holds the same");
    assert_fails(&["export", text(&path), "--output", text(&file)], "clients.jsonl: File exists");
    assert_ok(&store(&["import", text(&copy), "--input", text(&file)]));
    assert_fails(&["import", text(&copy), "--input", text(&file)], "already");
    for path in [&path, &copy, &file] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let process = Process::start(&[&flag(&copy)]);
    for (n, client) in clients.iter().enumerate() {
        let code = client.pulse_from(&process.target().socket());
        assert_eq!(code, if n == 3 { 1060 } else { 1020 }, "client {n}");
    }
}

#[test]
fn without_a_flag_clients_are_kept_in_a_file_of_this_folder() {
    let directory = Directory::new("store-default");
    let start = || {
        let mut command = command();
        command.current_dir(directory.path());
        command.args(["--udp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
        let (status, lines) = log_until_stopped(command, true);
        assert!(status.success(), "{lines:#?}");
        lines
    };
    let lines = start();
    assert!(lines.iter().any(|line| line.contains("redb:rendezvous.redb")), "{lines:#?}");
    let path = directory.path().join("rendezvous.redb");
    let checked = store(&["check", text(&path)]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("all of it is good: 0 clients"));
    // Somebody put a copy in its place that everybody can read.
    let warns = |lines: &[String]| lines.iter().any(|line| line.contains("it should have mode 0600"));
    assert!(!warns(&lines), "{lines:#?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(warns(&start()));
}

#[test]
fn what_cannot_be_done_is_said_in_one_line_and_leaves_nothing_behind() {
    let directory = Directory::new("store-mistakes");
    let at = |name: &str| directory.path().join(name);
    assert_fails(&["check", text(&at("nowhere.redb"))], "there is no store");
    assert_fails(&["export", text(&at("nowhere.redb"))], "there is no store");
    assert_fails(
        &["export", text(&at("nowhere.redb")), "--output", text(&at("export"))],
        "there is no store",
    );
    assert!(!at("export").exists(), "an export that failed leaves nothing");
    assert_fails(&["import", text(&at("no/folder.redb")), "--input", "/dev/null"], "No such file");
    assert_fails(&["import", text(&at("a.redb")), "--input", text(&at("nothing"))], "nothing: No such file");
    let id = "00112233445566778899aabbccddeeff";
    let good = format!(r#"{{"client_id":"{id}","address":null,"last_seen":null,"last_pulse":null}}"#);
    for (line, names) in [
        ("{", "line 3 is no client"),
        (r#"{"client_id":"0011","address":null,"last_seen":1,"last_pulse":1}"#, "expected 32 hex digits"),
        (&good.replace("null", "\"here\""), "invalid socket address"),
        (&good.replace("last_seen", "seen"), "unknown field `seen`"),
        (&good.replace("}", r#","private_id":"secret"}"#), "unknown field `private_id`"),
    ] {
        let input = directory.write("input.jsonl", &format!("{good}\n\n{line}\n{good}\n"));
        assert_fails(&["import", text(&at("a.redb")), "--input", text(&input)], names);
        assert!(!at("a.redb").exists() && !at("a.redb.new").exists(), "{line}");
    }
    // A line that is there twice is one client, and the later one counts.
    let moved = good.replacen("null", "\"[::ffff:192.0.2.7]:4000\"", 1);
    let input = directory.write("input.jsonl", &format!("{good}\n{moved}\n"));
    assert_ok(&store(&["import", text(&at("a.redb")), "--input", text(&input)]));
    let exported = store(&["export", text(&at("a.redb"))]);
    let expected = good.replacen("null", "\"192.0.2.7:4000\"", 1);
    assert_eq!(String::from_utf8(exported.stdout).unwrap().trim_end(), expected);

    let not_a_store = directory.write("text.redb", "This is no store at all, however long it may be.\n");
    assert_fails(&["check", text(&not_a_store)], "damaged or no store of this program");
    let empty = directory.write("empty.redb", "");
    assert_fails(&["check", text(&empty)], "the file is empty");
    for arguments in
        [&["store"][..], &["store", "mend", "a.redb"], &["--udp-threads=2", "store", "check", "a.redb"]]
    {
        let mut command = command();
        command.args(arguments);
        let output = run_to_end(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{arguments:?}: {error}");
    }
}
