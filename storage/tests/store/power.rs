//! A power cut loses nothing that was acknowledged: states of the disk are made from a recording of every call on the
//! store's files (after ALICE, Pillai et al., OSDI 2014), and each of them must open as a whole store.

mod disk;

use std::collections::BTreeMap;

use self::disk::Disk;
use crate::dice::Dice;
use crate::model::Model;
use crate::recorder::event::Event;
use crate::recorder::{moments, record};
use crate::workload::{add, number, verify};

/// Batches of a recording.
const BATCHES: i64 = 100;

/// How many power cuts to try; a thorough run takes 1200.
const CUTS: &str = "STORE_POWER_CUTS";

/// After that many cuts another recording is made.
const CUTS_OF_A_RECORDING: u64 = 60;

/// The states that the control tries.
const CONTROLS: u64 = 30;

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let cuts = number(CUTS, CUTS_OF_A_RECORDING);
    let mut phases: BTreeMap<String, u64> = BTreeMap::new();
    let mut left = cuts;
    let mut first = 0;
    while left > 0 {
        let Some(recording) = record((first, first + BATCHES), None) else { return };
        let some = left.min(CUTS_OF_A_RECORDING);
        let found = cut(recording.events, first, some, true);
        assert_eq!(found.bad, Vec::<String>::new(), "recording from batch {first}");
        found.phases.into_iter().for_each(|(phase, count)| *phases.entry(phase).or_default() += count);
        left -= some;
        first += 1000;
    }
    println!("{cuts} power cuts in {phases:?}");
}

#[test]
fn power_cuts_without_syncs_are_found_out() {
    let Some(recording) = record((0, BATCHES), None) else { return };
    let found = cut(recording.events, 0, CONTROLS, false).bad.len() as u64;
    println!("{found} of {CONTROLS} states without syncs are bad");
    assert!(found * 2 >= CONTROLS, "only {found} of {CONTROLS} states are found out");
}

#[test]
fn a_recording_that_is_played_leaves_what_the_writer_left() {
    let Some(recording) = record((0, BATCHES), None) else { return };
    let mut disk = Disk::new(true);
    recording.events.iter().for_each(|event| disk.apply(event.clone(), &mut Dice::new(0)));
    let played = disk.whole();
    assert!(played.contains_key("a.db") && played.contains_key("a.db-wal"), "{:?}", played.keys());
    for (name, content) in played {
        let there = std::fs::read(recording.directory.path().join(&name)).unwrap();
        assert!(there == content, "the recording misses calls on {name}");
    }
}

/// What was found in the states.
pub(crate) struct Found {
    /// What is wrong, for each state that is.
    pub(crate) bad: Vec<String>,
    /// How many cuts fell into what the process was doing.
    phases: BTreeMap<String, u64>,
}

/// Cuts the power at that many moments of the recording, as many in each phase, and looks at what is left.
pub(crate) fn cut(events: Vec<Event>, first: i64, cuts: u64, syncs: bool) -> Found {
    let mut dice = Dice::new(first.cast_unsigned() + u64::from(syncs));
    let mut found = Found { bad: Vec::new(), phases: BTreeMap::new() };
    let mut moments = moments(&events, cuts, &mut dice);
    let mut disk = Disk::new(syncs);
    let (mut model, mut next) = (Model::default(), first);
    let mut phase = "start".to_owned();
    for (position, event) in events.into_iter().enumerate() {
        if let Event::Said(said) = &event {
            match said.trim_end().split_once(' ') {
                Some(("phase", name)) => name.clone_into(&mut phase),
                Some(("ack", number)) => {
                    assert_eq!(number, next.to_string());
                    add(&mut model, next);
                    next += 1;
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
            if let Err(wrong) = verify(&directory.path().join("a.db"), &mut model.clone(), &mut next.clone()) {
                found.bad.push(format!("cut after call {position}, in `{phase}`, before batch {next}: {wrong}"));
            }
            *found.phases.entry(phase.clone()).or_default() += 1;
        }
    }
    found
}
