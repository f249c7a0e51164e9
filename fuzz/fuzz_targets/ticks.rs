#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rendezvous_model::fuzzing::without_ticks(data));
