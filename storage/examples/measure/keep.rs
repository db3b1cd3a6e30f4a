//! Measures, compacts and verifies a store that was filled.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;

use crate::data::{Shape, entropy};
use crate::usage;

/// A store and what it was filled with.
#[derive(Args)]
pub(crate) struct Store {
    #[command(flatten)]
    shape: Shape,
    /// The store.
    store: PathBuf,
}

/// Bytes of a result: of the whole file and of each table, beside those that no code can save.
pub(crate) fn size(Store { shape, store }: &Store) -> Result<Value, Box<dyn Error>> {
    let stats = Reader::open(store)?.stats()?;
    let results = stats.totals.results as f64;
    let whole = stats.file_bytes as f64 / results;
    let floor = entropy::floor(*shape).bytes();
    let tables: BTreeMap<&str, f64> =
        stats.tables.iter().map(|table| (table.name.as_str(), table.bytes as f64 / results)).collect();
    Ok(json!({
        "results": stats.totals.results,
        "bytes": stats.file_bytes,
        "log_bytes": stats.log_bytes,
        "bytes_a_result": whole,
        "of_floor": whole / floor,
        "free": stats.free_bytes as f64 / results,
        "tables": tables,
        "hot": stats.hot,
        "blocks": stats.blocks,
    }))
}

/// Seals and merges everything, and writes the file anew.
pub(crate) fn compact(Store { store, .. }: &Store) -> Result<Value, Box<dyn Error>> {
    let begun = Instant::now();
    let mut writer = Writer::open(store)?;
    let compacted = writer.compact(|_| {})?;
    writer.close()?;
    Ok(json!({
        "before": compacted.before,
        "after": compacted.after,
        "cpu_s": usage::cpu().as_secs_f64(),
        "wall_s": begun.elapsed().as_secs_f64(),
        "peak_mib": usage::peak_mib()?,
    }))
}

/// Compares every checksum, order and sum.
pub(crate) fn verify(Store { store, .. }: &Store) -> Result<Value, Box<dyn Error>> {
    let begun = Instant::now();
    let verdict = Reader::open(store)?.verify(|_, _| {})?;
    Ok(json!({
        "clean": verdict.is_clean(),
        "results": verdict.results,
        "blocks": verdict.blocks,
        "cpu_s": usage::cpu().as_secs_f64(),
        "wall_s": begun.elapsed().as_secs_f64(),
        "peak_mib": usage::peak_mib()?,
    }))
}
