//! How each series does now and did of late, from the newest judgement and the failures of a window.

use std::collections::HashMap;
use std::ops::ControlFlow;

use globset::GlobMatcher;
use jiff::{SignedDuration, Timestamp};
use reports::slo::Judged;
use storage::record::{Outcome, Reason};
use storage::sqlite::reader::hourly::Ended;
use storage::sqlite::reader::{Series, SeriesKey};
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};

/// Cells of a strip.
pub(super) const CELLS: usize = 60;
/// Failures that are read for strips; of more, and where a part is so long, the sums of hours tell.
const FAILURES: usize = 20_000;
const LONG: SignedDuration = SignedDuration::from_hours(2);
/// One failure among so many results is shown: over months, a lone one here and there is everywhere.
const PARTLY: u64 = 100;
const HOUR_MS: f64 = 3_600_000.0;
/// Slots without a result after which a series is silent.
const MISSED: f64 = 3.0;

/// How a series does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It belongs to an incident that is open.
    Failing,
    /// Its newest result failed.
    Suspect,
    /// Nothing has come for a while.
    Silent,
    /// It is well.
    Well,
}

/// A series and how it does.
pub(super) struct Line {
    /// What the store knows of it.
    pub(super) series: Series,
    /// How it does.
    pub(super) standing: Standing,
    /// Why it fails.
    pub(super) reason: Option<Reason>,
    /// The open incident that it belongs to.
    pub(super) incident: Option<String>,
    /// The least that is left of the budgets of its objectives, as a share.
    pub(super) budget: Option<f64>,
}

/// How a part of a window was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing is known.
    Empty,
    /// All was well, or nearly.
    Good,
    /// Something was skipped, or was the prober's own fault.
    Unclear,
    /// One in a hundred or more failed.
    Partly,
    /// Half of it or more failed.
    Bad,
}

/// What is seen of the series in a window.
pub(super) struct Present {
    /// The series, in the order of target, probe and agent.
    pub(super) lines: Vec<Line>,
    /// The window of the strips.
    pub(super) window: Window,
}

/// How some series were over a window, part by part.
pub(super) struct Strips {
    cells: HashMap<SeriesKey, [Cell; CELLS]>,
}

/// The results of a part of a window.
#[derive(Clone, Copy, Default)]
struct Part {
    results: u64,
    failed: u64,
    unclear: u64,
}

impl Standing {
    /// It in one word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Standing::Failing => "failing",
            Standing::Suspect => "suspect",
            Standing::Silent => "silent",
            Standing::Well => "ok",
        }
    }
}

impl Present {
    /// Looks at all series, or those of a target.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn look(asked: &Asked<'_>, window: Option<Window>, target: Option<&str>) -> Result<Self, Unanswered> {
        let mut series = asked.reader.series()?;
        series.retain(|series| target.is_none_or(|target| series.target == target));
        let window = window.unwrap_or_else(|| recent(&series, asked.now));
        let ended = asked.reader.ended_badly(&series)?;
        let objectives = objectives(asked);
        let lines = series.into_iter().map(|series| {
            let last = ended.get(&series.key()).copied();
            line(series, last, &objectives, asked)
        });
        Ok(Self { lines: lines.collect(), window })
    }

    /// How the parts of the window were for some of the series.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn strips<'a>(
        &self,
        series: impl Iterator<Item = &'a Series>,
        asked: &Asked<'_>,
    ) -> Result<Strips, Unanswered> {
        let series: Vec<&Series> = series.collect();
        let part = self.window.length() / CELLS as i32;
        // Hours are too coarse for parts that are not much longer, and single failures too many for long windows.
        let single = if part < LONG { self.single(&series, asked)? } else { None };
        let cells = match single {
            Some(cells) => cells,
            None => self.by_the_hour(&series, asked)?,
        };
        Ok(Strips { cells: series.iter().map(|series| series.key()).zip(cells).collect() })
    }

    /// By single failures, and what was planned. None where they are too many.
    fn single(&self, series: &[&Series], asked: &Asked<'_>) -> Result<Option<Vec<[Cell; CELLS]>>, Unanswered> {
        let positions: HashMap<SeriesKey, usize> = series.iter().map(|one| one.key()).zip(0..).collect();
        let mut parts = vec![[Part::default(); CELLS]; series.len()];
        let mut count = 0;
        let gaps = asked.reader.at_one_moment(|reader| {
            reader.failures(Some(self.window), |failure| {
                count += 1;
                let own = positions.get(&*failure.series).and_then(|position| parts.get_mut(*position));
                if let Some(part) = own.and_then(|parts| parts.get_mut(self.place(failure.time) as usize)) {
                    let counts = if failure.outcome == Outcome::Failure { &mut part.failed } else { &mut part.unclear };
                    *counts += 1;
                }
                if count < FAILURES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            reader.gaps(Some(self.window))
        })?;
        let blind = gaps.iter().filter(|gap| gap.feed == "prober");
        let blind: Vec<_> = blind.map(|gap| self.place(gap.from)..self.place(gap.until)).collect();
        let part_ms = self.part_ms();
        for (series, parts) in series.iter().zip(&mut parts) {
            let lived = self.place(series.first)..=self.place(end(series).min(asked.now));
            let planned = (part_ms / (series.every_s.unwrap_or(0.0) * 1000.0).max(1.0)).max(1.0) as u64;
            for (index, part) in parts.iter_mut().enumerate() {
                let at = index as f64;
                let seen = lived.contains(&at) && !blind.iter().any(|blind| blind.contains(&at));
                let bad = part.failed + part.unclear;
                part.results = if seen || bad > 0 { planned.max(bad) } else { 0 };
            }
        }
        Ok((count < FAILURES).then(|| parts.into_iter().map(|parts| parts.map(Part::cell)).collect()))
    }

    /// By the sums of hours: quick for any window, and as coarse as they are.
    fn by_the_hour(&self, series: &[&Series], asked: &Asked<'_>) -> Result<Vec<[Cell; CELLS]>, Unanswered> {
        let keys: Vec<SeriesKey> = series.iter().map(|series| series.key()).collect();
        let hours = asked.reader.hourly(&keys, self.window)?;
        let cells = hours.into_iter().map(|hours| {
            let mut parts = [Part::default(); CELLS];
            for (hour, Ended { results, failed, unclear }) in hours {
                let border =
                    |hour: i64| Timestamp::from_second(hour.saturating_mul(3600)).map_or(0.0, |at| self.place(at));
                let (first, behind) = (border(hour), border(hour + 1));
                // In a window of short parts, an hour tells of all that it touches; else of the one where it begins.
                let last = if self.part_ms() < HOUR_MS { behind } else { first };
                for (index, part) in parts.iter_mut().enumerate() {
                    if (first..=last).contains(&(index as f64)) {
                        part.results += results;
                        part.failed += failed;
                        part.unclear += unclear;
                    }
                }
            }
            parts.map(Part::cell)
        });
        Ok(cells.collect())
    }

    fn part_ms(&self) -> f64 {
        self.window.length().as_millis().max(1) as f64 / CELLS as f64
    }

    /// The part that a moment lies in.
    fn place(&self, at: Timestamp) -> f64 {
        let from_ms = self.window.from.as_millisecond();
        (at.as_millisecond().saturating_sub(from_ms) as f64 / self.part_ms()).floor()
    }
}

impl Strips {
    /// That of one series; nothing is known of others.
    pub(super) fn of(&self, series: &Series) -> [Cell; CELLS] {
        self.cells.get(&series.key()).copied().unwrap_or([Cell::Empty; CELLS])
    }
}

impl Part {
    fn cell(self) -> Cell {
        let Part { results, failed, unclear } = self;
        match (results, failed, unclear) {
            (0, ..) => Cell::Empty,
            (_, failed, _) if failed * 2 >= results => Cell::Bad,
            (_, failed, _) if failed * PARTLY >= results => Cell::Partly,
            (_, _, unclear) if unclear * PARTLY >= results => Cell::Unclear,
            _ => Cell::Good,
        }
    }
}

/// The objectives with what they count.
fn objectives<'a>(asked: &Asked<'a>) -> Vec<(Vec<GlobMatcher>, &'a Judged)> {
    let judged = asked.judged.into_iter().flat_map(|judged| &judged.slo.slos);
    let counted = |judged: &&Judged| asked.settings.slos.iter().find(|slo| slo.name == judged.name);
    judged.filter_map(|judged| Some((counted(&judged)?.matchers(), judged))).collect()
}

fn line(
    series: Series,
    last: Option<(Outcome, Option<Reason>)>,
    objectives: &[(Vec<GlobMatcher>, &Judged)],
    asked: &Asked<'_>,
) -> Line {
    let path = format!("{}/{}", series.target, series.probe);
    let incidents = asked.judged.into_iter().flat_map(|judged| &judged.incidents.incidents);
    let open = incidents.filter(|incident| incident.end.is_none()).find_map(|incident| {
        let episode = incident.episodes.iter().find(|episode| {
            let same = episode.target == series.target && episode.probe == series.probe;
            same && episode.agent == series.agent && episode.end.is_none()
        })?;
        Some((incident.id.clone(), episode.reason))
    });
    let every = SignedDuration::try_from_secs_f64(series.every_s.unwrap_or(60.0) * MISSED + 5.0);
    let silent = every.is_ok_and(|every| asked.now.duration_since(series.last) > every);
    let failed = last.filter(|(outcome, _)| *outcome == Outcome::Failure);
    let (standing, reason, incident) = match (open, failed) {
        (Some((incident, reason)), _) => (Standing::Failing, reason, Some(incident)),
        (None, _) if silent => (Standing::Silent, None, None),
        (None, Some((_, reason))) => (Standing::Suspect, reason, None),
        (None, None) => (Standing::Well, None, None),
    };
    let own = objectives.iter().filter(|(globs, _)| globs.iter().any(|glob| glob.is_match(&path)));
    let budget = own.filter_map(|(_, judged)| judged.budget.remaining).min_by(f64::total_cmp);
    Line { series, standing, reason, incident, budget }
}

/// The last hours, or what there is of them: a young store is not shown as a sliver.
fn recent(series: &[Series], now: Timestamp) -> Window {
    let oldest = series.iter().map(|series| series.first).min().unwrap_or(now);
    let age = now.duration_since(oldest);
    let back = age.clamp(SignedDuration::from_mins(2), SignedDuration::from_hours(6));
    Window { from: now.checked_sub(back).unwrap_or(Timestamp::MIN), until: now }
}

/// End of the slot of the newest result.
fn end(series: &Series) -> Timestamp {
    let every = SignedDuration::try_from_secs_f64(series.every_s.unwrap_or(0.0)).unwrap_or_default();
    series.last.checked_add(every).unwrap_or(Timestamp::MAX)
}
