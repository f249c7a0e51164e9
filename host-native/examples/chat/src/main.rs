//! Two-way chat without a server in between: `rendezvous-chat SERVER`, and at the other end `rendezvous-chat SERVER PEER_ID` with the id
//! that the first printed.

use std::error::Error;

use rendezvous_native::client::{Client, Event, Path};
use rendezvous_protocol::ClientId;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().ok_or("usage: rendezvous-chat SERVER [PEER_ID]")?;
    let peer: Option<ClientId> = arguments.next().map(|id| id.parse()).transpose()?;

    let client = Client::builder(server).register().await?;
    println!("your id: {}", client.id().ok_or("the server forgot us at once")?);

    let mut lines = BufReader::new(stdin()).lines();
    let peer = match peer {
        Some(peer) => peer,
        None => who_calls(&client, &mut lines).await?,
    };
    println!("connecting to {peer} …");
    let path = client.connect(peer).await?;
    println!("connected: {} in {} ms", path.address().ok_or("gone again")?, path.took().0);
    talk(&path, &mut lines).await?;
    client.logout().await;
    Ok(())
}

/// A peer that tries to reach us, if our NAT lets its probes in; or the id that somebody types.
async fn who_calls(client: &Client, lines: &mut Lines<BufReader<Stdin>>) -> Result<ClientId, Box<dyn Error>> {
    println!("waiting for a call; or type the id of your peer");
    let mut events = client.events();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Knock { peer, .. }) => return Ok(peer),
                Some(_) => {}
                None => return Err("the client has ended".into()),
            },
            line = lines.next_line() => return Ok(line?.ok_or("nobody is there")?.trim().parse()?),
        }
    }
}

/// Until one of them ends.
async fn talk(path: &Path, lines: &mut Lines<BufReader<Stdin>>) -> Result<(), Box<dyn Error>> {
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => path.send(line.as_bytes()).await?,
                None => return Ok(()),
            },
            datagram = path.recv() => match datagram {
                Some(datagram) => println!("> {}", String::from_utf8_lossy(&datagram)),
                None => return Ok(println!("your peer has gone")),
            },
        }
    }
}
