//! The program on a real file system that is full.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use rendezvous_model::size::left_out;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::process::Process;
use rendezvous_tests::target::{Target, receive_code};
use rendezvous_tests::timing::eventually;
use ureq::http::Method;

use super::PATIENCE;

/// A small file system of this test alone, gone with it.
struct SmallDisk {
    directory: Directory,
}

impl SmallDisk {
    /// `None` if this process may not mount.
    fn new(name: &str, bytes: usize) -> Option<Self> {
        let directory = Directory::new(name);
        let options = CString::new(format!("size={bytes}")).unwrap();
        match mount(
            Some("tmpfs"),
            directory.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_c_str()),
        ) {
            Ok(()) => Some(Self { directory }),
            Err(error) => {
                assert_ne!(std::env::var("RENDEZVOUS_TESTS_AS_ROOT").as_deref(), Ok("1"), "{error}");
                left_out(&format!(
                    "a real disk that is full, since mounting one needs CAP_SYS_ADMIN ({error})"
                ));
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = File::create(&path).unwrap();
        for chunk in [4096, 1] {
            while file.write_all(&vec![b'.'; chunk]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever has a file open there, at the end of a test that failed, keeps it until they end.
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_file_system_is_survived_without_a_restart() {
    let Some(disk) = SmallDisk::new("full", 2 << 20) else { return };
    let flag = format!("--store=redb:{}", disk.path().join("store.redb").display());
    let process = Process::start(&[&flag]);
    let target = process.target();
    let mut clients: Vec<_> = (0..20).map(|_| target.register()).collect();
    let ballast = disk.fill();
    // Some more fit into what the file has.
    let refused = loop {
        let answer = target.call(Method::POST, "/register", &[]);
        if answer.status != 200 {
            break answer;
        }
        clients.push(target.client(answer));
    };
    refused.assert_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let left = clients.pop().unwrap();
    for client in &clients {
        assert_eq!(client.pulse(), 1020);
    }
    for _ in 0..3 {
        left.logout().assert_problem(503, "unavailable");
        assert_eq!(left.pulse(), 1060, "it is gone all the same");
        clients[0].status_of(left.id()).assert_problem(404, "unknown_peer");
        let peer = &clients[1];
        assert_eq!(clients[0].socket_address_of(peer.id()), peer.socket.local_addr().unwrap());
        clients[0].verify().assert_ok();
        thread::sleep(Duration::from_millis(500));
    }

    fs::remove_file(ballast).unwrap();
    eventually(PATIENCE, "a store that recovered", || {
        let answer = left.logout();
        if answer.status != 401 {
            answer.assert_problem(503, "unavailable");
        }
        answer.status == 401
    });
    clients.push(target.register());
    let keys: Vec<_> = clients.iter().map(|client| *client.registration.private_id.reveal()).collect();
    let left = *left.registration.private_id.reveal();
    drop(clients);

    process.signal(Signal::SIGKILL);
    drop(process);
    let process = Process::start(&[&flag]);
    for key in keys {
        assert_eq!(code_of(process.target(), &key), 1020);
    }
    assert_eq!(code_of(process.target(), &left), 1060);
}

fn code_of(target: &Target, key: &[u8; 32]) -> u16 {
    let socket = target.socket();
    socket.send(key).unwrap();
    receive_code(&socket)
}
