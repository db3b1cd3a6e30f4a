//! A disk that is full or fails takes nothing away that was acknowledged, and is called what it is.

use crate::dice::{Dice, times};
use crate::power::cut;
use crate::recorder::event::Event;
use crate::recorder::{Fault, Found, Recording, moments, record};
use crate::verdict::verify;

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
    let half = times(FULL_DISKS, 16).div_ceil(2);
    let mut met = 0;
    for found in Found::ALL {
        let Some(whole) = record(found, BATCHES, None) else { return };
        for (turn, call) in calls(&whole, half, is_write).into_iter().enumerate() {
            let fault = if turn % 2 == 0 { Fault::NoSpace(call) } else { Fault::HalfWritten(call) };
            let Some(recording) = record(found, BATCHES, Some(fault)) else { return };
            met += u64::from(recording.met_the_fault());
            let mut acknowledged = recording.acknowledged();
            assert_eq!(acknowledged.next, BATCHES.1, "{found:?} {fault:?}");
            assert_eq!(verify(&recording.store(), &mut acknowledged), Ok(()), "{found:?} {fault:?}");
        }
    }
    println!("{} full disks, {met} told by a writer", 2 * half);
    assert!(met * 10 >= 2 * half * 8, "only {met} of {} faults were met", 2 * half);
}

#[test]
fn a_sync_that_fails_loses_nothing_that_was_acknowledged() {
    let half = times(FAILED_SYNCS, 8).div_ceil(2);
    let (mut runs, mut met) = (0, 0);
    for found in Found::ALL {
        let Some(whole) = record(found, BATCHES, None) else { return };
        let is_begun = |event: &Event| matches!(event, Event::Said(said) if said == "phase append\n");
        let beginning = whole.events.iter().take_while(|event| !is_begun(event));
        let of_the_beginning = beginning.filter(|event| is_sync_of_a_file(event)).count();
        let sampled = calls(&whole, half, is_sync_of_a_file);
        for (turn, call) in (1..=of_the_beginning).chain(sampled).enumerate() {
            let fault = if turn % 2 == 0 { Fault::Sync(call) } else { Fault::LastSync(call) };
            let Some(recording) = record(found, BATCHES, Some(fault)) else { return };
            let failed = recording.events.iter().any(|event| matches!(event, Event::Lost(_)));
            assert_eq!(recording.met_the_fault(), failed, "{found:?} {fault:?}: a sync that failed was not told");
            (runs, met) = (runs + 1, met + u64::from(failed));
            assert_eq!(verify(&recording.store(), &mut recording.acknowledged()), Ok(()), "{found:?} {fault:?}");
            // The system may have thrown away what it could not sync, and a later sync does not bring it back.
            let states = cut(recording, CUTS, true);
            assert_eq!(states.bad, Vec::<String>::new(), "{found:?} {fault:?}");
        }
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
