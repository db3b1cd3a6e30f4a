//! Reads any bytes as a sealed block.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| storage::sqlite::fuzzing::block(bytes));
