//! `rendezvous store`: what to read and write, and how far it is.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use rendezvous_native::settings::{StoreCommand, StorePath};
use rendezvous_native::store::operator::{self, Contents, OperatorError};

/// Does what is asked, and says what came of it in one line on standard error, or on standard output if that is all there is to say.
pub(crate) fn run(command: StoreCommand) -> Result<(), Box<dyn Error>> {
    match command {
        StoreCommand::Check { path: StorePath(path) } => {
            let mut progress = Progress::new("checked");
            let contents = operator::check(&path, &mut |done, total| progress.at(done, Some(total)))?;
            progress.end();
            writeln!(io::stdout(), "{}: all of it is good: {}", path.display(), Described(contents))?;
        }
        StoreCommand::Export { path: StorePath(path), output } => {
            let mut progress = Progress::new("exported");
            let mut report = |done, total| progress.at(done, Some(total));
            let contents = match &output {
                None => operator::export(&path, &mut BufWriter::new(io::stdout().lock()), &mut report)?,
                Some(file) => export_to(&path, file, &mut report)?,
            };
            progress.end();
            writeln!(io::stderr(), "exported {}", Described(contents))?;
        }
        StoreCommand::Import { path: StorePath(path), input } => {
            let mut progress = Progress::new("imported");
            let mut report = |done| progress.at(done, None);
            let clients = match input {
                None => operator::import(&path, &mut io::stdin().lock(), &mut report)?,
                Some(file) => {
                    let open = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                    operator::import(&path, &mut BufReader::new(open), &mut report)?
                }
            };
            progress.end();
            writeln!(io::stderr(), "imported {} clients into {}", HumanCount(clients), path.display())?;
        }
    }
    Ok(())
}

/// Where clients are is nobody else's business, and what is there is not overwritten.
fn export_to(
    path: &Path,
    file: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, Box<dyn Error>> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut output = BufWriter::new(new.map_err(|error| format!("{}: {error}", file.display()))?);
    let exported = operator::export(path, &mut output, progress).and_then(|contents| {
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
        write!(
            f,
            "{} clients, {} of them with an address, in {} entries and {}",
            HumanCount(clients),
            HumanCount(with_address),
            HumanCount(entries),
            HumanBytes(bytes)
        )
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
