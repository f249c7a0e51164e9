//! A server that has a bug, for tests/it/timed/panics.rs:
//!
//! ```text
//! panics store|thread|task
//! ```
//!
//! It starts the server in its own process, prints "serving" once it does, half a second later "now", and panics: where its store is
//! written, in a plain thread, or in a task of the runtime. It never ends by itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redb::StorageBackend;
use rendezvous_native::settings::from_args;
use rendezvous_native::store::{Medium, Pace};
use rendezvous_native::{Listeners, Node, end_on_panic, logging, run};
use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::target::Target;

/// What a message made at run time could hold.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// From when on the bug shows.
static ARMED: AtomicBool = AtomicBool::new(false);

#[expect(clippy::print_stdout, reason = "a program's own output")]
fn main() {
    end_on_panic();
    let what = std::env::args().nth(1).unwrap_or_default();
    let flags = ["--udp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];
    let settings = from_args([&["panics", "--log-format=json"][..], &flags].concat()).expect("good flags");
    logging::init(&settings.log);
    let listeners = Listeners::bind(&settings).expect("free ports");
    let udp = listeners.udp_addresses().expect("bound")[0];
    let http = listeners.http_addresses().expect("bound")[0];
    let medium = Arc::new(Faulty(SimulatedDisk::default()));
    let node = Node::open_on(medium, Pace::default(), &settings, udp.port()).expect("an empty store");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            println!("serving");
            tokio::time::sleep(Duration::from_millis(500)).await;
            ARMED.store(true, Ordering::Relaxed);
            println!("now");
            let register = move || Target::new(format!("http://{http}"), udp).register().pulse();
            match what.as_str() {
                "store" => drop(thread::spawn(register)),
                "thread" => drop(thread::spawn(|| panic!("planted in a thread, with {}", secret()))),
                "task" => drop(tokio::spawn(async { panic!("planted in a task") })),
                other => panic!("planted in no variant, {other}"),
            }
        });
        run(node, listeners, &settings, std::future::pending()).await.expect("it never stops");
    });
}

/// Not known before the program runs.
fn secret() -> String {
    SECRET.chars().rev().collect()
}

/// A disk whose driver has a bug.
#[derive(Debug)]
struct Faulty(SimulatedDisk);

impl Medium for Faulty {
    fn name(&self) -> String {
        self.0.name()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        Ok(self.0.open()?.map(|backend| -> Box<dyn StorageBackend> { Box::new(FaultyFile(backend)) }))
    }

    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(FaultyFile(self.0.fresh()?)))
    }

    fn replace(&self) -> io::Result<()> {
        self.0.replace()
    }
}

#[derive(Debug)]
struct FaultyFile(Box<dyn StorageBackend>);

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        assert!(!ARMED.load(Ordering::Relaxed), "planted in a write");
        self.0.write(offset, data)
    }
}
