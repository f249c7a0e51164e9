//! `rendezvous store`: what to read and write, and how far it is.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use rendezvous_native::settings::{StoreAccess, StoreCommand, StoreName};
use rendezvous_native::shared::SharedContents;
use rendezvous_native::store::operator::{self, Contents, OperatorError};

/// Does what is asked, and says what came of it in one line on standard error, or on standard output if that is all there is to say.
pub(crate) fn run(command: StoreCommand) -> Result<(), Box<dyn Error>> {
    match command {
        StoreCommand::Check { store, access } => {
            let mut progress = Progress::new("checked");
            let mut report = |done, total| progress.at(done, Some(total));
            let contents = match Opened::new(&store, access)? {
                Opened::File(path) => operator::check(path, &mut report)?,
                Opened::Shared(store) => store.check(&mut report)?,
            };
            progress.end();
            writeln!(io::stdout(), "{store}: all of it is good: {}", Described(contents))?;
        }
        StoreCommand::Export { store, output, access } => {
            let mut progress = Progress::new("exported");
            let mut report = |done, total| progress.at(done, Some(total));
            let store = Opened::new(&store, access)?;
            let contents = match &output {
                None => store.export(&mut BufWriter::new(io::stdout().lock()), &mut report)?,
                Some(file) => export_to(&store, file, &mut report)?,
            };
            progress.end();
            writeln!(io::stderr(), "exported {}", Described(contents))?;
        }
        StoreCommand::Import { store, input, access } => {
            let mut progress = Progress::new("imported");
            let mut report = |done| progress.at(done, None);
            let opened = Opened::new(&store, access)?;
            let clients = match input {
                None => opened.import(&mut io::stdin().lock(), &mut report)?,
                Some(file) => {
                    let open = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                    opened.import(&mut BufReader::new(open), &mut report)?
                }
            };
            progress.end();
            writeln!(io::stderr(), "imported {} clients into {store}", HumanCount(clients))?;
        }
    }
    Ok(())
}

/// The store that a command is about.
enum Opened<'a> {
    File(&'a Path),
    Shared(SharedContents),
}

impl<'a> Opened<'a> {
    fn new(name: &'a StoreName, access: StoreAccess) -> Result<Self, Box<dyn Error>> {
        Ok(match name {
            StoreName::File(path) => Self::File(path),
            StoreName::Shared(address) => {
                Self::Shared(SharedContents::open(access.options(address.clone())?)?)
            }
        })
    }

    fn export(
        &self,
        output: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Contents, OperatorError> {
        match self {
            Self::File(path) => operator::export(path, output, progress),
            Self::Shared(store) => store.export(output, progress),
        }
    }

    fn import(&self, input: &mut dyn BufRead, progress: &mut dyn FnMut(u64)) -> Result<u64, OperatorError> {
        match self {
            Self::File(path) => operator::import(path, input, progress),
            Self::Shared(store) => store.import(input, progress),
        }
    }
}

/// Where clients are is nobody else's business, and what is there is not overwritten.
fn export_to(
    store: &Opened<'_>,
    file: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, Box<dyn Error>> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut output = BufWriter::new(new.map_err(|error| format!("{}: {error}", file.display()))?);
    let exported = store.export(&mut output, progress).and_then(|contents| {
        let written = output.into_inner().map_err(io::IntoInnerError::into_error);
        written.and_then(|file| file.sync_all()).map(|()| contents).map_err(OperatorError::Output)
    });
    if exported.is_err() {
        // Half an export is worse than none: somebody might take it for a whole one.
        let _ = std::fs::remove_file(file);
    }
    Ok(exported?)
}

struct Described(Contents);

impl std::fmt::Display for Described {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Contents { clients, with_address, entries, bytes } = self.0;
        write!(f, "{} clients, {} of them with an address", HumanCount(clients), HumanCount(with_address))?;
        if bytes > 0 {
            write!(f, ", in {} entries and {}", HumanCount(entries), HumanBytes(bytes))?;
        }
        Ok(())
    }
}

/// A bar on a terminal, and a line now and then elsewhere.
struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(5);

    fn new(what: &'static str) -> Self {
        Self { what, bar: io::stderr().is_terminal().then(ProgressBar::no_length), told: Instant::now() }
    }

    fn at(&mut self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total
                && bar.length() != Some(total)
            {
                bar.set_length(total);
                let style = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} ({eta})");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            }
            bar.set_position(done);
        } else if self.told.elapsed() >= Self::EVERY {
            self.told = Instant::now();
            let of = total.map(|total| format!(" of {}", HumanCount(total))).unwrap_or_default();
            let _ = writeln!(io::stderr(), "{} {}{of} entries", self.what, HumanCount(done));
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
