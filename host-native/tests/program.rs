//! The program as cargo builds it for this test: without a test here, `cargo test --workspace` would not build the program, which
//! the tests of `rendezvous-tests` run.

use std::process::Command;

#[test]
fn the_program_has_the_version_of_the_package() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_rendezvous")).arg("--version").output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, format!("rendezvous {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
}
