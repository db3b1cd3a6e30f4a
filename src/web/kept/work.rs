//! Judges questions one after the other: those that somebody asked, then those that pages offer.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use rayon::{ThreadPool, ThreadPoolBuilder};
use reports::chart::drawing::Drawing;
use reports::formats::Format;
use reports::full::{self, FullReport};
use reports::incident::Incident;
use reports::report::{Error, Kind, Request};
use reports::settings::Settings;
use storage::sqlite::reader::Reader;
use tokio::time::Instant;
use tracing::warn;

use super::board::Board;
use super::{Found, Question, Refused, Shared, Told, WINDOWS, around};
use crate::judge::{Judgement, Latest};
use crate::web::span::Span;

/// What pages offer is judged again so often at most ..
const OFTEN: Duration = Duration::from_secs(60);
/// .. and rests so many times as long as it took: each of them takes a two-hundredth of a core.
const REST: u32 = 200;
/// The newest incidents, whose pages are made before anybody asks.
const STORIES: usize = 8;
/// How far judging stands behind everything else: it gets a quarter of a core that others want as well, for somebody may
/// wait for it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;
/// Longest time between two looks at what is due.
const LOOK: Duration = Duration::from_secs(1);

/// Threads that judge: on half of the cores, and after everything else that wants to run.
pub(super) fn pool() -> anyhow::Result<ThreadPool> {
    let half = available_parallelism().map_or(1, |all| (all.get() / 2).max(1));
    let pool = ThreadPoolBuilder::new()
        .num_threads(half)
        .thread_name(|number| format!("kept-{number}"))
        .start_handler(|_| give_way());
    pool.build().context("the threads that judge for pages cannot be started")
}

/// Judges until the board is stopped: first what somebody asked, then what somebody may ask. One question at a time, for
/// each takes memory.
pub(super) fn work(shared: &Shared, pool: &ThreadPool, store: &Path, settings: &Settings, judged: &Latest) {
    let mut board = shared.board();
    while !board.stopped() {
        let question = board.next().or_else(|| {
            // What is told of now comes first.
            let judgement = judged.borrow().clone();
            judgement.and_then(|judgement| due(&mut board, &judgement))
        });
        let Some(question) = question else {
            board = shared.wait(board, LOOK);
            continue;
        };
        drop(board);
        let begun = Instant::now();
        let (now, judging) = (Timestamp::now(), || judge(store, settings, &question, begun));
        // One question that breaks must not take the others along.
        let found = catch_unwind(AssertUnwindSafe(|| pool.install(judging))).unwrap_or_else(|_| {
            warn!("judging for a page broke");
            Found::new(now, begun, Err(Refused::Store))
        });
        board = shared.board();
        board.put(question, found);
        shared.turned.notify_all();
    }
}

/// The first of what pages offer that is not there, or old.
fn due(board: &mut Board, judgement: &Judgement) -> Option<Question> {
    let windows = WINDOWS.iter().filter_map(|last| Span::last(last));
    let lists = windows.flat_map(|span| [Kind::Incidents, Kind::Slo].map(|kind| Question::list(kind, span)));
    let mut incidents: Vec<&Incident> = judgement.incidents.incidents.iter().collect();
    incidents.sort_by_key(|incident| Reverse(incident.start));
    let stories = incidents.into_iter().take(STORIES).map(|incident| Question::story(around(incident), &incident.id));
    let due = lists.chain(stories).find(|question| is_due(board.known(question), question));
    due.map(|question| board.take(question))
}

/// Whether a question is not known, or may have another answer by now.
fn is_due(known: Option<&Found>, question: &Question) -> bool {
    let moves = |at| question.span.is_none_or(|span| span.moves(at));
    known.is_none_or(|found| moves(found.at) && found.done.elapsed() >= (found.took * REST).max(OFTEN))
}

fn judge(store: &Path, settings: &Settings, question: &Question, begun: Instant) -> Found {
    let now = Timestamp::now();
    let Question { kind, span, incident } = question.clone();
    let format = if kind == Kind::Incidents && incident.is_some() { Format::Html } else { Format::Json };
    let request = Request { kind, window: span.map(|span| span.window(now)), incident, now };
    let built = || full::build(&Reader::open(store)?, settings, &request, format, format == Format::Html);
    let answer = match built() {
        Ok(full) => Ok(Told::from(full)),
        Err(Error::UnknownIncident(id)) => Err(Refused::Unknown(id)),
        Err(Error::Store(error)) => {
            warn!("the store cannot be judged for a page: {error}");
            Err(Refused::Store)
        }
    };
    Found::new(now, begun, answer)
}

impl From<FullReport> for Told {
    fn from(full: FullReport) -> Self {
        let FullReport { report, stories, charts, .. } = full;
        Told { report, story: stories.into_iter().next(), charts: charts.iter().map(Drawing::chart).collect() }
    }
}

impl Found {
    fn new(at: Timestamp, begun: Instant, answer: Result<Told, Refused>) -> Self {
        let weight = answer.as_ref().map_or(0, weight);
        Self { at, answer, took: begun.elapsed(), done: Instant::now(), weight }
    }
}

/// Bytes that it takes as JSON, of which its form in memory is a small multiple.
fn weight(told: &Told) -> usize {
    let mut bytes = Bytes(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut bytes, &told.report);
    let _ = serde_json::to_writer(&mut bytes, &told.story.as_ref().map(|story| &story.items));
    let charts = told.charts.iter().map(|chart| chart.svg.len() + chart.alt.len());
    bytes.0 + charts.sum::<usize>()
}

/// Counts what is written.
struct Bytes(usize);

impl Write for Bytes {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 += written.len();
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets others run first, where the system has such an order for threads. It is the better for it, but works without.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        warn!("judging for pages does not give way to others: {error}");
    }
}
