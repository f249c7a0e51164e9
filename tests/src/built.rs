//! Paths of the programs under test. Nothing here calls cargo: what a test runs was built with the test, in one build.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// Names another `rendezvous` than the one of the same build, such as an installed one.
const PROGRAM_VARIABLE: &str = "RENDEZVOUS_BINARY";

/// Path of `rendezvous`.
///
/// # Panics
/// If the program is missing or older than its sources.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os(PROGRAM_VARIABLE) {
        Some(given) => given.into(),
        None => up_to_date(build_folder().join("rendezvous")),
    })
}

/// Path of an example of this package.
///
/// # Panics
/// As [`program`].
pub fn example(name: &str) -> PathBuf {
    up_to_date(build_folder().join("examples").join(name))
}

/// Folder of the running test's build, such as `target/debug`: tests are in its `deps`.
fn build_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().expect("a folder");
    if folder.ends_with("deps") { folder.parent().expect("a folder").to_owned() } else { folder.to_owned() }
}

/// Returns `program` unless one of its sources is newer: `cargo test -p rendezvous-tests` builds the test anew, and not the
/// program, which would be tested as it was before.
fn up_to_date(program: PathBuf) -> PathBuf {
    const BUILD: &str = "cargo build --workspace --all-targets";
    let Some(built) = modified(&program) else { panic!("{} is missing: {BUILD}", program.display()) };
    if let Some(source) = sources(&program).into_iter().find(|source| modified(source) > Some(built)) {
        panic!("{} is older than {}: {BUILD}", program.display(), source.display());
    }
    program
}

/// Sources of a program, as cargo lists them beside it in the format of make: `program: source source`, with `\ ` for a space.
fn sources(program: &Path) -> Vec<PathBuf> {
    let path = program.with_extension("d");
    let list = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, list) =
        list.trim_end().split_once(": ").unwrap_or_else(|| panic!("{}: no list of sources", path.display()));
    let spaced = list.replace("\\ ", "\0");
    spaced.split(' ').map(|path| path.replace('\0', " ").into()).collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Directory;

    #[test]
    fn a_program_older_than_a_source_is_refused() {
        let directory = Directory::new("path with spaces");
        let [program, source] = ["program", "source.rs"].map(|name| directory.path().join(name));
        let list = format!("{}: {}\n", program.display(), source.display().to_string().replace(' ', "\\ "));
        let refusal = |program: &Path| {
            let program = program.to_owned();
            *std::panic::catch_unwind(|| up_to_date(program)).unwrap_err().downcast::<String>().unwrap()
        };
        assert!(refusal(&program).contains("is missing"));
        for path in [&source, &program] {
            fs::write(path, "").unwrap();
        }
        assert!(refusal(&program).contains("program.d: "), "no list of sources");
        fs::write(program.with_extension("d"), "nonsense").unwrap();
        assert!(refusal(&program).contains("no list of sources"));
        fs::write(program.with_extension("d"), list).unwrap();
        assert_eq!(sources(&program), std::slice::from_ref(&source));
        assert_eq!(up_to_date(program.clone()), program);
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::options().append(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(refusal(&program).contains("is older than"));
    }
}
