//! `rendezvous client`: a client for scripts.

use std::error::Error;
use std::process::ExitCode;

use rendezvous_native::client::{Client, ClientEvent, Credentials, Event, Server};
use rendezvous_native::settings::{ClientCommand, ClientOptions, CommonOptions};
use rendezvous_protocol::{ClientId, Millis, PulseCode};
use serde_json::json;

use crate::StopSignals;

pub(crate) mod key_file;
pub(crate) mod output;

use output::{Printer, To};

/// Does what is asked.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn run(command: ClientCommand) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            ClientCommand::Register { options, force } => register(&options, force).await,
            ClientCommand::Pulse { options, verify } => pulse(&options, verify).await,
            ClientCommand::Status { options, peer } => status(&options, peer).await,
            ClientCommand::Address { options, peer } => address(&options, peer).await,
            ClientCommand::Logout { options } => logout(&options).await,
            ClientCommand::Run { options } => stay(&options).await,
        }
    })
}

/// The certificates that the options name.
///
/// # Errors
/// One line that names the file.
pub(crate) fn roots(common: &CommonOptions) -> Result<Option<Vec<u8>>, String> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| format!("--ca: {}: {error}", path.display()))
    };
    common.ca.as_ref().map(read).transpose()
}

async fn register(options: &ClientOptions, force: bool) -> Result<ExitCode, Box<dyn Error>> {
    let server = server(options)?;
    if !force && options.key_file.exists() {
        // Not after registering: that client would be nobody's.
        key_file::write(&options.key_file, &key_file::read(&options.key_file)?, false)?;
    }
    let credentials = server.register().await?;
    key_file::write(&options.key_file, &credentials, force)?;
    let (id, file) = (credentials.id(), options.key_file.display());
    printer(options).say(
        &format!("registered as {id}; the key is in {file}"),
        &json!({"event": "registered", "client_id": id, "key_file": options.key_file}),
    );
    Ok(ExitCode::SUCCESS)
}

async fn pulse(options: &ClientOptions, verify: bool) -> Result<ExitCode, Box<dyn Error>> {
    let (server, credentials) = (server(options)?, key_file::read(&options.key_file)?);
    if verify {
        server.verify(&credentials).await?;
    }
    let code = server.pulse(&credentials, options.common.udp_bind).await?;
    let meaning = match code {
        PulseCode::OnTime => "on time",
        PulseCode::Reverify => "too late: verify (--verify) and pulse again",
        PulseCode::NotFound => "the server does not know this client: log out here too, and register again",
    };
    printer(options)
        .say(&format!("{} {meaning}", code.number()), &json!({"code": code.number(), "meaning": meaning}));
    Ok(if code == PulseCode::OnTime { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn status(options: &ClientOptions, peer: Option<ClientId>) -> Result<ExitCode, Box<dyn Error>> {
    let (server, credentials) = (server(options)?, key_file::read(&options.key_file)?);
    let peer = peer.unwrap_or_else(|| credentials.id());
    let found = server.status(&credentials, peer).await?;
    let status = json!(found.status);
    let last_online = found.last_online.map(Millis::as_secs);
    printer(options).say(
        &format!("{} {}", status.as_str().unwrap_or_default(), ago(last_online)),
        &json!({"client_id": peer, "status": status, "last_online": last_online}),
    );
    Ok(ExitCode::SUCCESS)
}

async fn address(options: &ClientOptions, peer: Option<ClientId>) -> Result<ExitCode, Box<dyn Error>> {
    let (server, credentials) = (server(options)?, key_file::read(&options.key_file)?);
    let peer = peer.unwrap_or_else(|| credentials.id());
    let found = server.address(&credentials, peer).await?;
    let last_online = found.last_online.map(Millis::as_secs);
    printer(options).say(
        &format!("{} {}", found.address, ago(last_online)),
        &json!({"client_id": peer, "host": found.address.ip(), "port": found.address.port(), "last_online": last_online}),
    );
    Ok(ExitCode::SUCCESS)
}

async fn logout(options: &ClientOptions) -> Result<ExitCode, Box<dyn Error>> {
    let (server, credentials) = (server(options)?, key_file::read(&options.key_file)?);
    match server.logout(&credentials).await {
        Ok(()) | Err(rendezvous_native::client::RequestError::NotRegistered) => {}
        Err(error) => return Err(error.into()),
    }
    std::fs::remove_file(&options.key_file)
        .map_err(|error| format!("logged out, but {}: {error}", options.key_file.display()))?;
    let id = credentials.id();
    printer(options).say(&format!("{id} is logged out"), &json!({"event": "logged_out", "client_id": id}));
    Ok(ExitCode::SUCCESS)
}

async fn stay(options: &ClientOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = StopSignals::install()?;
    let file = &options.key_file;
    let kept = file.exists().then(|| key_file::read(file)).transpose()?;
    let had_key = kept.is_some();
    let mut builder = Client::builder(&options.server).stay_registered();
    if let Some(kept) = kept {
        builder = builder.credentials(kept);
    }
    if let Some(roots) = roots(&options.common)? {
        builder = builder.root_certificates(roots);
    }
    if let Some(address) = options.common.udp_bind {
        builder = builder.udp_bind(address);
    }
    let client = tokio::select! {
        client = builder.register() => client?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    if !had_key {
        keep(&client, options)?;
    }
    let (mut events, printer) = (client.events(), printer(options));
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = signals.next() => return Ok(ExitCode::SUCCESS),
        };
        let Some(event) = event else { return Ok(ExitCode::SUCCESS) };
        // Kept before it is told: whoever reads of the new id finds its key.
        if let Event::Client(ClientEvent::ReRegistered { .. }) = event {
            keep(&client, options)?;
        }
        printer.event(&event);
    }
}

fn keep(client: &Client, options: &ClientOptions) -> Result<(), String> {
    let credentials: Option<std::sync::Arc<Credentials>> = client.credentials();
    // There is none only while it registers again, and then another event follows.
    credentials.map_or(Ok(()), |credentials| key_file::write(&options.key_file, &credentials, true))
}

fn server(options: &ClientOptions) -> Result<Server, Box<dyn Error>> {
    Ok(Server::new(&options.server, roots(&options.common)?.as_deref())?)
}

fn printer(options: &ClientOptions) -> Printer {
    Printer { json: options.common.json, to: To::Out }
}

fn ago(last_online: Option<u64>) -> String {
    last_online.map_or_else(
        || "(no pulse yet, or none since the server restarted)".to_owned(),
        |seconds| format!("(last pulse {seconds} s ago)"),
    )
}
