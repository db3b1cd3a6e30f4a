//! Builds the three reports from an input: the same input and window give the same report, byte for byte.

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::{Change, ChangeKind};
use storage::sketch::Sketch;
use storage::sqlite::reader::Reader;
use storage::window::Window;

use crate::alerts::history::{Firing, history};
use crate::cause::Verdict;
use crate::cause::model::Model;
use crate::chart;
use crate::cost;
use crate::digest;
use crate::doubts;
use crate::incident::{Blame, Cost, Incident, incidents};
use crate::input::{Input, after, shift};
use crate::link;
use crate::period;
use crate::plan::Plan;
use crate::said;
use crate::schema;
use crate::series::Series;
use crate::settings::{Correction, Settings, Slo};
use crate::slo::{self, Background, Judged, Status, Stretch};
use crate::summary::Summary;
use crate::tally::Tally;
use crate::timeline::{self, Item, LeftOut, Scene, Told};

/// Name and version of the JSON form.
pub const SCHEMA: &str = "authprobe.report/v1";

/// Why a report cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] storage::error::Error),
    /// There is no incident of this id in the window.
    #[error("no incident `{0}` in this window: `authprobe report incidents` lists them")]
    UnknownIncident(String),
}

/// The three kinds of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Objectives.
    Slo,
    /// Incidents and their causes.
    Incidents,
    /// What happened in what order.
    Timeline,
}

/// A report, ready to be rendered.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Report {
    /// Objectives.
    Slo(SloReport),
    /// Incidents and their causes.
    Incidents(IncidentsReport),
    /// What happened in what order.
    Timeline(TimelineReport),
}

/// What every report begins with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Head {
    /// Name and version of the form.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: &'static str,
    /// `slo`, `incidents` or `timeline`.
    pub kind: &'static str,
    /// The stretch that is reported.
    #[schemars(with = "schema::Stretch")]
    pub window: Window,
    /// Digest of the inputs.
    pub generated_from: String,
    /// Why the report may say less than it seems to: nothing was probed, or a clock was wrong.
    pub warnings: Vec<String>,
}

/// Objectives and how they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SloReport {
    /// What every report begins with.
    #[serde(flatten)]
    pub head: Head,
    /// First moment of which the store cannot know yet; absent without results.
    pub watermark: Option<Timestamp>,
    /// The objectives in the order of the configuration.
    pub slos: Vec<Judged>,
    /// The corrections that touch the window.
    pub corrections: Vec<Corrected>,
    /// What reaches its end within 90 days after the window, the earliest first.
    pub expiries: Vec<Expiry>,
}

/// A key, a token or a certificate that is going to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Expiry {
    /// When it ends.
    pub at: Timestamp,
    /// What ends.
    pub object: String,
    /// The targets that depend on it.
    pub targets: Vec<String>,
    /// 30, 60 or 90: so many days after the window it will have ended.
    pub within_days: i64,
    /// Id of the change that tells of it.
    pub change: String,
}

/// A correction, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Corrected {
    /// Named after its content.
    pub id: String,
    /// As it stands in the configuration.
    #[serde(flatten)]
    pub correction: Correction,
    /// Whether it was made after the stretch that it corrects had begun.
    pub retroactive: bool,
}

/// Incidents, the earliest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IncidentsReport {
    /// What every report begins with.
    #[serde(flatten)]
    pub head: Head,
    /// How long they took.
    pub summary: Box<Summary>,
    /// The incidents that overlap the window.
    pub incidents: Vec<Incident>,
}

/// What happened, the earliest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TimelineReport {
    /// What every report begins with.
    #[serde(flatten)]
    pub head: Head,
    /// The items.
    pub items: Vec<Item>,
    /// What is not shown: what has nothing to do with the incident that was asked for, or is too much.
    pub left_out: Vec<LeftOut>,
}

/// What is to be reported.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which report.
    pub kind: Kind,
    /// The stretch that was asked for; without one, each objective's own, or the last 30 days of what is stored.
    pub window: Option<Window>,
    /// The incident that was asked for.
    pub incident: Option<String>,
    /// The present moment.
    pub now: Timestamp,
}

/// Days ahead by which coming ends are sorted.
const EXPIRIES: [i64; 3] = [30, 60, 90];
/// How far back burn rates look.
const LONGEST_BURN: SignedDuration = SignedDuration::from_hours(72);
/// What incidents and timelines show where no stretch is asked for.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Builds a report from a store.
///
/// # Errors
/// When the store cannot be read, or the incident that was asked for does not exist.
pub fn build(reader: &Reader, settings: &Settings, request: &Request) -> Result<Report, Error> {
    build_from(&load(reader, settings, request)?, settings, request)
}

/// Reads what the charts of a report need besides: how long things took, where results are known as counts.
pub(crate) fn load_course(reader: &Reader, input: &mut Input, report: &Report) -> Result<(), storage::error::Error> {
    for window in chart::latency::wanted(input, report.window()) {
        let mut whole = Sketch::default();
        reader.latency(None, Some(window))?.iter().for_each(|(_, sketch)| whole.merge(sketch));
        input.course.push((window, whole));
    }
    Ok(())
}

/// Reads what a report is judged from.
pub(crate) fn load(reader: &Reader, settings: &Settings, request: &Request) -> Result<Input, storage::error::Error> {
    let mut input = reader.at_one_moment(|reader| {
        let watermark = reader.watermark()?;
        let plan = Plan::new(settings, request, watermark);
        let mut input = Input::load(reader, &plan)?;
        if request.kind == Kind::Slo {
            input.changes.extend(coming_ends(reader, &input, reach(settings, request, watermark).until)?);
        }
        Ok::<_, storage::error::Error>(input)
    })?;
    link::apply(&settings.links, &mut input.changes);
    Ok(input)
}

/// What ends after a window, as far as it is known and not among the changes already.
fn coming_ends(reader: &Reader, input: &Input, until: Timestamp) -> Result<Vec<Change>, storage::error::Error> {
    let [.., farthest] = EXPIRIES;
    let ahead = Window { from: until, until: shift(until, SignedDuration::from_hours(24 * (farthest + 1))) };
    let mut ends = reader.changes(Some(ahead))?;
    ends.retain(|change| change.kind == ChangeKind::Expiry && input.changes.iter().all(|known| known.id != change.id));
    Ok(ends)
}

/// Builds a report from an input that reaches as far as [`reach`] says.
///
/// # Errors
/// When the incident that was asked for does not exist.
pub fn build_from(input: &Input, settings: &Settings, request: &Request) -> Result<Report, Error> {
    let model = &settings.model;
    match request.kind {
        Kind::Slo => Ok(Report::Slo(build_slo(input, settings, model, request))),
        Kind::Incidents => build_incidents(input, settings, model, request).map(Report::Incidents),
        Kind::Timeline => build_timeline(input, settings, model, request).map(Report::Timeline),
    }
}

/// The stretch that has to be loaded for a request.
#[must_use]
pub fn reach(settings: &Settings, request: &Request, watermark: Option<Timestamp>) -> Window {
    let shown = usual_window(request, watermark);
    let own = settings.slos.iter().filter_map(|slo| own_window(slo, request, watermark));
    let compared = |window: Window| match request.kind {
        Kind::Slo => shift(window.from, -window.length()),
        Kind::Incidents | Kind::Timeline => window.from,
    };
    let from = own.map(compared).chain([shown.from, shift(shown.until, -LONGEST_BURN)]).min().unwrap_or(shown.from);
    Window { from, until: shown.until }
}

fn build_slo(input: &Input, settings: &Settings, model: &Model, request: &Request) -> SloReport {
    let incidents = incidents(input, settings, model);
    let watermark = watermark(input, settings);
    let slos = objectives(input, settings, &incidents, request);
    let hull = slos
        .iter()
        .map(|slo| slo.window)
        .reduce(|a, b| Window { from: a.from.min(b.from), until: a.until.max(b.until) });
    let window = hull.unwrap_or_else(|| usual_window(request, watermark));
    let touching = settings
        .corrections
        .iter()
        .filter(|correction| correction.from < window.until && correction.until > window.from);
    let corrections = touching
        .map(|correction| Corrected {
            id: correction.id(),
            retroactive: correction.created_at.is_some_and(|made| made > correction.from),
            correction: correction.clone(),
        })
        .collect();
    let expiries = expiries(input, window.until);
    SloReport { head: head("slo", input, settings, request, window), watermark, slos, corrections, expiries }
}

/// Judges the objectives, in the order of the configuration.
pub(crate) fn objectives(input: &Input, settings: &Settings, incidents: &[Incident], request: &Request) -> Vec<Judged> {
    let blame = Blame::new(incidents);
    let background = Background { incidents, blame: &blame };
    let horizon = horizon(input, request);
    let watermark = watermark(input, settings);
    let judge = |slo: &Slo| {
        let window = own_window(slo, request, watermark)?;
        let period_s = period::seconds(&slo.window, window.until)?;
        let tally = Tally::new(slo, settings, input, horizon);
        let stale = stale(input, &tally, window, request.now);
        Some(slo::judge(slo, &tally, Stretch { window, period_s, stale }, background))
    };
    settings.slos.par_iter().filter_map(judge).collect()
}

fn expiries(input: &Input, until: Timestamp) -> Vec<Expiry> {
    let ends = input.changes.iter().filter(|change| change.kind == ChangeKind::Expiry);
    let coming = ends.filter_map(|change| {
        let at = change.lo()?;
        let ahead = at.duration_since(until);
        let within_days = EXPIRIES.into_iter().find(|days| ahead <= SignedDuration::from_hours(24 * days))?;
        let (object, targets, change) = (change.object.clone(), change.targets.clone(), change.id.clone());
        (at >= until).then_some(Expiry { at, object, targets, within_days, change })
    });
    coming.collect()
}

fn build_incidents(
    input: &Input,
    settings: &Settings,
    model: &Model,
    request: &Request,
) -> Result<IncidentsReport, Error> {
    let window = usual_window(request, watermark(input, settings));
    let found = with_costs(input, settings, model, request);
    let incidents: Vec<Incident> = found.into_iter().filter(|incident| shown(incident, request, window)).collect();
    known(&incidents, request)?;
    let summary = Box::new(Summary::of(&incidents));
    Ok(IncidentsReport { head: head("incidents", input, settings, request, window), summary, incidents })
}

fn build_timeline(
    input: &Input,
    settings: &Settings,
    model: &Model,
    request: &Request,
) -> Result<TimelineReport, Error> {
    let window = usual_window(request, watermark(input, settings));
    let found = with_costs(input, settings, model, request);
    let (incidents, others): (Vec<Incident>, Vec<Incident>) =
        found.into_iter().partition(|incident| shown(incident, request, window));
    known(&incidents, request)?;
    let firings = firings(input, settings, request, window);
    let one = incidents.first().filter(|_| request.incident.is_some());
    let Told { items, left_out } = match one {
        Some(incident) => told_of(incident, &others, input, settings, &firings, window),
        None => timeline::tell(&Scene {
            input,
            settings,
            incidents: &incidents,
            one: false,
            beside: &[],
            firings: &firings,
            window,
        }),
    };
    let window = one.map_or(window, |incident| around(incident, input, window));
    Ok(TimelineReport { head: head("timeline", input, settings, request, window), items, left_out })
}

/// What happened around one incident, without what has nothing to do with it. `others` hold those of the same time.
pub(crate) fn told_of(
    incident: &Incident,
    others: &[Incident],
    input: &Input,
    settings: &Settings,
    firings: &[(&Slo, Firing)],
    window: Window,
) -> Told {
    let beside: Vec<Incident> =
        others.iter().filter(|other| incident.concurrent.contains(&other.id)).cloned().collect();
    timeline::tell(&Scene {
        input,
        settings,
        incidents: std::slice::from_ref(incident),
        one: true,
        beside: &beside,
        firings,
        window: around(incident, input, window),
    })
}

/// The alerts that fired in a window, by objective.
pub(crate) fn firings<'a>(
    input: &Input,
    settings: &'a Settings,
    request: &Request,
    window: Window,
) -> Vec<(&'a Slo, Firing)> {
    let horizon = horizon(input, request);
    let defined = settings.slos.par_iter().filter_map(|slo| Some((slo, period::seconds(&slo.window, window.until)?)));
    let fired = defined.flat_map_iter(|(slo, period_s)| {
        let tally = Tally::new(slo, settings, input, horizon);
        history(slo, &tally, window, period_s).into_iter().map(move |firing| (slo, firing))
    });
    fired.collect()
}

/// The incidents with what each of them cost the objectives.
fn with_costs(input: &Input, settings: &Settings, model: &Model, request: &Request) -> Vec<Incident> {
    let mut incidents = incidents(input, settings, model);
    said::tell(&mut incidents, &input.verdicts);
    let (horizon, watermark) = (horizon(input, request), watermark(input, settings));
    let costs = |slo: &Slo| {
        let window = slo::defined(slo, own_window(slo, request, watermark)?);
        let tally = Tally::new(slo, settings, input, horizon);
        let allowed = slo.tolerance() * tally.count(window).expected() as f64;
        let cost = |incident: &Incident| {
            let events = cost::events(incident, &tally, window);
            let share = (allowed > 0.0).then(|| crate::settings::ratio(events as f64 / allowed));
            (events > 0).then(|| Cost { slo: slo.name.clone(), events, share })
        };
        Some(incidents.iter().map(cost).collect())
    };
    let by_slo: Vec<Vec<Option<Cost>>> = settings.slos.par_iter().filter_map(costs).collect();
    for costs in by_slo {
        for (incident, cost) in incidents.iter_mut().zip(costs) {
            incident.budget.extend(cost);
        }
    }
    incidents
}

fn shown(incident: &Incident, request: &Request, window: Window) -> bool {
    incident.window().overlaps(window) && request.incident.as_ref().is_none_or(|id| *id == incident.id)
}

fn known(incidents: &[Incident], request: &Request) -> Result<(), Error> {
    match &request.incident {
        Some(id) if incidents.is_empty() => Err(Error::UnknownIncident(id.clone())),
        Some(_) | None => Ok(()),
    }
}

/// The stretch of an incident, with what led to it, be it long ago, and what followed.
fn around(incident: &Incident, input: &Input, window: Window) -> Window {
    let named = incident.causes.first().filter(|_| incident.verdict == Verdict::Change);
    let changes = input.changes.iter().filter(|change| named.is_some_and(|cause| cause.changes.contains(&change.id)));
    let before = shift(incident.start.lo, -timeline::BEFORE);
    let from = changes.filter_map(Change::lo).fold(before, Timestamp::min);
    let behind = shift(incident.closed_at.unwrap_or(window.until), timeline::BEHIND);
    Window { from, until: behind.max(shift(incident.detected_at, timeline::BEHIND)) }
}

/// The window that was asked for, else an objective's own, which ends at the watermark.
pub(crate) fn own_window(slo: &Slo, request: &Request, watermark: Option<Timestamp>) -> Option<Window> {
    match request.window {
        Some(window) => Some(window),
        None => period::window(&slo.window, watermark.unwrap_or(request.now)),
    }
}

fn usual_window(request: &Request, watermark: Option<Timestamp>) -> Window {
    request.window.unwrap_or_else(|| {
        let until = watermark.unwrap_or(request.now);
        Window { from: shift(until, -USUAL), until }
    })
}

/// First moment of which the store cannot know yet. A newest result that carries no interval has the configured one, else
/// it lies just before.
fn watermark(input: &Input, settings: &Settings) -> Option<Timestamp> {
    let newest = input.newest?;
    let known = input.watermark.filter(|watermark| *watermark > newest);
    let last = |series: &&Series| series.pieces.last().is_some_and(|piece| piece.last() == newest);
    let configured = || input.series.iter().filter(last).filter_map(|series| settings.every_ms(&series.target)).max();
    Some(known.unwrap_or_else(|| after(newest, configured().unwrap_or(1))))
}

/// Whether a window ends at the present moment and nothing came in for more than three intervals.
fn stale(input: &Input, tally: &Tally<'_>, window: Window, now: Timestamp) -> bool {
    let expected = input.newest.zip(tally.every_ms()).map(|(newest, every)| after(newest, every.saturating_mul(3)));
    window.until == now && expected.is_some_and(|expected| expected < now)
}

/// The last moment that the store can know of: the newest result, unless a stretch up to now was asked for.
pub(crate) fn horizon(input: &Input, request: &Request) -> Timestamp {
    let newest = input.newest.unwrap_or(request.now);
    match request.window {
        Some(_) => newest.max(request.now),
        None => newest,
    }
}

fn head(kind: &'static str, input: &Input, settings: &Settings, request: &Request, window: Window) -> Head {
    let generated_from = digest::inputs(input, settings, window);
    Head { schema: SCHEMA, kind, window, generated_from, warnings: doubts::of(input, window, request.now) }
}

impl Report {
    /// The stretch that is reported.
    #[must_use]
    pub fn window(&self) -> Window {
        match self {
            Report::Slo(report) => report.head.window,
            Report::Incidents(report) => report.head.window,
            Report::Timeline(report) => report.head.window,
        }
    }
}

impl SloReport {
    /// Whether an objective has this status.
    #[must_use]
    pub fn any(&self, status: Status) -> bool {
        self.slos.iter().any(|slo| slo.status == status)
    }
}
