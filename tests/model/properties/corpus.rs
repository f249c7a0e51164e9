//! Every input that fuzzing ever kept, on a stable toolchain.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rendezvous_model::fuzzing::TARGETS;

#[test]
fn every_corpus_replays() {
    for (name, target) in TARGETS {
        let inputs: Vec<_> = fs::read_dir(fuzz().join("corpus").join(name)).unwrap().collect();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            let path = input.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn every_target_is_known_to_cargo_fuzz_and_to_the_tests() {
    let names: BTreeSet<_> = TARGETS.iter().map(|&(name, _)| name.to_owned()).collect();
    let files = fs::read_dir(fuzz().join("fuzz_targets")).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(files.map(|file| stem(file.unwrap().path())).collect::<BTreeSet<_>>(), names);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
}

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}
