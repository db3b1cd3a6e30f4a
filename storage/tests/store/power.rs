//! A power cut loses nothing that was acknowledged: states of the disk are made from a recording of every call on the
//! store's files (after ALICE, Pillai et al., OSDI 2014), and each of them must open as a whole store.

mod disk;

use std::collections::BTreeMap;

use self::disk::Disk;
use crate::dice::{Dice, times};
use crate::recorder::event::Event;
use crate::recorder::{Found, Recording, moments, record};
use crate::verdict::verify;

/// Batches of a recording.
const BATCHES: i64 = 100;

/// How many power cuts to try; a thorough run takes 1200.
const CUTS: &str = "STORE_POWER_CUTS";

/// After that many cuts another recording is made.
const CUTS_OF_A_RECORDING: u64 = 30;

/// The states that the control tries.
const CONTROLS: u64 = 30;

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let cuts = times(CUTS, 60);
    let mut phases: BTreeMap<String, u64> = BTreeMap::new();
    let mut left = cuts;
    for (turn, found) in (0..).zip(Found::ALL.into_iter().cycle()) {
        if left == 0 {
            break;
        }
        let first = 1000 * (turn / 2);
        let Some(recording) = record(found, (first, first + BATCHES), None) else { return };
        let some = left.min(CUTS_OF_A_RECORDING);
        let states = cut(recording, some, true);
        assert_eq!(states.bad, Vec::<String>::new(), "{found:?}, batch {first}");
        states.phases.into_iter().for_each(|(phase, count)| *phases.entry(phase).or_default() += count);
        left -= some;
    }
    println!("{cuts} power cuts in {phases:?}");
}

#[test]
fn power_cuts_without_syncs_are_found_out() {
    let Some(recording) = record(Found::Nothing, (0, BATCHES), None) else { return };
    let bad = cut(recording, CONTROLS, false).bad.len() as u64;
    println!("{bad} of {CONTROLS} states without syncs are bad");
    assert!(bad * 2 >= CONTROLS, "only {bad} of {CONTROLS} states are found out");
}

#[test]
fn a_recording_that_is_played_leaves_what_the_writer_left() {
    let Some(recording) = record(Found::FirstFormat, (0, BATCHES), None) else { return };
    let mut disk = Disk::new(recording.found.files(), true);
    recording.events.iter().for_each(|event| disk.apply(event.clone(), &mut Dice::new(0)));
    let played = disk.whole();
    assert!(played.contains_key("a.db") && played.contains_key("a.db-wal"), "{:?}", played.keys());
    for (name, content) in played {
        let there = std::fs::read(recording.directory.path().join(&name)).unwrap();
        assert!(there == content, "the recording misses calls on {name}");
    }
}

/// What was found in the states of a disk.
pub(crate) struct States {
    /// What is wrong, for each state that is.
    pub(crate) bad: Vec<String>,
    /// How many cuts fell into what the process was doing.
    phases: BTreeMap<String, u64>,
}

/// Cuts the power at that many moments of the recording, as many in each phase, and looks at what is left.
pub(crate) fn cut(recording: Recording, cuts: u64, syncs: bool) -> States {
    let mut acknowledged = recording.nothing_acknowledged();
    let Recording { found, first, events, .. } = recording;
    let mut dice = Dice::new(first.cast_unsigned() * 4 + found as u64 * 2 + u64::from(syncs));
    let mut states = States { bad: Vec::new(), phases: BTreeMap::new() };
    let mut moments = moments(&events, cuts, &mut dice);
    let mut disk = Disk::new(found.files(), syncs);
    let mut phase = "start".to_owned();
    for (position, event) in events.into_iter().enumerate() {
        if let Event::Said(said) = &event {
            match said.trim_end().split_once(' ') {
                Some(("phase", name)) => name.clone_into(&mut phase),
                Some(("ack", number)) => {
                    assert_eq!(number, acknowledged.next.to_string());
                    acknowledged.add();
                }
                Some(_) | None => {}
            }
        }
        disk.apply(event, &mut dice);
        for _ in 0..moments.remove(&position).unwrap_or(0) {
            let directory = tempfile::tempdir().unwrap();
            for (name, content) in disk.cut(&mut dice) {
                std::fs::write(directory.path().join(name), content).unwrap();
            }
            if let Err(wrong) = verify(&directory.path().join("a.db"), &mut acknowledged.clone()) {
                let next = acknowledged.next;
                states.bad.push(format!("cut after call {position}, in `{phase}`, before batch {next}: {wrong}"));
            }
            *states.phases.entry(phase.clone()).or_default() += 1;
        }
    }
    states
}
