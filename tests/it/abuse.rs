//! What abusers do: floods, slow and oversized requests, many connections, false addresses; and how little others notice.

mod few_files;
mod forwarded;
mod https;
mod log_flood;
mod lookups;
mod many_sources;
mod one_source;
mod peers;
mod registrations;
mod sizes;
mod slow;
mod slow_kinds;
pub(crate) mod tls_client;
