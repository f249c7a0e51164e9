//! The NAT laboratory: the real program across the kernel's own NATs, in network namespaces that it makes and removes. It needs root.
//!
//! Without arguments it does all of it; otherwise what is named: behaviour, matrix, pipe, mapping, suspend, addresses, servers, forgery, paths.

use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

use rendezvous_model::size::tell;
use rendezvous_tests::directory::Directory;

mod behaviour;
mod lasting;
mod matrix;
mod net;
mod paths;
mod peer;
mod pipe;
mod server;
mod shell;
mod watcher;

use lasting::Stage;
use net::Internet;
use server::Server;

/// Where the server of the matrix is. It has the second address for looking at NATs.
const SERVER: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)];

/// What is played while the rest is: it mostly waits.
type Play = fn(Stage<'_>) -> Result<(), String>;
const BESIDE: [(&str, Play); 6] = [
    ("mapping", lasting::mapping),
    ("suspend", lasting::suspend),
    ("addresses", lasting::addresses),
    ("servers", lasting::servers),
    ("forgery", lasting::forgery),
    ("paths", paths::play),
];

fn main() -> ExitCode {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if !is_root {
        tell("the NAT laboratory makes network namespaces, which takes root");
        return ExitCode::FAILURE;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let does = |what: &str| asked.is_empty() || asked.iter().any(|name| name == what);
    shell::remove_leftovers();
    let directory = Directory::new("lab");
    let program = rendezvous_tests::process::program();
    let internet = Internet::new();
    let stage = Stage { internet: &internet, program, folder: directory.path() };
    let wrong = std::thread::scope(|scope| {
        let beside: Vec<_> = BESIDE
            .into_iter()
            .filter(|(name, _)| does(name))
            .map(|(name, play)| (name, scope.spawn(move || play(stage))))
            .collect();
        let mut wrong = in_turn(stage, &does);
        for (name, play) in beside {
            match play.join() {
                Ok(Ok(())) => {}
                Ok(Err(why)) => wrong.push(format!("{name}: {why}")),
                Err(_) => wrong.push(format!("{name}: see above")),
            }
        }
        wrong
    });
    for line in &wrong {
        tell(&format!("wrong: {line}"));
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What needs the processors, one after the other.
fn in_turn(stage: Stage<'_>, does: &impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = vec![];
    let host = stage.internet.host("server", &SERVER);
    if does("behaviour") {
        behaviour::all_are_what_they_are_called(stage.internet, &host, SERVER);
    }
    if does("matrix") {
        let server = Server::start(&host, stage.program, SERVER[0], &[]);
        wrong.extend(matrix::play(stage.internet, stage.program, server.url()));
    }
    if does("pipe")
        && let Err(why) = pipe::play(stage)
    {
        wrong.push(format!("pipe: {why}"));
    }
    wrong
}
