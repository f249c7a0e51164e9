//! What an operator does with the program beside serving.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rendezvous_model::size::left_out;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::{Process, command, run_to_end};

use crate::tls_client::{Authority, Files};

#[test]
fn health_is_what_the_server_answers() {
    for (answer, code, says) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"[..], 0, "ready"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1, "it answers 503"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", 1, "it answers 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 1, "it does not answer in HTTP"),
        (&[0xFF; 4096], 1, "it does not answer in HTTP"),
        (b"", 1, "it does not answer in HTTP"),
    ] {
        let (address, asked) = answering(answer);
        let output = health(&[&format!("http://{address}")], &[]);
        assert_says(&output, code, says);
        let request = asked.join().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("Host: {address}\r\n")), "{request}");
    }
}

#[test]
fn health_asks_where_the_environment_says_that_the_operator_is_served() {
    let (address, asked) = answering(b"HTTP/1.1 200 OK\r\n\r\n");
    let everywhere = format!("0.0.0.0:{}", address.port());
    assert_says(&health(&[], &[("RENDEZVOUS_ADMIN_LISTEN", &everywhere)]), 0, "ready");
    assert!(asked.join().unwrap().starts_with("GET /readyz "));

    let (address, asked) = answering(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_says(&health(&[&format!("http://{address}/livez")], &[]), 0, "ready");
    assert!(asked.join().unwrap().starts_with("GET /livez "));
}

#[test]
fn health_of_nobody_is_bad() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_says(&health(&[&format!("http://{nobody}")], &[]), 1, "refused");
    assert_says(&health(&["https://127.0.0.1:1"], &[]), 1, "this is no address");
}

#[test]
fn health_does_not_wait_for_ever() {
    // The first never accepts, the second never answers, and the third never comes to an end of it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = silent.local_addr().unwrap();
    let dripping = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = dripping.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = dripping.accept().unwrap();
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    for address in [hanging, slow] {
        let start = Instant::now();
        assert_says(&health(&[&format!("http://{address}")], &[]), 1, "no answer within 3s");
        let took = start.elapsed();
        assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_server_that_is_there_has_a_health() {
    let process = Process::start(&[]);
    let admin = process.admin()[0];
    let output = health(&[&format!("http://{admin}/no-such-page")], &[]);
    assert_says(&output, 1, "it answers 404");
}

#[test]
fn the_settings_are_checked_without_serving() {
    let directory = Directory::new("check-config");
    let files = Files::write(&directory, &Authority::new().certify(1));
    let [cert, key] = [&files.cert, &files.key].map(|path| path.display().to_string());
    let good = directory.write("good.toml", &format!("tls-cert = {cert:?}\ntls-key = {key:?}\n"));
    let bad = directory.write("bad.toml", "pulse-interval = \"0s\"\n");
    let missing =
        directory.write("missing.toml", &format!("tls-cert = {cert:?}\ntls-key = \"/no/such/key\"\n"));
    let folder = directory.path().display().to_string();
    for (flags, code, says) in [
        (vec![], 0, "the settings are fine"),
        (vec![format!("--config={}", good.display())], 0, "the settings are fine"),
        (vec![format!("--config={}", bad.display())], 2, "pulse interval"),
        (vec![format!("--config={}", missing.display())], 2, "--tls-key: /no/such/key "),
        (vec![format!("--tls-cert={folder}"), format!("--tls-key={key}")], 2, "--tls-cert: /"),
        (vec![format!("--tls-cert={key}"), format!("--tls-key={key}")], 2, "--tls-cert: /"),
        (vec![format!("--tls-cert={cert}"), format!("--tls-key={cert}")], 2, "--tls-key: /"),
        (vec!["--surprise".to_owned()], 2, "--surprise"),
    ] {
        let mut command = command();
        command.args(flags).arg("--check-config").current_dir(directory.path());
        assert_says(&run_to_end(command), code, says);
    }
    assert!(!directory.path().join("rendezvous.redb").exists(), "nothing was served");
}

#[test]
fn what_is_printed_is_what_it_goes_by_and_is_read_back_as_the_same() {
    let directory = Directory::new("print-config");
    let file = directory.write("some.toml", "error-time = \"1m\"\npulse-interval = \"20s\"\n");
    let mut first = command();
    first.args(["--print-config", "--pulse-interval=40s"]);
    first.env("RENDEZVOUS_CONFIG", &file).env("RENDEZVOUS_LOG_LEVEL", "debug");
    let printed = out(first);
    for line in
        ["pulse-interval = \"40s\"", "error-time = \"1m\"", "log-level = \"debug\"", "reply-width = 2"]
    {
        assert!(printed.lines().any(|there| there == line), "no {line} in {printed}");
    }
    let again = directory.write("printed.toml", &printed);
    let mut second = command();
    second.arg("--print-config").arg("--config").arg(again);
    assert_eq!(out(second), printed);
}

#[test]
fn completions_are_what_their_shells_can_read() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let mut command = command();
        command.args(["completions", shell]);
        let script = out(command);
        assert!(script.contains("udp-listen") && script.contains("health"), "{script}");
        let Ok(mut reader) = Command::new(shell).arg(check).stdin(Stdio::piped()).spawn() else {
            left_out(&format!("whether {shell} reads its completions, which needs {shell}"));
            continue;
        };
        reader.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(reader.wait().unwrap().success(), "{shell} cannot read its completions");
    }
}

#[test]
fn the_manual_is_a_page_of_roff() {
    let mut command = command();
    command.arg("man");
    let page = out(command);
    assert!(page.contains(".TH rendezvous 1 "), "{page}");
    let reader = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut reader) = reader else {
        left_out("whether groff reads the manual page, which needs groff");
        return;
    };
    reader.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// Someone who answers one request with this. The thread ends with the request.
fn answering(answer: &'static [u8]) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            let mut buffer = [0; 256];
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the request ends too soon");
            request.extend_from_slice(&buffer[..count]);
        }
        // It may hang up as soon as it knows.
        let _ = stream.write_all(answer);
        String::from_utf8(request).unwrap()
    });
    (address, thread)
}

fn health(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command();
    command.arg("health").args(args).envs(environment.iter().copied());
    run_to_end(command)
}

/// It ended with this code, and said one line, on standard output if all is well.
fn assert_says(output: &Output, code: i32, says: &str) {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{error}");
    let (said, silent) = if code == 0 { (out, error) } else { (error, out) };
    assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    assert!(silent.is_empty(), "{silent}");
}

fn out(command: Command) -> String {
    let output = run_to_end(command);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
