//! What a writer writes while it is killed, cut off or left without room, and what its store must hold afterwards.
//!
//! The content of a batch follows from its number alone, so whoever watches the writer can tell what must be there.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use storage::error::Error;
use storage::record::{
    Change, ChangeKind, Expect, Gap, Outcome, Phases, ProbeKind, ProbeResult, Reason, Record, Variant,
};
use storage::sqlite::reader::Reader;
use storage::sqlite::reader::verify::Finding;
use storage::sqlite::upkeep::Step;
use storage::sqlite::writer::{Counts, Writer};

use crate::dice::Dice;
use crate::model::Model;

/// First moment of batch 0: 2026-01-01.
const START_S: i64 = 1_767_225_600;

/// Seconds from one run of a target to the next.
const EVERY_S: i64 = 600;

/// Runs of each target in a batch, which so spans an hour: a few hundred batches cross a dozen days.
const SLOTS: i64 = 6;

/// A run that does not come in its own batch comes at most that many batches later.
const LATEST: u64 = 40;

/// A writer ends and begins again after that many batches.
const BATCHES_OF_A_WRITER: i64 = 40;

/// Target, agent, and the steps of a run: each begins when the one before has ended.
const GROUPS: [(&str, &str, &[ProbeKind]); 4] = [
    ("orchestrator", "local", ProbeKind::ALL),
    ("orchestrator", "paris", ProbeKind::ALL),
    ("gateway", "local", &[ProbeKind::Login, ProbeKind::Jwt, ProbeKind::Permission]),
    ("billing", "local", &[ProbeKind::ApiKey, ProbeKind::Permission]),
];

/// What a writer says of itself while it works.
pub(crate) enum Said {
    /// What it begins to do.
    Phase(&'static str),
    /// The batch of that number is written.
    Written(i64),
    /// Something failed. It is tried once more afterwards.
    Failed(Error),
}

/// Writes batch after batch, with upkeep between them; now and then closes the store and opens it again.
pub(crate) fn write(path: &Path, batches: impl Iterator<Item = i64>, mut say: impl FnMut(Said)) {
    let mut open: Option<Writer> = None;
    for number in batches {
        let records = batch(number);
        let mut writer = open.take().unwrap_or_else(|| {
            say(Said::Phase(if path.exists() { "open" } else { "create" }));
            twice(&mut say, |_| Writer::open(path))
        });
        say(Said::Phase("append"));
        twice(&mut say, |_| writer.append(&records));
        say(Said::Written(number));
        twice(&mut say, |say| upkeep(&mut writer, number, |phase| say(Said::Phase(phase))));
        if number % BATCHES_OF_A_WRITER == 0 {
            say(Said::Phase("close"));
            if let Err(error) = writer.close() {
                say(Said::Failed(error));
            }
        } else {
            open = Some(writer);
        }
    }
    // The last one is left as a death would leave it, with its log.
    std::mem::forget(open);
}

/// What `attempt` gives, if need be at the second time.
fn twice<T, S: FnMut(Said)>(say: &mut S, mut attempt: impl FnMut(&mut S) -> Result<T, Error>) -> T {
    attempt(say).unwrap_or_else(|error| {
        say(Said::Failed(error));
        attempt(say).unwrap()
    })
}

/// What the owner of a store does between batches, said piece by piece.
fn upkeep(writer: &mut Writer, number: i64, mut say: impl FnMut(&'static str)) -> Result<(), Error> {
    loop {
        match writer.due() {
            Some(Step::Sealing) => say("seal"),
            Some(Step::Merging) => say("merge"),
            Some(Step::Vacuuming) | None => {}
        }
        if !writer.maintain()? {
            break;
        }
    }
    if number % 7 == 0 {
        say("checkpoint");
        writer.checkpoint()?;
    }
    if number % 31 == 0 {
        say("compact");
        writer.compact(|_| ())?;
    }
    Ok(())
}

/// Whether everything that the store derives from its results agrees with them.
fn clean(path: &Path) -> Result<(), String> {
    let verdict = Reader::open(path).and_then(|reader| reader.verify(|_, _| ())).map_err(told("verify"))?;
    match verdict.findings.first() {
        None => Ok(()),
        Some(Finding { place, message }) => Err(format!("{place}: {message}")),
    }
}

/// The records of the batch of that number.
pub(crate) fn batch(number: i64) -> Vec<Record> {
    let mut records = Vec::new();
    let slots = |number: i64| number * SLOTS..(number + 1) * SLOTS;
    for early in number - LATEST.cast_signed()..=number {
        for slot in slots(early) {
            for group in 0..GROUPS.len() {
                if early + delay(slot, group) == number {
                    records.extend(run(slot, group).into_iter().map(Record::Result));
                }
            }
        }
    }
    if number % 4 == 1 {
        let again = slots(number - 1).chain(slots(number - 30)).flat_map(|slot| run(slot, 0));
        records.extend(again.map(Record::Result));
    }
    if number % 3 == 2 {
        let corrected = slots(number - 2).take(2).chain(slots(number - 33).take(2)).flat_map(|slot| run(slot, 1));
        records.extend(corrected.map(|result| Record::Result(correct(result, number))));
    }
    if number % 5 == 3 {
        records.push(Record::Change(rollout(number, false)));
    }
    if number % 5 == 0 {
        records.push(Record::Change(rollout(number - 2, true)));
    }
    if number % 15 == 7 {
        let (from, until) = (second(number * SLOTS), second((number + 1) * SLOTS));
        records.push(Record::Gap(Gap { feed: "kubernetes".into(), from, until, why: format!("watch {number} lost") }));
    }
    records
}

/// Gives `model` the batch of that number.
pub(crate) fn add(model: &mut Model, number: i64) {
    let mut counts = Counts::default();
    batch(number).iter().for_each(|record| model.append(record, &mut counts));
}

/// Opens the store whose writer died, and finds what is wrong with it. `model` was given every batch before `next`.
/// Batch `next` may be there as well, whole; both are then brought up to it.
pub(crate) fn verify(path: &Path, model: &mut Model, next: &mut i64) -> Result<(), String> {
    // The writer goes first: there may be no store yet, or one that it must bring to the newest format.
    let mut writer = Writer::open(path).map_err(told("open a writer"))?;
    if let Err(difference) = compare(path, model) {
        add(model, *next);
        *next += 1;
        compare(path, model).map_err(|_| difference)?;
    }
    clean(path)?;
    if of(model) == Everything::default() {
        return Ok(());
    }
    let again = writer.append(&batch(*next - 1)).map_err(told("append"))?;
    if again.new == 0 { Ok(()) } else { Err(format!("records that were there were taken as new: {again:?}")) }
}

/// Says how the store differs from `model`, if it does.
pub(crate) fn compare(path: &Path, model: &Model) -> Result<(), String> {
    let found = everything(path)?;
    let expected = of(model);
    if found == expected { Ok(()) } else { Err(difference(&expected, &found)) }
}

/// The number in the environment variable of that name, which says how thorough a test is.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

/// Everything that a store holds.
type Everything = (Vec<ProbeResult>, Vec<Change>, Vec<Gap>);

fn of(model: &Model) -> Everything {
    (model.results(None), model.changes(None), model.gaps(None))
}

/// What is in the store, series by series.
fn everything(path: &Path) -> Result<Everything, String> {
    let reader = Reader::open(path).map_err(told("open a reader"))?;
    let mut results = Vec::new();
    for series in reader.series().map_err(told("read the series"))? {
        let before = results.len();
        reader
            .results(Some(&series.key()), None, |result| {
                results.push(result);
                ControlFlow::Continue(())
            })
            .map_err(told("read the results"))?;
        let read = results.len() - before;
        if read as u64 != series.count {
            return Err(format!("{:?} counts {} results, and {read} are there", series.key(), series.count));
        }
    }
    let counted = reader.counts().map_err(told("count"))?.results;
    if results.len() as u64 != counted {
        return Err(format!("the store counts {counted} results, and {} are there", results.len()));
    }
    let changes = reader.changes(None).map_err(told("read the changes"))?;
    Ok((results, changes, reader.gaps(None).map_err(told("read the gaps"))?))
}

/// How two contents differ, in short.
fn difference(expected: &Everything, found: &Everything) -> String {
    let [results, changes, gaps] = [
        unlike("results", &expected.0, &found.0),
        unlike("changes", &expected.1, &found.1),
        unlike("gaps", &expected.2, &found.2),
    ];
    format!("{results}; {changes}; {gaps}")
}

fn unlike<T: PartialEq + Debug>(what: &str, expected: &[T], found: &[T]) -> String {
    let alike = expected.iter().zip(found).take_while(|(one, other)| one == other).count();
    let (one, other) = (expected.get(alike), found.get(alike));
    let (wanted, there) = (expected.len(), found.len());
    format!("{wanted} {what} are expected and {there} are there, alike up to {alike}: {one:?} and {other:?}")
}

fn told<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> String {
    move |error| format!("cannot {doing}: {error}")
}

fn second(slot: i64) -> Timestamp {
    Timestamp::from_second(START_S + slot * EVERY_S).unwrap()
}

/// How many batches late a run comes: mostly none.
fn delay(slot: i64, group: usize) -> i64 {
    let mut dice = dice(slot, group, 1);
    if dice.once_in(20) { 1 + dice.below(LATEST).cast_signed() } else { 0 }
}

/// One run: its steps follow each other, and one that fails takes those after it along.
fn run(slot: i64, group: usize) -> Vec<ProbeResult> {
    let (target, agent, kinds) = GROUPS[group];
    let mut dice = dice(slot, group, 2);
    let outage = slot.rem_euclid(500) < 9 && group == 2;
    let refused = dice.once_in(30);
    let mut time = second(slot).as_millisecond() + dice.below(2000).cast_signed();
    let mut results = Vec::new();
    for (step, kind) in kinds.iter().enumerate() {
        let phases = Phases {
            resolve: 40 + dice.below(100),
            connect: 300 + dice.below(500),
            tls: 2000 + dice.below(4000),
            processing: 5000 + dice.below(1 << 16),
            transfer: 100 + dice.below(900),
        };
        let (outcome, reason, status, detail) = match step {
            _ if outage => (Outcome::Failure, Some(Reason::Timeout), None, Some("no answer within 10 s".to_owned())),
            0 if refused => {
                let detail = format!("refused, request {}", slot.rem_euclid(97));
                (Outcome::Failure, Some(Reason::LoginRejected), Some(401), Some(detail))
            }
            _ if refused => (Outcome::Skipped, Some(Reason::NoToken), None, None),
            _ => (Outcome::Success, None, Some(200), None),
        };
        let sent = outcome != Outcome::Skipped;
        let took_us = if sent { phases.total() + dice.below(3) } else { 0 };
        results.push(ProbeResult {
            time: Timestamp::from_millisecond(time).unwrap(),
            target: target.into(),
            probe: kind.as_str().into(),
            kind: *kind,
            expect: Expect::Allow,
            variant: Variant::Valid,
            agent: agent.into(),
            outcome,
            reason,
            status,
            took_us,
            phases_us: sent.then_some(phases),
            every_s: Some(EVERY_S as f64),
            detail,
        });
        time += (took_us / 1000 + dice.below(2)).cast_signed();
    }
    results
}

/// The same execution, told otherwise by a later batch.
fn correct(result: ProbeResult, number: i64) -> ProbeResult {
    let detail = Some(format!("told again by batch {}", number.rem_euclid(100)));
    let (outcome, reason) = (Outcome::Failure, Some(Reason::UnexpectedBody));
    ProbeResult { outcome, reason, detail, took_us: result.took_us + 1000, ..result }
}

/// A rollout; once it has ended it is told again.
fn rollout(number: i64, ended: bool) -> Change {
    Change {
        id: format!("c-{number}"),
        time: Some(second(number * SLOTS)),
        until: ended.then(|| second(number * SLOTS + 1)),
        kind: ChangeKind::Rollout,
        object: "Deployment/llm/orchestrator".into(),
        summary: format!("image {number}"),
        source: "kubernetes".into(),
        ..Change::default()
    }
}

fn dice(slot: i64, group: usize, purpose: u64) -> Dice {
    Dice::new(Dice::new(slot.cast_unsigned()).roll() ^ Dice::new(group as u64 * 8 + purpose).roll())
}
