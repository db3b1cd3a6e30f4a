//! NDJSON in and out: one record a line, whatever the size of the whole.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::check;
use crate::record::{Change, DETAIL_LIMIT, Gap, ProbeResult, Record, Verdict};

/// Longest line that is read, in bytes.
pub const LINE_LIMIT: usize = 1 << 20;

/// Most records that the sink gets at once.
pub const BATCH: usize = 1000;

/// Length of the lines of a batch, in bytes, that ends it early.
const BATCH_BYTES: usize = 4 << 20;

/// Refused lines that are told one by one; the others are counted.
pub const TOLD: usize = 20;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that the sink got.
    pub records: u64,
    /// Fields that no version of a record known here has; left out.
    pub unknown_fields: u64,
    /// Lines that were skipped.
    pub refused: u64,
    /// The first of them.
    pub told: Vec<Refused>,
}

/// A line that was skipped. Repeats nothing of it, for it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Refused {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it, by field or column.
    pub message: String,
}

/// Reads records from `input` and gives them to `sink` in batches of at most [`BATCH`]. A malformed line is skipped
/// and told, an empty one skipped, an unknown field left out and counted, a `detail` cut to [`DETAIL_LIMIT`].
///
/// # Errors
///
/// When `input` cannot be read, and those of `sink`. What the sink took before stays taken.
pub fn read<E: From<io::Error>>(
    mut input: impl BufRead,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut summary = Summary::default();
    let mut batch = Vec::new();
    let (mut line, mut bytes) = (Vec::new(), 0);
    let mut number = 0;
    while let Some(fits) = next_line(&mut input, &mut line)? {
        number += 1;
        let parsed = match (fits, text(&line, number)) {
            (false, _) => Err(format!("longer than {LINE_LIMIT} bytes")),
            (true, Err(message)) => Err(message),
            (true, Ok(text)) if text.trim_ascii().is_empty() => continue,
            (true, Ok(text)) => parse(text),
        };
        match parsed {
            Ok((record, unknown)) => {
                summary.unknown_fields += unknown;
                summary.records += 1;
                batch.push(record);
            }
            Err(message) => {
                summary.refused += 1;
                if summary.told.len() < TOLD {
                    summary.told.push(Refused { line: number, message });
                }
            }
        }
        bytes += line.len();
        if batch.len() == BATCH || (bytes >= BATCH_BYTES && !batch.is_empty()) {
            sink(std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        sink(batch)?;
    }
    Ok(summary)
}

/// Reads one line: the record, and how many of its fields are not known.
///
/// # Errors
///
/// What is wrong, without a word of the line itself.
pub fn parse(line: &str) -> Result<(Record, u64), String> {
    /// What tells the kinds of record apart.
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: Kind,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Result,
        Change,
        Gap,
        Verdict,
    }

    if !line.trim_ascii_start().starts_with('{') {
        return Err("not a JSON object".into());
    }
    let Head { kind } = fields(line)?.0;
    let (mut record, unknown) = match kind {
        Kind::Result => fields::<ProbeResult>(line).map(|(result, unknown)| (Record::Result(result), unknown))?,
        Kind::Change => fields::<Change>(line).map(|(change, unknown)| (Record::Change(change), unknown))?,
        Kind::Gap => fields::<Gap>(line).map(|(gap, unknown)| (Record::Gap(gap), unknown))?,
        Kind::Verdict => fields::<Verdict>(line).map(|(verdict, unknown)| (Record::Verdict(verdict), unknown))?,
    };
    if let Record::Result(ProbeResult { detail: Some(detail), .. }) = &mut record
        && let Some((end, _)) = detail.char_indices().nth(DETAIL_LIMIT)
    {
        detail.truncate(end);
        detail.shrink_to_fit();
    }
    check::check(&record).map_err(|refusal| refusal.to_string())?;
    // `type` is no field of the record itself.
    Ok((record, unknown.saturating_sub(1)))
}

/// Writes `record` as one line.
///
/// # Errors
///
/// Those of `output`.
pub fn write(record: &Record, mut output: impl Write) -> io::Result<()> {
    let mut line = json(record);
    line.push('\n');
    output.write_all(line.as_bytes())
}

/// A record or a part of it in its one spelling.
pub(crate) fn json(part: &impl Serialize) -> String {
    serde_json::to_string(part).unwrap_or_else(|_| unreachable!("records are made of strings and numbers"))
}

fn fields<T: DeserializeOwned>(line: &str) -> Result<(T, u64), String> {
    let mut unknown = 0;
    let mut json = serde_json::Deserializer::from_str(line);
    let read = serde_ignored::deserialize(&mut json, |_| unknown += 1).and_then(|record| json.end().map(|()| record));
    read.map(|record| (record, unknown)).map_err(|error| explain::<T>(line, &error))
}

/// Says what is wrong with a line by field, column and expectation.
fn explain<T: DeserializeOwned>(line: &str, error: &serde_json::Error) -> String {
    if !error.is_data() {
        // These messages are fixed sentences of serde_json.
        return format!("not JSON: {}", error.to_string().replace(" at line 1 column ", " at column "));
    }
    let mut json = serde_json::Deserializer::from_str(line);
    let Err(placed) = serde_path_to_error::deserialize::<_, T>(&mut json) else { return "not a record".into() };
    let (path, message) = (placed.path().to_string(), placed.inner().to_string());
    let message = message.rsplit_once(" at line 1 column ").map_or(message.as_str(), |(message, _)| message);
    if message.starts_with("missing field `") || message.starts_with("duplicate field `") {
        return message.to_owned();
    }
    // The others repeat what they found; only what they looked for may be told.
    let ours = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    let wanted = message.rsplit_once(", expected ").map(|(_, wanted)| wanted);
    match wanted {
        Some(wanted) if ours.iter().any(|ours| message.starts_with(ours)) => {
            format!("`{path}` is not {}", if wanted.starts_with("struct ") { "an object" } else { wanted })
        }
        Some(_) | None => format!("`{path}` has a value that cannot be read"),
    }
}

fn text(line: &[u8], number: u64) -> Result<&str, String> {
    let line = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
    std::str::from_utf8(line).map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to() + 1))
}

/// Reads the next line into `line`, of a longer one than [`LINE_LIMIT`] a beginning, and says whether it fits.
/// None at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut begun, mut fits) = (false, true);
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(begun.then_some(fits));
        }
        begun = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        fits &= line.len() + part.len() <= LINE_LIMIT;
        if fits {
            line.extend_from_slice(part);
        }
        let taken = part.len() + usize::from(end.is_some());
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(fits));
        }
    }
}
