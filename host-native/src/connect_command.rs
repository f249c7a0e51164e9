//! `rendezvous connect`: find a direct way to a peer, and pipe standard input and output through it.

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rendezvous_native::client::{ATTEMPTS, Client, ConnectError, Event, Path, Progress};
use rendezvous_native::settings::ConnectOptions;
use rendezvous_protocol::ClientId;
use rendezvous_protocol::punch::Reason;
use serde_json::json;
use tokio::time::Instant;

use crate::StopSignals;
use crate::client_command::output::{Printer, To};
use crate::client_command::{key_file, roots};

mod pipe;

/// There is no direct way.
const EXIT_RELAY_NEEDED: u8 = 3;
/// How long it says goodbye to the server for.
const GOODBYE: Duration = Duration::from_secs(3);

/// Does it.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn run(options: ConnectOptions) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(connect(options));
    // The thread that reads standard input may never return.
    runtime.shutdown_background();
    code
}

async fn connect(options: ConnectOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = StopSignals::install()?;
    let mut builder = Client::builder(&options.server).patience(options.wait);
    if let Some(path) = &options.key_file {
        builder = builder.credentials(key_file::read(path)?).stay_registered();
    }
    if let Some(roots) = roots(&options.common)? {
        builder = builder.root_certificates(roots);
    }
    if let Some(address) = options.common.udp_bind {
        builder = builder.udp_bind(address);
    }
    let printer = Printer { json: options.common.json, to: To::Err };
    let client = tokio::select! {
        client = builder.register() => client?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let mut told = tokio::spawn(tell(client.clone(), options.key_file.clone(), printer));
    let done = tokio::select! {
        done = talk(&client, &options, printer) => done,
        _ = signals.next() => Ok(ExitCode::SUCCESS),
    };
    if options.key_file.is_none() {
        let _late = tokio::time::timeout(GOODBYE, client.logout()).await.is_ok();
        // Its last event says so.
        let _late = tokio::time::timeout(Duration::from_millis(500), &mut told).await.is_ok();
    }
    told.abort();
    done
}

/// Prints what happens to the client, and keeps its key if that becomes another.
async fn tell(client: Client, file: Option<std::path::PathBuf>, printer: Printer) {
    let mut events = client.events();
    while let Some(event) = events.next().await {
        if let (Event::Client(rendezvous_native::client::ClientEvent::ReRegistered { .. }), Some(file)) =
            (&event, &file)
            && let Some(credentials) = client.credentials()
            && let Err(error) = key_file::write(file, &credentials, true)
        {
            printer.say(&error, &json!({"event": "error", "detail": error}));
        }
        printer.event(&event);
    }
}

async fn talk(
    client: &Client,
    options: &ConnectOptions,
    printer: Printer,
) -> Result<ExitCode, Box<dyn Error>> {
    let peer = match options.peer {
        Some(peer) => peer,
        None => pipe::first_line().await?,
    };
    let mut said = Said { printer, peer, waiting: None, attempt: 0 };
    said.waits("for the server to say where it is");
    match client.connect_with(peer, options.wait, |progress| said.progress(&progress)).await {
        Ok(path) => {
            let address = path.address();
            let at = address.map(|address| address.to_string()).unwrap_or_default();
            printer.say(
                &format!("connected to {peer} at {at} in {} ms", path.took().0),
                &json!({"event": "connected", "peer": peer, "address": at, "millis": path.took().0}),
            );
            Ok(carry(Arc::new(path), options.quit_after_eof, printer).await)
        }
        Err(error) => Ok(failed(&error, printer)),
    }
}

fn failed(error: &ConnectError, printer: Printer) -> ExitCode {
    let (reason, relay_needed, millis) = match error {
        ConnectError::RelayNeeded { reason: Reason::Silent, tried } => ("silent", true, Some(tried.0)),
        ConnectError::RelayNeeded { reason: Reason::OneSided, tried } => ("one_sided", true, Some(tried.0)),
        ConnectError::Myself => ("myself", false, None),
        ConnectError::NotFound(..) => ("not_found", false, None),
        ConnectError::Ended => ("ended", false, None),
    };
    printer.say(
        &format!("rendezvous: {error}"),
        &json!({"event": "failed", "reason": reason, "relay_needed": relay_needed, "millis": millis, "detail": error.to_string()}),
    );
    if relay_needed { ExitCode::from(EXIT_RELAY_NEEDED) } else { ExitCode::FAILURE }
}

/// Carries datagrams both ways until one end is over.
async fn carry(path: Arc<Path>, quit_after_eof: Option<Duration>, printer: Printer) -> ExitCode {
    let mut input = pipe::input();
    let (output, mut nobody_reads) = pipe::output();
    let receiving = Arc::clone(&path);
    let mut receiver = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        // Blocks while standard output does: what comes meanwhile waits in the path's queue, and then is lost.
        while let Some(datagram) = runtime.block_on(receiving.recv()) {
            if output.send(datagram).is_err() {
                break;
            }
        }
    });
    let mut ends = None;
    let mut at_end = false;
    loop {
        tokio::select! {
            read = input.recv(), if !at_end => match read {
                Some(datagram) => {
                    // One that cannot be sent is lost, like others on the way.
                    let _lost = path.send(&datagram).await.is_err();
                }
                None => {
                    at_end = true;
                    ends = quit_after_eof.map(|wait| Instant::now() + wait);
                }
            },
            _ = &mut receiver => {
                printer.say("closed: the peer has not answered for 30 s", &json!({"event": "closed"}));
                return ExitCode::SUCCESS;
            }
            _ = &mut nobody_reads => return ExitCode::SUCCESS,
            () = tokio::time::sleep_until(ends.unwrap_or_else(Instant::now)), if ends.is_some() => {
                return ExitCode::SUCCESS;
            }
        }
    }
}

/// What was said so far: not everything is worth saying twice.
struct Said {
    printer: Printer,
    peer: ClientId,
    waiting: Option<String>,
    attempt: u32,
}

impl Said {
    fn waits(&mut self, why: &str) {
        if self.waiting.as_deref() != Some(why) {
            self.waiting = Some(why.to_owned());
            let peer = self.peer;
            self.printer.say(
                &format!("waiting for peer {peer}: {why}"),
                &json!({"event": "waiting", "peer": peer, "detail": why}),
            );
        }
    }

    fn progress(&mut self, progress: &Progress) {
        match progress {
            Progress::Waiting(error) => self.waits(&error.to_string()),
            Progress::Punching { attempt, sent, of } => {
                // People see the first of each attempt, and each on a terminal.
                let is_first = std::mem::replace(&mut self.attempt, *attempt) != *attempt;
                if self.printer.json || is_first || std::io::stderr().is_terminal() {
                    self.printer.say(
                        &format!("punching {sent}/{of} (attempt {attempt} of {ATTEMPTS})"),
                        &json!({"event": "punching", "attempt": attempt, "probe": sent, "of": of}),
                    );
                }
            }
            Progress::RoundFailed(_) => {
                self.attempt = 0;
                let text = "no answer yet: the peer does not try, or a relay will be needed; trying on";
                self.printer.say(text, &json!({"event": "round_failed", "detail": text}));
            }
        }
    }
}
