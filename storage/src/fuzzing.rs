//! What must hold of any bytes from outside. The fuzz targets call it, and a test with altered examples.

use std::io::{self, BufReader};

use crate::check::check;
use crate::interchange::{BATCH, LINE_LIMIT, TOLD, json, parse, read};

/// Bytes that are read as NDJSON: every line is a record or refused, and a record is read as it was written.
///
/// # Panics
///
/// When that does not hold.
pub fn lines(bytes: &[u8]) {
    let mut records = Vec::new();
    // A small buffer cuts lines and characters anywhere.
    let summary = read::<io::Error>(BufReader::with_capacity(61, bytes), |batch| {
        assert!(!batch.is_empty() && batch.len() <= BATCH);
        records.extend(batch);
        Ok(())
    })
    .unwrap_or_else(|_| unreachable!("bytes can be read"));
    assert_eq!(summary.records, records.len() as u64);
    assert_eq!(summary.told.len() as u64, summary.refused.min(TOLD as u64));
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!(summary.records + summary.refused <= lines);
    for record in records {
        assert_eq!(check(&record), Ok(()));
        let line = json(&record);
        // What was written may be longer than what was read: `\u0000` for a character, a detail that was left out.
        if line.len() <= LINE_LIMIT {
            assert_eq!(parse(&line), Ok((record, 0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::alteration::{alter, alterations};

    /// What JSON and the format give a meaning to.
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"\n",
        b"\r\n",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"null",
        b"true",
        b"-1",
        b"0",
        b"1e400",
        b"-0.0",
        b"1e-400",
        b"0.0005",
        b"18446744073709551616",
        b"9223372036854775807",
        b"\xEF\xBB\xBF",
        b"\xFF",
        b"\xC0\x80",
        b"\"type\":",
        b"\"gap\"",
        b"\"result\"",
        b"\"change\"",
        b"\"verdict\"",
        b"\"detail\":",
        b"\"every_s\":",
        b"\"phases_us\":",
        b"\"progress\":[[\"2026-11-01T00:05:20Z\",1]]",
        b"-009999-01-01T00:00:00Z",
        b"9999-12-30T22:00:00.999999999Z",
        b"2026-06-30T23:59:60Z",
        b"2026-11-01T00:00:00+25:59",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_alteration_of_lines_is_read_as_records_or_refused(
            examples in vec(select(&[
                include_str!("../../fuzz/seeds/lines/result.ndjson"),
                include_str!("../../fuzz/seeds/lines/change.ndjson"),
                include_str!("../../fuzz/seeds/lines/gap.ndjson"),
                include_str!("../../fuzz/seeds/lines/verdict.ndjson"),
            ]), 1..4),
            alterations in alterations(PIECES),
        ) {
            let mut bytes = examples.concat().into_bytes();
            alter(&mut bytes, alterations);
            lines(&bytes);
        }
    }
}
