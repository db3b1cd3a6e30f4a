//! How each series does now and did of late, from the newest judgement and the failures of a window.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use globset::GlobMatcher;
use jiff::{SignedDuration, Timestamp};
use reports::slo::Judged;
use storage::record::{Gap, Outcome, Reason};
use storage::sqlite::reader::failures::Failure;
use storage::sqlite::reader::{Series, SeriesKey};
use storage::window::Window;
use tokio::time::Instant;

use crate::web::desk::{Asked, Unanswered};

/// Cells of a strip.
pub(super) const CELLS: usize = 60;
/// Failures that are read for strips; beyond, strips show only what belongs to incidents.
const FAILURES: usize = 50_000;
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
    /// All was well.
    Good,
    /// Something was skipped, or was the prober's own fault.
    Unclear,
    /// Some failed.
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
    /// Whether there were more failures than are looked at.
    pub(super) cut: bool,
    failures: HashMap<Arc<SeriesKey>, Vec<(Timestamp, Outcome)>>,
    gaps: Vec<Gap>,
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
        let read = asked.reader.at_one_moment(|reader| {
            let mut failures: Vec<Failure> = Vec::new();
            reader.failures(Some(window), |failure| {
                failures.push(failure);
                if failures.len() < FAILURES && Instant::now() < asked.deadline {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            Ok::<_, storage::error::Error>((failures, reader.gaps(Some(window))?))
        });
        let (listed, mut gaps) = read?;
        gaps.retain(|gap| gap.feed == "prober");
        let cut = listed.len() >= FAILURES;
        let mut failures: HashMap<Arc<SeriesKey>, Vec<(Timestamp, Outcome)>> = HashMap::new();
        let mut newest = HashMap::new();
        for failure in listed {
            newest.insert(Arc::clone(&failure.series), (failure.time, failure.outcome, failure.reason));
            failures.entry(failure.series).or_default().push((failure.time, failure.outcome));
        }
        let objectives = objectives(asked);
        let lines = series.into_iter().map(|series| {
            let last = newest.get(&series.key()).filter(|(time, ..)| *time == series.last);
            line(series, last.map(|(_, outcome, reason)| (*outcome, *reason)), &objectives, asked)
        });
        Ok(Self { lines: lines.collect(), window, cut, failures, gaps })
    }

    /// How the parts of the window were for a series.
    pub(super) fn strip(&self, series: &Series, asked: &Asked<'_>) -> [Cell; CELLS] {
        let length_ms = self.window.length().as_millis().max(1) as f64;
        let from_ms = self.window.from.as_millisecond();
        let part_ms = length_ms / CELLS as f64;
        let place = |at: Timestamp| (at.as_millisecond().saturating_sub(from_ms) as f64 / part_ms).floor();
        let every_ms = series.every_s.map_or(0.0, |every| every * 1000.0);
        let lived = place(series.first)..=place(end(series).min(asked.now));
        let mut cells = [Cell::Empty; CELLS];
        let (mut bad, mut unclear) = ([0_u32; CELLS], [0_u32; CELLS]);
        for (at, outcome) in self.failures.get(&series.key()).into_iter().flatten() {
            let counts = if *outcome == Outcome::Failure { &mut bad } else { &mut unclear };
            if let Some(count) = counts.get_mut(place(*at) as usize) {
                *count += 1;
            }
        }
        let blind: Vec<_> = self.gaps.iter().map(|gap| place(gap.from)..place(gap.until)).collect();
        let planned = (part_ms / every_ms.max(1.0)).max(1.0);
        for (index, cell) in cells.iter_mut().enumerate() {
            let at = index as f64;
            let (bad, unclear) = (bad.get(index).copied().unwrap_or(0), unclear.get(index).copied().unwrap_or(0));
            *cell = match (bad, unclear) {
                (0, 0) if !lived.contains(&at) || blind.iter().any(|blind| blind.contains(&at)) => Cell::Empty,
                (0, 0) => Cell::Good,
                (0, _) => Cell::Unclear,
                (bad, _) if f64::from(bad) >= planned / 2.0 => Cell::Bad,
                (_, _) => Cell::Partly,
            };
        }
        if self.cut {
            self.paint_incidents(series, asked, place, &mut cells);
        }
        cells
    }

    /// Shows the failing stretches of incidents, where single failures were too many.
    fn paint_incidents(
        &self,
        series: &Series,
        asked: &Asked<'_>,
        place: impl Fn(Timestamp) -> f64,
        cells: &mut [Cell; CELLS],
    ) {
        let episodes = asked.judged.iter().flat_map(|judged| &judged.incidents.incidents).flat_map(|i| &i.episodes);
        for episode in episodes.filter(|episode| {
            episode.target == series.target && episode.probe == series.probe && episode.agent == series.agent
        }) {
            let until = episode.end.map_or(asked.now, |end| end.hi);
            let failing = place(episode.start.hi)..=place(until);
            let shown = if episode.share >= 0.5 { Cell::Bad } else { Cell::Partly };
            for (_, cell) in cells.iter_mut().enumerate().filter(|(index, _)| failing.contains(&(*index as f64))) {
                *cell = shown;
            }
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
