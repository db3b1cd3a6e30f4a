//! Whether a store holds what it must when its writer has died.

use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Gap, ProbeResult, Verdict};
use storage::sqlite::reader::Reader;
use storage::sqlite::reader::verify::Finding;
use storage::sqlite::writer::{Counts, Writer};

use crate::life::{FIRST_FORMAT, RETENTION};
use crate::model::Model;
use crate::workload::{batch, end};

/// Everything that a store holds.
type Everything = (Vec<ProbeResult>, Vec<Change>, Vec<Gap>, Vec<Verdict>);

/// What is in the store that [`FIRST_FORMAT`] is.
pub(crate) fn of_the_first_format() -> Model {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, FIRST_FORMAT).unwrap();
    let (mut model, mut counts) = (Model::default(), Counts::default());
    let add = |record| {
        model.append(&record, &mut counts);
        ControlFlow::Continue(())
    };
    Reader::open(&path).unwrap().records(None, add).unwrap();
    model
}

/// What a writer has acknowledged.
#[derive(Clone)]
pub(crate) struct Acknowledged {
    /// What the store must hold.
    model: Model,
    first: i64,
    /// The first batch that is not acknowledged.
    pub(crate) next: i64,
}

impl Acknowledged {
    /// Of a writer that finds what `model` holds and begins with batch `first`.
    pub(crate) fn nothing(model: Model, first: i64) -> Self {
        Self { model, first, next: first }
    }

    /// Batch `next` is acknowledged as well.
    pub(crate) fn add(&mut self) {
        let mut counts = Counts::default();
        batch(self.next).iter().for_each(|record| self.model.append(record, &mut counts));
        self.next += 1;
    }
}

/// Opens the store whose writer died, and finds what is wrong with it. Batch `next` may be there as well, whole; it
/// then counts as acknowledged.
pub(crate) fn verify(path: &Path, acknowledged: &mut Acknowledged) -> Result<(), String> {
    // The writer goes first: there may be no store yet, or one that it must bring to the newest format.
    let mut writer = Writer::open(path).map_err(told("open a writer"))?;
    if let Err(difference) = compare(path, acknowledged) {
        acknowledged.add();
        compare(path, acknowledged).map_err(|_| difference)?;
    }
    let verdict = Reader::open(path).and_then(|reader| reader.verify(|_, _| ())).map_err(told("verify"))?;
    if let Some(Finding { place, message }) = verdict.findings.first() {
        return Err(format!("{place}: {message}"));
    }
    if acknowledged.first < acknowledged.next {
        let again = writer.append(&batch(acknowledged.next - 1)).map_err(told("append"))?;
        if again.new > 0 {
            return Err(format!("what was there was taken as new: {again:?}"));
        }
    }
    Ok(())
}

/// Says how the store differs from what it must hold, if it does.
pub(crate) fn compare(path: &Path, Acknowledged { model, next, .. }: &Acknowledged) -> Result<(), String> {
    let before = |age: Option<Duration>| day(end(next - 1) - SignedDuration::try_from(age.unwrap()).unwrap());
    let (results, changes, gaps, verdicts) = everything(path)?;

    // The retention's clock may lag, and what it drops goes piece by piece.
    let from = before(RETENTION.results);
    let there: HashSet<_> = results.iter().map(identity).collect();
    let mut expected = model.results(None);
    expected.retain(|result| from <= result.time || there.contains(&identity(result)));
    let rounded = before(RETENTION.round_after);
    unlike("results", &expected, &results, |one, other| one == other || (one.time < rounded && is_near(one, other)))?;

    let from = before(RETENTION.rollups);
    let mut expected = model.changes(None);
    expected.retain(|change| from <= change.until.or(change.hi()).unwrap() || changes.contains(change));
    unlike("changes", &expected, &changes, |one, other| one == other)?;

    let mut expected = model.gaps(None);
    expected.retain(|gap| from <= gap.until || gaps.contains(gap));
    unlike("gaps", &expected, &gaps, |one, other| one == other)?;

    let mut expected = model.verdicts(None);
    expected.retain(|verdict| from <= verdict.span().1 || verdicts.contains(verdict));
    unlike("verdicts", &expected, &verdicts, |one, other| one == other)
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
    let gaps = reader.gaps(None).map_err(told("read the gaps"))?;
    Ok((results, changes, gaps, reader.verdicts(None).map_err(told("read the verdicts"))?))
}

fn identity(result: &ProbeResult) -> (&str, &str, &str, Timestamp) {
    (&result.target, &result.probe, &result.agent, result.time)
}

/// Whether `rounded` is `exact` but for phases that keep ten significant bits.
fn is_near(exact: &ProbeResult, rounded: &ProbeResult) -> bool {
    let (Some(one), Some(other)) = (exact.phases_us, rounded.phases_us) else { return false };
    let phases = [
        (one.resolve, other.resolve),
        (one.connect, other.connect),
        (one.tls, other.tls),
        (one.processing, other.processing),
        (one.transfer, other.transfer),
    ];
    let as_rounded =
        ProbeResult { took_us: rounded.took_us, phases_us: rounded.phases_us, ..exact.clone() } == *rounded;
    as_rounded
        && exact.took_us + other.total() == rounded.took_us + one.total()
        && phases.iter().all(|(one, other)| one.abs_diff(*other) * 1000 <= *one)
}

/// How two lists differ, in short.
fn unlike<T: Debug>(what: &str, expected: &[T], found: &[T], is_like: impl Fn(&T, &T) -> bool) -> Result<(), String> {
    let alike = expected.iter().zip(found).take_while(|(one, other)| is_like(one, other)).count();
    let (wanted, there) = (expected.len(), found.len());
    if alike == wanted && alike == there {
        return Ok(());
    }
    let (one, other) = (expected.get(alike), found.get(alike));
    Err(format!("{wanted} {what} are expected and {there} are there, alike up to {alike}: {one:?} and {other:?}"))
}

/// First moment of the day, in UTC.
fn day(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second().div_euclid(86_400) * 86_400).unwrap()
}

fn told<E: Display>(doing: &'static str) -> impl Fn(E) -> String {
    move |error| format!("cannot {doing}: {error}")
}
