//! Reads any bytes as NDJSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| storage::fuzzing::lines(bytes));
