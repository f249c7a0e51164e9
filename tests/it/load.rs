//! Tests that want the machine: floods, crowds, kills under load, and figures of memory and time.

mod crowds;
mod few_files;
mod https;
mod lengths;
mod log_flood;
mod many_sources;
mod one_source;
mod raw_http;
mod registrations;
mod shutdown;
mod sizes;
mod slow;
mod slow_kinds;
