//! A power cut loses nothing that was acknowledged: states of the disk are made from a recording of every call on the
//! store's files (after ALICE, Pillai et al., OSDI 2014), and each of them must open as a whole store.

mod disk;
mod recording;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use self::disk::Disk;
use self::recording::{Event, parse};
use crate::dice::Dice;
use crate::model::Model;
use crate::preload::{SAID, recorder, under};
use crate::workload::{Said, add, number, verify, write};

/// The directory of the store of the process that is recorded.
const DIRECTORY: &str = "DIRECTORY_OF_THE_WRITER_THAT_IS_RECORDED";

/// Its first batch.
const FIRST: &str = "FIRST_BATCH_OF_THE_WRITER_THAT_IS_RECORDED";

/// How many of them it writes.
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
        let Some(events) = record(first) else { return };
        let some = left.min(CUTS_OF_A_RECORDING);
        let found = cut(events, first, some, true);
        assert_eq!(found.bad, Vec::<String>::new(), "recording from batch {first}");
        found.phases.into_iter().for_each(|(phase, count)| *phases.entry(phase).or_default() += count);
        left -= some;
        first += 1000;
    }
    println!("{cuts} power cuts in {phases:?}");
}

#[test]
fn power_cuts_without_syncs_are_found_out() {
    let Some(events) = record(0) else { return };
    let found = cut(events, 0, CONTROLS, false).bad.len() as u64;
    println!("{found} of {CONTROLS} states without syncs are bad");
    assert!(found * 2 >= CONTROLS, "only {found} of {CONTROLS} states are found out");
}

/// What was found in the states.
struct Found {
    /// What is wrong, for each state that is.
    bad: Vec<String>,
    /// How many cuts fell into what the process was doing.
    phases: BTreeMap<String, u64>,
}

/// Records a writer that begins a store with batch `first`. None without a recorder.
fn record(first: i64) -> Option<Vec<Event>> {
    let elsewhere = tempfile::tempdir().unwrap();
    let library = recorder(elsewhere.path())?;
    let directory = tempfile::tempdir().unwrap();
    let log = elsewhere.path().join("recording");
    let output = under(&library, "power::writer_that_is_recorded", directory.path())
        .env("RECORDER_LOG", &log)
        .env(DIRECTORY, directory.path())
        .env(FIRST, first.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events = parse(&std::fs::read(&log).unwrap());

    let mut disk = Disk::new(true);
    events.iter().for_each(|event| disk.apply(event.clone(), &mut Dice::new(0)));
    let played = disk.whole();
    assert!(played.contains_key("a.db"), "nothing was recorded");
    for (name, content) in played {
        let there = std::fs::read(directory.path().join(&name)).unwrap();
        assert!(there == content, "the recording misses calls on {name}");
    }
    Some(events)
}

/// Cuts the power at that many moments of the recording, as many in each phase, and looks at what is left.
fn cut(events: Vec<Event>, first: i64, cuts: u64, syncs: bool) -> Found {
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
                _ => panic!("the writer does not say `{said}`"),
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

/// After which calls to cut, and how often.
fn moments(events: &[Event], cuts: u64, dice: &mut Dice) -> BTreeMap<usize, u64> {
    let mut phases: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut phase = "start";
    for (position, event) in events.iter().enumerate() {
        if let Event::Said(said) = event
            && let Some(name) = said.strip_prefix("phase ")
        {
            phase = name.trim_end();
        }
        phases.entry(phase).or_default().push(position);
    }
    let mut moments = BTreeMap::new();
    for positions in phases.values().cycle().take(cuts as usize) {
        let position = positions[dice.below(positions.len() as u64) as usize];
        *moments.entry(position).or_default() += 1;
    }
    moments
}

#[test]
#[ignore = "the process that `a_power_cut_loses_nothing_that_was_acknowledged` records"]
fn writer_that_is_recorded() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory).canonicalize().unwrap();
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut file = File::create(directory.join(SAID)).unwrap();
    write(&directory.join("a.db"), first..first + BATCHES, |said| {
        let line = match said {
            Said::Phase(name) => format!("phase {name}\n"),
            Said::Written(number) => format!("ack {number}\n"),
        };
        file.write_all(line.as_bytes()).unwrap();
    });
}
