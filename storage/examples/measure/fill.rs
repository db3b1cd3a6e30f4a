//! Fills a store in the order of time: batches, pieces of upkeep between them, checkpoints on a thread of their own.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use storage::record::Record;
use storage::sqlite::checkpointer::Checkpointer;
use storage::sqlite::writer::Writer;

use crate::data::{Results, Shape};
use crate::usage;

/// What is drawn, and how much of it at once.
#[derive(Args)]
pub(crate) struct Draw {
    #[command(flatten)]
    shape: Shape,
    /// Results of a commit.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

/// How a store is filled.
#[derive(Args)]
pub(crate) struct Fill {
    #[command(flatten)]
    draw: Draw,
    /// Checkpoints when they are due, after each commit, instead of once a second. A daemon writes a slot in the time of
    /// a slot and has few pages to work in then; here many results come in a second, and overwrite each other's pages.
    #[arg(long)]
    inline: bool,
    /// The store, which is made.
    store: PathBuf,
}

impl Draw {
    /// Draws all batches.
    pub(crate) fn measure(&self) -> Result<Value, Box<dyn Error>> {
        let mut results = 0;
        self.batches(|batch| {
            results += batch.len();
            Ok(())
        })?;
        Ok(json!({"results": results, "cpu_s": usage::cpu().as_secs_f64(), "peak_mib": usage::peak_mib()?}))
    }

    fn batches(&self, mut each: impl FnMut(&[Record]) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        let size = self.batch as usize;
        let mut batch = Vec::with_capacity(size);
        for sample in Results::new(self.shape) {
            batch.push(Record::Result(sample.result));
            if batch.len() == size {
                each(&batch)?;
                batch.clear();
            }
        }
        each(&batch)
    }
}

impl Fill {
    /// Fills the store.
    pub(crate) fn measure(&self) -> Result<Value, Box<dyn Error>> {
        let begun = Instant::now();
        let mut writer = Writer::open(&self.store)?;
        let checkpointer = if self.inline {
            None
        } else {
            // A failed checkpoint leaves a long log, which the figures tell.
            Some(Checkpointer::start(&self.store, |notice| eprintln!("checkpoint: {notice:?}"))?)
        };
        let (mut commits, mut pieces) = (Vec::new(), Vec::new());
        let mut results = 0;
        self.draw.batches(|batch| {
            let at = Instant::now();
            results += writer.append(batch)?.new;
            commits.push(at.elapsed());
            while writer.due().is_some() {
                let at = Instant::now();
                writer.maintain()?;
                pieces.push(at.elapsed());
            }
            if self.inline {
                writer.checkpoint_if_due()?;
            }
            Ok(())
        })?;
        let shape = self.draw.shape;
        let gaps = shape.gaps().into_iter().map(Record::Gap);
        let others: Vec<Record> = gaps.chain(shape.changes().into_iter().map(Record::Change)).collect();
        writer.append(&others)?;
        drop(checkpointer);
        writer.close()?;
        Ok(json!({
            "results": results,
            "cpu_s": usage::cpu().as_secs_f64(),
            "wall_s": begun.elapsed().as_secs_f64(),
            "written": usage::written()?,
            "commit_ms": latency(&mut commits),
            "piece_ms": latency(&mut pieces),
            "peak_mib": usage::peak_mib()?,
        }))
    }
}

fn latency(times: &mut [Duration]) -> Value {
    let [least, middle, most] = usage::spread(times);
    json!({"count": times.len(), "min": least, "p50": middle, "p99": usage::quantile(times, 0.99), "max": most})
}
