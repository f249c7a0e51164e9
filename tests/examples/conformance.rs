//! Puts a running server to the conformance suite:
//!
//! ```text
//! cargo run -p rendezvous-tests --example conformance -- http://127.0.0.1:5025 127.0.0.1:5024
//! ```
//!
//! Checks that wait for a deadline take as long as the server's timing says: minutes with the default one, seconds
//! with `--pulse-interval 500ms --pulse-grace 100ms --error-time 900ms`.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use rendezvous_tests::conformance;
use rendezvous_tests::target::Target;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's own output")]
fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [http, udp] = args.as_slice() else {
        eprintln!("usage: conformance http://HOST:PORT ADDRESS:PORT");
        return ExitCode::from(2);
    };
    let Ok(udp) = udp.parse::<SocketAddr>() else {
        eprintln!("conformance: {udp} is no UDP address such as 127.0.0.1:5024");
        return ExitCode::from(2);
    };
    let target = Target::new(http.trim_end_matches('/'), udp);
    let count = conformance::all().count();
    let mut failed = 0;
    for (n, check) in conformance::all().enumerate() {
        print!("{:2}/{count} {} ... ", n + 1, check.0);
        let start = Instant::now();
        // What went wrong is printed by the panic itself.
        let passed = catch_unwind(AssertUnwindSafe(|| conformance::run(check, &target))).is_ok();
        failed += usize::from(!passed);
        println!("{} ({:.1} s)", if passed { "ok" } else { "FAILED" }, start.elapsed().as_secs_f64());
    }
    println!("{} passed, {failed} failed", count - failed);
    ExitCode::from(u8::from(failed > 0))
}
