//! The specification, statement by statement, against a real server on real sockets.
//!
//! The checks are in the library, so that they can judge any server; here each is a test with a server of its own, once
//! with each kind of store.

/// For each named check a test on each kind of store, and the list of them.
macro_rules! conforms {
    ($($module:ident with $timing:ident: $($name:ident),* $(,)?;)*) => {
        mod memory {
            $($(
                #[test]
                fn $name() {
                    let server = LocalServer::with(&$timing);
                    conformance::run((stringify!($name), $module::$name), server.target());
                }
            )*)*

            use super::*;
        }

        mod redb {
            $($(
                #[test]
                fn $name() {
                    let directory = Directory::new(concat!("spec-", stringify!($name)));
                    let store = format!("--store=redb:{}/clients.redb", directory.path().display());
                    let server = LocalServer::with(&[&$timing[..], &[&store]].concat());
                    conformance::run((stringify!($name), $module::$name), server.target());
                    assert_eq!(server.node().stats().store.failures, 0);
                }
            )*)*

            use super::*;
        }

        pub(crate) const LISTED: &[&str] = &[$($(stringify!($name)),*),*];
    };
}
pub(crate) use conforms;
