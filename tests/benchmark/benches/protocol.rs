//! The state machine alone, timed: what one call costs with few, many and very many clients.
//!
//! `cargo bench --profile dist -p rendezvous-bench` runs it; `RENDEZVOUS_TESTS=long` adds 10,000,000 clients. For
//! figures that do not depend on what else the machine does, there is `tests/scripts/costs`.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rendezvous_crowd::{Crowd, at, id, server_of, source};
use rendezvous_model::size::Size;
use rendezvous_protocol::{Change, Progress, Pulse, PulseCode, Server, Timing, decode_pulse};

/// As many as a UDP thread of the server takes at a time.
const BATCH: usize = 64;

fn sizes() -> Vec<u64> {
    let mut sizes = vec![10_000, 1_000_000];
    if Size::get() == Size::Long {
        sizes.push(10_000_000);
    }
    sizes
}

fn pulses(criterion: &mut Criterion) {
    let late = Timing::default().late_after().0 + 1;
    for clients in sizes() {
        let mut server = server_of(clients);
        let mut group = criterion.benchmark_group("pulse");
        group.throughput(Throughput::Elements(BATCH as u64));
        // Late comes last: the clock of a server never runs backwards.
        let cases = [
            ("on time", 1, 0, PulseCode::OnTime),
            ("unknown", 1, clients, PulseCode::NotFound),
            ("late", late, 0, PulseCode::Reverify),
        ];
        for (what, now, first, expected) in cases {
            let mut crowd = Crowd::new(first, clients);
            group.bench_function(BenchmarkId::new(format!("batch of {BATCH}, {what}"), clients), |bencher| {
                bencher.iter_batched_ref(
                    || crowd.batch::<BATCH>(),
                    |batch| {
                        server.pulse_batch(at(now), batch, &mut |_, outcome| {
                            debug_assert_eq!(outcome.answer, expected);
                            black_box(outcome.answer);
                        });
                    },
                    BatchSize::NumIterations(1024),
                );
            });
        }
    }
    let mut server = server_of(1_000_000);
    let mut crowd = Crowd::new(0, 1_000_000);
    criterion.bench_function("pulse one by one, on time/1000000", |bencher| {
        bencher.iter_batched(
            || crowd.batch::<1>(),
            |[Pulse { id, source }]| server.pulse(at(1), id, source).answer,
            BatchSize::NumIterations(64 * 1024),
        );
    });
    criterion.bench_function("hash of a key", |bencher| {
        bencher.iter(|| decode_pulse(source(1), black_box(&[7; 32])));
    });
}

fn register(criterion: &mut Criterion) {
    for clients in sizes() {
        let mut server = server_of(clients);
        let next = Cell::new(clients);
        criterion.bench_function(&format!("register and log out/{clients}"), |bencher| {
            bencher.iter(|| {
                let id = id(next.replace(next.get() + 1));
                black_box(server.register(at(1), id).answer);
                black_box(server.logout(at(1), id).answer).is_ok()
            });
        });
    }
}

/// Forgetting clients, by budgets as the server does it.
fn expiry(criterion: &mut Criterion) {
    const GONE: u64 = 100_000;
    let mut group = criterion.benchmark_group("expiry");
    group.throughput(Throughput::Elements(GONE));
    group.sample_size(10);
    group.bench_function(format!("{GONE} clients gone at once"), |bencher| {
        bencher.iter_batched_ref(
            || server_of(GONE),
            |server| {
                let end = at(Timing::default().gone_after().0 + 1);
                while server.tick(end, 256, &mut |change| {
                    black_box(change);
                }) == Progress::More
                {}
                assert_eq!(server.records(), 0);
            },
            BatchSize::PerIteration,
        );
    });
    // All of them pulse: their pages' deadlines come up, and nobody is to go.
    group.bench_function(format!("{GONE} clients looked through in vain"), |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut server = server_of(GONE);
                let later = at(Timing::default().pulse_interval().0);
                for n in 0..GONE {
                    let _ = server.pulse(later, id(n), source(n));
                }
                server
            },
            |server: &mut Server| {
                let end = at(Timing::default().gone_after().0 + 1);
                while server.tick(end, 256, &mut |_: Change| {}) == Progress::More {}
                assert_eq!(server.records() as u64, GONE);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = pulses, register, expiry
}
criterion_main!(benches);
