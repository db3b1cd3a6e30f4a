//! What can be read, and how each is answered.

use jiff::Timestamp;
use reports::link;
use reports::report::{IncidentsReport, Kind, Report, SloReport, TimelineReport};
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::{ChangeKind, Outcome};
use tokio::time::Instant;

use crate::web::api::operation::Operation;
use crate::web::api::params::{OfChanges, OfIncidents, OfResults, OfTargets, Windowed, back, cut};
use crate::web::api::records::{OneChange, OneResult};
use crate::web::desk::{Asked, Unanswered};
use crate::web::found::{Cursor, Filter, earliest};
use crate::web::kept::Question;
use crate::web::present::{Line, Present};
use crate::web::span::Span;

/// The targets and how their probes do.
#[derive(Debug, Serialize, JsonSchema)]
struct Targets {
    /// The targets of the configuration.
    targets: Vec<Target>,
    /// Their series in the order of target, probe and agent.
    series: Vec<OneSeries>,
    /// The cursor of the next page; null where there is none.
    next: Option<String>,
}

/// A target of the configuration.
#[derive(Debug, Serialize, JsonSchema)]
struct Target {
    /// Its name.
    name: String,
    /// Where it is.
    url: String,
}

/// The results of one probe by one agent.
#[derive(Debug, Serialize, JsonSchema)]
struct OneSeries {
    /// Name of the target.
    target: String,
    /// Name of the probe.
    probe: String,
    /// The prober.
    agent: String,
    /// Kind of the probe.
    kind: &'static str,
    /// Whether the server should let the request in.
    expect: &'static str,
    /// Which credential it uses.
    variant: &'static str,
    /// `ok`, `suspect` (the newest result failed), `failing` (an incident is open) or `silent` (nothing comes).
    status: &'static str,
    /// Why it fails.
    reason: Option<&'static str>,
    /// Id of the open incident.
    incident: Option<String>,
    /// Least share that is left of the budgets of its objectives.
    budget_remaining: Option<f64>,
    /// Start of the oldest result.
    first: Timestamp,
    /// Start of the newest result.
    last: Timestamp,
    /// Seconds from one planned start to the next.
    every_s: Option<f64>,
    /// How many results there are.
    results: u64,
}

/// A page of results, the earliest first.
#[derive(Debug, Serialize, JsonSchema)]
struct Results {
    /// The results.
    results: Vec<OneResult>,
    /// The cursor of the next page; null where there is none.
    next: Option<String>,
}

/// A page of changes, the earliest first.
#[derive(Debug, Serialize, JsonSchema)]
struct Changes {
    /// The changes.
    changes: Vec<OneChange>,
    /// The cursor of the next page; null where there is none.
    next: Option<String>,
}

/// A report of which the list is one page.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
struct PageOf<T> {
    #[serde(flatten)]
    report: T,
    /// The cursor of the next page; null where there is none.
    next: Option<String>,
}

/// Everything that can be read.
pub(super) fn all() -> [Operation; 6] {
    [
        Operation::new("/api/v1/targets", "The targets, and how each of their probes does now", targets),
        Operation::new("/api/v1/results", "Single results of a window, by default of the last hour", results),
        Operation::new("/api/v1/changes", "Changes of a window, by default of the last 7 days", changes),
        Operation::new(
            "/api/v1/incidents",
            "Incidents and their causes, by default those of the last day and those still open",
            incidents,
        ),
        Operation::new("/api/v1/slos", "Objectives, by default each over its own window", slos),
        Operation::new(
            "/api/v1/timeline",
            "What happened in what order, by default in the last day; with `incident`, around it in the last 30",
            timeline,
        ),
    ]
}

fn targets(asked: &Asked<'_>, params: &OfTargets) -> Result<Targets, Unanswered> {
    let page = params.page()?;
    let mut lines = Present::look(asked, None, None)?.lines;
    let next = cut(&mut lines, page)?;
    let targets = asked.targets.iter().map(|target| Target { name: target.name.clone(), url: target.url.clone() });
    Ok(Targets { targets: targets.collect(), series: lines.into_iter().map(OneSeries::from).collect(), next })
}

impl From<Line> for OneSeries {
    fn from(Line { series, standing, reason, incident, budget }: Line) -> Self {
        Self {
            target: series.target,
            probe: series.probe,
            agent: series.agent,
            kind: series.kind.as_str(),
            expect: series.expect.as_str(),
            variant: series.variant.as_str(),
            status: standing.word(),
            reason: reason.map(|reason| reason.as_str()),
            incident,
            budget_remaining: budget,
            first: series.first,
            last: series.last,
            every_s: series.every_s,
            results: series.count,
        }
    }
}

fn results(asked: &Asked<'_>, params: &OfResults) -> Result<Results, Unanswered> {
    let window = params.span(asked.now)?.map_or_else(|| back(asked.now, 1), |span| span.window(asked.now));
    let outcome = params.outcome.as_deref().map(str::parse::<Outcome>).transpose();
    let outcome = outcome.map_err(|error| Unanswered::Wrong(format!("`outcome`: {error}")))?;
    let OfResults { target, probe, agent, .. } = params.clone();
    let wrong = || Unanswered::Wrong("`cursor` is none that was given".into());
    let (limit, cursor) = params.page()?;
    let cursor = cursor.map(|text| Cursor::read(text).ok_or_else(wrong)).transpose()?;
    let filter = Filter { target, probe, agent, outcome };
    let page = earliest(asked, &filter, window, cursor, limit)?;
    Ok(Results { results: page.results.into_iter().map(OneResult::from).collect(), next: page.next.map(Cursor::text) })
}

fn changes(asked: &Asked<'_>, params: &OfChanges) -> Result<Changes, Unanswered> {
    let window = params.span(asked.now)?.map_or_else(|| back(asked.now, 24 * 7), |span| span.window(asked.now));
    let kind = params.kind.as_deref().map(str::parse::<ChangeKind>).transpose();
    let kind = kind.map_err(|error| Unanswered::Wrong(format!("`kind`: {error}")))?;
    let mut changes = asked.reader.changes(Some(window))?;
    link::apply(&asked.settings.links, &mut changes);
    changes.retain(|change| {
        kind.is_none_or(|kind| kind == change.kind)
            && params.target.as_ref().is_none_or(|target| change.targets.contains(target))
    });
    let next = cut(&mut changes, params.page()?)?;
    Ok(Changes { changes: changes.into_iter().map(OneChange::from).collect(), next })
}

fn incidents(asked: &Asked<'_>, params: &OfIncidents) -> Result<PageOf<IncidentsReport>, Unanswered> {
    let span = params.span(asked.now)?;
    let judged = asked.judged.map(|judged| &judged.incidents);
    let known = |id: &String| judged.is_some_and(|judged| judged.incidents.iter().any(|incident| incident.id == *id));
    let mut report = match (span, &params.incident, judged) {
        (None, id, Some(judged)) if id.as_ref().is_none_or(known) => {
            let mut report = judged.clone();
            report.incidents.retain(|incident| id.as_ref().is_none_or(|id| incident.id == *id));
            report
        }
        (span, incident, _) => match judge(asked, Kind::Incidents, span, incident.as_ref())? {
            Report::Incidents(report) => report,
            Report::Slo(_) | Report::Timeline(_) => unreachable!("a report is of the kind that was asked for"),
        },
    };
    let next = cut(&mut report.incidents, params.page()?)?;
    Ok(PageOf { report, next })
}

fn slos(asked: &Asked<'_>, params: &Windowed) -> Result<PageOf<SloReport>, Unanswered> {
    let mut report = match (params.span(asked.now)?, asked.judged) {
        (None, Some(judged)) => judged.slo.clone(),
        (span, _) => match judge(asked, Kind::Slo, span, None)? {
            Report::Slo(report) => report,
            Report::Incidents(_) | Report::Timeline(_) => unreachable!("a report is of the kind that was asked for"),
        },
    };
    let next = cut(&mut report.slos, params.page()?)?;
    Ok(PageOf { report, next })
}

fn timeline(asked: &Asked<'_>, params: &OfIncidents) -> Result<PageOf<TimelineReport>, Unanswered> {
    let mut report = match judge(asked, Kind::Timeline, params.span(asked.now)?, params.incident.as_ref())? {
        Report::Timeline(report) => report,
        Report::Incidents(_) | Report::Slo(_) => unreachable!("a report is of the kind that was asked for"),
    };
    let next = cut(&mut report.items, params.page()?)?;
    Ok(PageOf { report, next })
}

/// Judges a window as far as it is not judged yet: by default that of each objective, the last day, or the last 30 for
/// one incident.
fn judge(asked: &Asked<'_>, kind: Kind, span: Option<Span>, incident: Option<&String>) -> Result<Report, Unanswered> {
    let days = if incident.is_some() { 30 } else { 1 };
    let span = span.or_else(|| (kind != Kind::Slo).then_some(Span::Last(days * 86_400)));
    let question = Question { kind, span, incident: incident.cloned() };
    let wait = asked.deadline.saturating_duration_since(Instant::now());
    let kept = asked.kept.ask(&question, wait)?.ok_or(Unanswered::Busy)?;
    Ok(kept.found.told()?.report.clone())
}
