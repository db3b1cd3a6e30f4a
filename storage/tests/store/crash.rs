//! A writer that is killed loses nothing that it had acknowledged.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::dice::{Dice, times};
use crate::life::{FIRST_FORMAT, Said, write};
use crate::model::Model;
use crate::verdict::{Acknowledged, of_the_first_format, verify};

/// Names the store to the process that is killed.
const STORE: &str = "STORE_OF_THE_WRITER_THAT_IS_KILLED";

/// Names the first batch to the process that is killed.
const FIRST: &str = "FIRST_BATCH_OF_THE_WRITER_THAT_IS_KILLED";

/// How often to kill; a thorough run takes 220.
const KILLS: &str = "STORE_KILLS";

/// After that many kills a new store is begun, so that its creation is interrupted as well. Every other one is a store
/// of the first format.
const KILLS_OF_A_STORE: u64 = 20;

/// The first kills of a store come before the first batch.
const EARLY_KILLS: u64 = 2;

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let seed = RandomState::new().hash_one(0);
    let mut dice = Dice::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let kills = times(KILLS, 8);
    let mut acknowledged = Acknowledged::nothing(Model::default(), 0);
    let mut written = 0;
    let mut phases: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..kills {
        let (store, turn) = (round / KILLS_OF_A_STORE, round % KILLS_OF_A_STORE);
        let path = directory.path().join(format!("{store}.db"));
        if turn == 0 {
            acknowledged = Acknowledged::nothing(Model::default(), 0);
            if store % 2 == 1 {
                std::fs::write(&path, FIRST_FORMAT).unwrap();
                acknowledged = Acknowledged::nothing(of_the_first_format(), 0);
            }
        }
        // Later ones, too, may come in the recovery from the death before.
        let acknowledgements = if turn < EARLY_KILLS || dice.once_in(5) { 0 } else { dice.below(100) };
        let wait = Duration::from_micros(dice.below(20_000));
        let (next, phase) = write_until_killed(&path, acknowledged.next, acknowledgements, wait);
        while acknowledged.next < next {
            acknowledged.add();
            written += 1;
        }
        if let Err(wrong) = verify(&path, &mut acknowledged) {
            panic!("seed {seed}, round {round}, killed in `{phase}` after {next} batches: {wrong}");
        }
        *phases.entry(phase).or_default() += 1;
    }
    println!("{kills} kills in {phases:?}, {written} batches acknowledged");
}

/// Runs [`writer_that_is_killed`] from batch `first` on, waits for that many batches and then that long, and kills it.
/// Tells the number after that of the last batch that it acknowledged, and what it was doing.
fn write_until_killed(path: &Path, first: i64, acknowledgements: u64, wait: Duration) -> (i64, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(STORE, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut next, mut phase) = (first, "start".to_owned());
    let mut hear = |line: &str| {
        if let Some(number) = line.strip_prefix("ack ") {
            next = number.parse::<i64>().unwrap() + 1;
        } else if let Some(name) = line.strip_prefix("phase ") {
            phase = name.to_owned();
        }
        line.starts_with("ack ")
    };
    let mut left = acknowledgements;
    while left > 0 {
        let line = lines.next().expect("the writer goes on until it is killed").unwrap();
        left -= u64::from(hear(&line));
    }
    // Not a wait for anything: the moment of the kill is what is tried.
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    lines.map_while(Result::ok).for_each(|line| {
        hear(&line);
    });
    (next, phase)
}

#[test]
#[ignore = "the process that `a_killed_writer_loses_nothing_that_it_acknowledged` kills"]
fn writer_that_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let first = std::env::var(FIRST).unwrap().parse().unwrap();
    println!();
    write(Path::new(&path), first.., |said| match said {
        Said::Phase(name) => println!("phase {name}"),
        Said::Written(number) => println!("ack {number}"),
        Said::Failed(error) => panic!("{error:?}"),
    });
}
