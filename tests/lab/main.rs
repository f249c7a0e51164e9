//! The NAT laboratory: the real program across the kernel's own NATs, in network namespaces that it makes and removes. It needs root.
//!
//! Without arguments it does all of it; otherwise what is named: behaviour, matrix, mapping, moves, forgery, suspend, pipe.

use std::net::Ipv4Addr;
use std::process::ExitCode;

mod behaviour;
mod matrix;
mod net;
mod peer;
mod shell;

use net::Internet;

/// Where the server is. It has the second address for looking at NATs.
const SERVER: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)];

fn main() -> ExitCode {
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        eprintln!("the NAT laboratory makes network namespaces, which takes root");
        return ExitCode::FAILURE;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let does = |what: &str| asked.is_empty() || asked.iter().any(|name| name == what);
    shell::remove_leftovers();
    let program = rendezvous_tests::process::program();
    let internet = Internet::new();
    let host = internet.host("server", &SERVER);
    let mut wrong = vec![];
    if does("behaviour") {
        behaviour::all_are_what_they_are_called(&internet, &host, SERVER);
    }
    let server = server::Server::start(&host, program, SERVER[0], &[]);
    if does("matrix") {
        wrong.extend(matrix::play(&internet, program, server.url()));
    }
    for line in &wrong {
        eprintln!("wrong: {line}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

mod server;
