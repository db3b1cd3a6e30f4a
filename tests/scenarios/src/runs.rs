//! Plays and scores many scenes on every core.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cases::{self, Case};
use crate::judge::judge_records;
use crate::score::closure::Closure;
use crate::score::verdicts::{Scored, score};

/// Plays and scores cases for the seeds from `from` up to, not including, `until`.
///
/// # Errors
/// When a report cannot be built.
pub fn run(chosen: &[Case], from: u64, until: u64, decoys: Option<u32>) -> anyhow::Result<Vec<Scored>> {
    let jobs: Vec<(Case, u64)> = chosen.iter().flat_map(|case| (from..until).map(move |seed| (*case, seed))).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, anyhow::Result<Scored>)>> = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, seed)) = jobs.get(number) else { break };
                    let scored = one(case, *seed, load(decoys, *seed));
                    if let Ok(mut done) = done.lock() {
                        done.push((number, scored));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, scored)| scored).collect()
}

fn one(case: &Case, seed: u64, decoys: u32) -> anyhow::Result<Scored> {
    let played = cases::play(case, seed, decoys);
    let judged = judge_records(played.records.clone(), &played.settings, played.now)?;
    let closure = Closure::of(&played.records, &judged.report, &judged.timeline);
    Ok(Scored { closure, ..score(&played.truth, &judged.report, &judged.changes, judged.took_ms) })
}

/// The decoy load of a seed: 5, 80 and 400 changes a day in turn where none is given.
#[must_use]
pub fn load(decoys: Option<u32>, seed: u64) -> u32 {
    decoys.unwrap_or([5, 80, 400][(seed % 3) as usize])
}
