//! A disk that is full or fails takes nothing away that was acknowledged, and is called what it is.

use crate::dice::Dice;
use crate::model::Model;
use crate::power::cut;
use crate::recorder::event::Event;
use crate::recorder::{Fault, Recording, moments, record};
use crate::workload::{add, number, verify};

/// Batches of a writer, from the first up to the second: one in the midst of them closes the store and opens it again.
const BATCHES: (i64, i64) = (25, 55);

/// How many writes to let fail, each in a run of its own; a thorough run takes 400.
const FULL_DISKS: &str = "STORE_FULL_DISKS";

/// How many syncs to let fail, each in a run of its own; a thorough run takes 100.
const FAILED_SYNCS: &str = "STORE_FAILED_SYNCS";

/// Power cuts after each failed sync.
const CUTS: u64 = 5;

#[test]
fn a_full_disk_keeps_what_was_acknowledged_and_takes_the_batch_when_there_is_room() {
    let Some(whole) = record(BATCHES, None) else { return };
    let runs = number(FULL_DISKS, 16);
    let mut met = 0;
    for (turn, call) in calls(&whole, runs, is_write).into_iter().enumerate() {
        let fault = if turn % 2 == 0 { Fault::NoSpace(call) } else { Fault::HalfWritten(call) };
        let Some(recording) = record(BATCHES, Some(fault)) else { return };
        met += u64::from(recording.met_the_fault());
        let (mut model, mut next) = acknowledged(&recording);
        assert_eq!(next, BATCHES.1, "{fault:?}");
        assert_eq!(verify(&recording.store(), &mut model, &mut next), Ok(()), "{fault:?}");
    }
    println!("{runs} full disks, {met} told by a writer");
    assert!(met * 10 >= runs * 8, "only {met} of {runs} faults were met");
}

#[test]
fn a_sync_that_fails_loses_nothing_that_was_acknowledged() {
    let Some(whole) = record(BATCHES, None) else { return };
    let sampled = calls(&whole, number(FAILED_SYNCS, 8), is_sync_of_a_file);
    let created = whole.events.iter().position(|event| matches!(event, Event::Said(said) if said == "phase append\n"));
    let of_the_creation = whole.events[..created.unwrap()].iter().filter(|event| is_sync_of_a_file(event)).count();
    let (mut runs, mut met) = (0, 0);
    for (turn, call) in (1..=of_the_creation).chain(sampled).enumerate() {
        let fault = if turn % 2 == 0 { Fault::Sync(call) } else { Fault::LastSync(call) };
        let Some(recording) = record(BATCHES, Some(fault)) else { return };
        let failed = recording.events.iter().any(|event| matches!(event, Event::Lost(_)));
        assert_eq!(recording.met_the_fault(), failed, "{fault:?}: a sync that failed was not told");
        (runs, met) = (runs + 1, met + u64::from(failed));
        let (mut model, mut next) = acknowledged(&recording);
        assert_eq!(verify(&recording.store(), &mut model, &mut next), Ok(()), "{fault:?}");
        // The system may have thrown away what it could not sync, and a later sync does not bring it back.
        let found = cut(recording.events, BATCHES.0, CUTS, true);
        assert_eq!(found.bad, Vec::<String>::new(), "{fault:?}");
    }
    println!("{runs} failed syncs, {met} told by a writer");
    assert!(met * 10 >= runs * 8, "only {met} of {runs} faults were met");
}

/// Which of the calls that `counts` lets through should fail, in as many runs.
fn calls(whole: &Recording, runs: u64, counts: impl Fn(&Event) -> bool) -> Vec<usize> {
    let moments = moments(&whole.events, runs, &mut Dice::new(7));
    let before = |position: usize| whole.events[..position].iter().filter(|event| counts(event)).count();
    moments.into_iter().flat_map(|(position, times)| vec![1 + before(position); times as usize]).collect()
}

fn is_write(event: &Event) -> bool {
    matches!(event, Event::Write { .. } | Event::Truncate { .. })
}

fn is_sync_of_a_file(event: &Event) -> bool {
    matches!(event, Event::Sync(name) if name != ".")
}

/// What the store must hold, and the first batch that was not acknowledged.
fn acknowledged(recording: &Recording) -> (Model, i64) {
    let (mut model, mut next) = (Model::default(), BATCHES.0);
    for event in &recording.events {
        if let Event::Said(said) = event
            && said.starts_with("ack ")
        {
            add(&mut model, next);
            next += 1;
        }
    }
    (model, next)
}
