//! A path needs no server: it goes on when the server has forgotten both ends, and both have other ids.

use std::io::Read;
use std::time::Duration;

use rendezvous_model::size::tell;

use crate::lasting::Stage;
use crate::net::Nat;
use crate::peer::Peer;
use crate::server::Server;

/// Longer than a path lives without an answer, after both were registered again.
const SILENCE: Duration = Duration::from_secs(40);

/// Regression: probes for the id that a client had when the path began were dropped once it had another, and the path ended 30 s later.
pub(crate) fn play(stage: Stage<'_>) -> Result<(), String> {
    let address = stage.internet.address();
    let host = stage.internet.host("paths", &[address]);
    let start = || Server::start(&host, stage.program, address, &[]);
    let server = start();
    let places = ["patha", "pathb"].map(|name| stage.internet.place(name, Nat::PortRestricted));
    let mut peers = [0, 1].map(|at: usize| {
        Peer::connect(&places[at].host, stage.program, &["--server", server.url(), "--wait", "20s"])
    });
    let ids = [peers[0].id()?, peers[1].id()?];
    for (peer, id) in peers.iter_mut().zip(ids.iter().rev()) {
        peer.say(&format!("{id}\n"));
    }
    for peer in &peers {
        peer.wait_for(&["connected"], Duration::from_secs(20))?;
    }
    drop(server);
    let _forgets = start();
    for peer in &peers {
        peer.wait_for(&["re_registered"], Duration::from_secs(60))?;
    }
    std::thread::sleep(SILENCE);
    for (peer, word) in peers.iter_mut().zip(["ping", "pong"]) {
        peer.say(word);
    }
    for (peer, word) in peers.iter_mut().zip(["pong", "ping"]) {
        let closed = peer.events().iter().any(|event| event["event"] == "closed");
        if closed {
            return Err(format!("{:?}", peer.events()));
        }
        let (_input, mut output) = peer.pipes();
        let mut heard = [0; 4];
        output.read_exact(&mut heard).map_err(|error| error.to_string())?;
        if heard != word.as_bytes() {
            return Err(format!("{heard:?} is not {word}"));
        }
    }
    tell("a path carries on 40 s after the server forgot both ends and gave them other ids");
    Ok(())
}
