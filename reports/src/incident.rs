//! Episodes that belong together, how bad they are together, and what is behind them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use storage::record::{ChangeKind, Expect, ProbeKind, Reason};
use storage::window::Window;

use crate::cause::case::{Case, seen_healthy_elsewhere};
use crate::cause::index::Index;
use crate::cause::model::Model;
use crate::cause::{self, Cause, Finding, Mitigation, Verdict};
use crate::digest;
use crate::episode::{DOWN, Episode, episodes};
use crate::input::{Input, after};
use crate::interval::Interval;
use crate::period::seconds_between;
use crate::said::Confirmed;
use crate::series::Series;
use crate::settings::Settings;
use crate::slow::slow;

/// Episodes that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// Derived from the first failure, so it stays the same while the incident goes on.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is special about it.
    pub tags: Vec<Tag>,
    /// When it began.
    pub start: Interval,
    /// When it ended; absent while it lasts.
    pub end: Option<Interval>,
    /// When there was enough evidence.
    pub detected_at: Timestamp,
    /// When the rule for closing was satisfied.
    pub closed_at: Option<Timestamp>,
    /// The failing stretches.
    pub episodes: Vec<Episode>,
    /// Probes of the same targets that stayed healthy, as `target/probe`.
    pub healthy: Vec<String>,
    /// Whether a change is named.
    pub verdict: Verdict,
    /// Explanations, the likeliest first.
    pub causes: Vec<Cause>,
    /// Probability that no recorded change explains it.
    pub none_probability: f64,
    /// The likeliest explanation without a change.
    pub background: String,
    /// What could not be seen.
    pub blind_spots: Vec<String>,
    /// What was done that ended it.
    pub mitigation: Option<Mitigation>,
    /// From the middle of the start.
    pub durations_s: Durations,
    /// What it cost each objective.
    pub budget: Vec<Cost>,
    /// What a person said of the cause.
    pub confirmed: Option<Confirmed>,
}

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something was let in that had to be refused.
    Security,
    /// The login is down, or every probe of a target.
    Critical,
    /// A probe is down.
    Major,
    /// Part of the executions fail.
    Minor,
}

/// What is special about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    /// It began inside a maintenance.
    DuringMaintenance,
    /// Another agent saw the same probes healthy.
    ProberSide,
    /// It came back after it seemed over, twice or more.
    Flapping,
}

/// Durations from the middle of an incident's start, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Durations {
    /// To the detection.
    pub detect: Option<f64>,
    /// To the mitigation.
    pub mitigate: Option<f64>,
    /// To the middle of the end.
    pub recover: Option<f64>,
}

/// What an incident cost an objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Name of the objective.
    pub slo: String,
    /// Bad events.
    pub events: u64,
    /// Share of the error budget.
    pub share: Option<f64>,
}

/// Which failures are put down to what.
#[derive(Debug, Clone, Default)]
pub struct Blame(BTreeMap<(String, String, String), Vec<Span>>);

/// From the first failure to the last possible one, and the word under which they are counted.
type Span = (Timestamp, Timestamp, &'static str);

/// Segments from which an episode is flapping: it came back twice.
const FLAPPING: u32 = 3;

/// Finds the incidents of an input, the earliest first.
#[must_use]
pub fn incidents(input: &Input, settings: &Settings, model: &Model) -> Vec<Incident> {
    let failing = input.series.iter().flat_map(|series| episodes(series, settings.every_ms(&series.target)));
    let mut all: Vec<Episode> = failing.collect();
    all.extend(slow(input, settings, &all));
    let certain: Vec<Episode> = all.iter().filter(|episode| is_certain(episode, &all)).cloned().collect();
    let index = Index::new(&input.changes, &certain);
    let mut groups = group(certain.clone(), Episode::began_with);
    groups.sort_by_key(|group| {
        group.iter().map(|episode| (episode.start.hi, episode.path(), episode.agent.clone())).min()
    });
    let mut incidents: Vec<Incident> =
        groups.into_iter().filter_map(|group| incident(group, input, settings, model, &index)).collect();
    join_by_cause(&mut incidents, input, settings, model, &index);
    incidents.sort_by(|a, b| (a.start.lo, &a.id).cmp(&(b.start.lo, &b.id)));
    incidents
}

impl Incident {
    /// The stretch in which it may have lasted.
    #[must_use]
    pub fn window(&self) -> Window {
        Window { from: self.start.lo, until: self.end.map_or(Timestamp::MAX, |end| after(end.hi, 1)) }
    }

    /// Names of the targets that fail.
    #[must_use]
    pub fn targets(&self) -> BTreeSet<&str> {
        self.episodes.iter().map(|episode| episode.target.as_str()).collect()
    }

    /// The word under which its failures are counted: the kind of the named change, `none` or `ambiguous`.
    #[must_use]
    pub fn blame(&self) -> &'static str {
        match (self.verdict, self.causes.first()) {
            (Verdict::Change, Some(cause)) => cause.kind.as_str(),
            (Verdict::Ambiguous, _) => "ambiguous",
            (Verdict::None, _) | (Verdict::Change, None) => "none",
        }
    }
}

impl Blame {
    /// Takes the failures of incidents together.
    #[must_use]
    pub fn new(incidents: &[Incident]) -> Blame {
        let mut blame = Blame::default();
        for incident in incidents {
            for episode in &incident.episodes {
                let key = (episode.target.clone(), episode.probe.clone(), episode.agent.clone());
                blame.0.entry(key).or_default().push((episode.start.hi, episode.until(), incident.blame()));
            }
        }
        blame
    }

    /// What a failure of a series at a moment is put down to; `none` where it belongs to no incident.
    #[must_use]
    pub fn of(&self, series: &Series, at: Timestamp) -> &'static str {
        let key = (series.target.clone(), series.probe.clone(), series.agent.clone());
        let spans = self.0.get(&key).map(Vec::as_slice).unwrap_or_default();
        spans.iter().find(|(from, until, _)| *from <= at && at <= *until).map_or("none", |(_, _, word)| word)
    }
}

/// Beyond doubt, or suspected together with another probe of the target.
fn is_certain(episode: &Episode, all: &[Episode]) -> bool {
    episode.open_at.is_some()
        || all.iter().any(|other| {
            let another = (&other.probe, &other.agent) != (&episode.probe, &episode.agent);
            another && other.target == episode.target && other.began_with(episode)
        })
}

/// Union-find over episodes of one target.
fn group(episodes: Vec<Episode>, together: impl Fn(&Episode, &Episode) -> bool) -> Vec<Vec<Episode>> {
    let mut groups: Vec<Vec<Episode>> = Vec::new();
    for episode in episodes {
        let joins = |group: &Vec<Episode>| {
            group.iter().any(|other| other.target == episode.target && together(other, &episode))
        };
        let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(joins);
        let mut merged: Vec<Episode> = joined.into_iter().flatten().collect();
        merged.push(episode);
        groups = apart;
        groups.push(merged);
    }
    groups
}

fn incident(
    mut episodes: Vec<Episode>,
    input: &Input,
    settings: &Settings,
    model: &Model,
    index: &Index<'_>,
) -> Option<Incident> {
    episodes.sort_by(|a, b| (a.start.hi, a.path(), &a.agent).cmp(&(b.start.hi, b.path(), &b.agent)));
    let first = episodes.first()?;
    let id = digest::short("i", &[&first.target, &first.probe, &first.agent, &first.start.hi.to_string()]);
    let start = start(&episodes);
    let end = end(&episodes);
    let detected_at = detected_at(&episodes)?;
    let case = Case::new(&episodes, start, end, input, index, model);
    let Finding { verdict, causes, none_probability, background, blind_spots, mitigation } = cause::find(&case, model);
    let healthy = case.healthy.clone();
    let from = start.middle();
    let durations_s = Durations {
        detect: Some(seconds_between(from, detected_at)),
        mitigate: mitigation.as_ref().map(|mitigation| seconds_between(from, mitigation.at)),
        recover: end.map(|end| seconds_between(from, end.middle())),
    };
    Some(Incident {
        id,
        severity: severity(&episodes, input),
        tags: tags(&episodes, start, input, settings),
        start,
        end,
        detected_at,
        closed_at: end.and_then(|_| episodes.iter().filter_map(|episode| episode.closed_at).max()),
        healthy,
        verdict,
        causes,
        none_probability,
        background,
        blind_spots,
        mitigation,
        durations_s,
        budget: Vec::new(),
        confirmed: None,
        episodes,
    })
}

/// Incidents with one likely cause that overlap in time are one.
fn join_by_cause(incidents: &mut Vec<Incident>, input: &Input, settings: &Settings, model: &Model, index: &Index<'_>) {
    const SURE: f64 = 0.8;
    let top = |incident: &Incident| {
        let cause = incident.causes.first().filter(|cause| cause.probability >= SURE)?;
        Some((cause.changes.clone(), cause.trigger.clone()))
    };
    let mut joined: Vec<Incident> = Vec::new();
    for incident in incidents.drain(..) {
        let same = |other: &&mut Incident| {
            top(other).is_some() && top(other) == top(&incident) && other.window().overlaps(incident.window())
        };
        match joined.iter_mut().find(same) {
            Some(other) => {
                let episodes = other.episodes.iter().chain(&incident.episodes).cloned().collect();
                if let Some(whole) = self::incident(episodes, input, settings, model, index) {
                    *other = whole;
                }
            }
            None => joined.push(incident),
        }
    }
    *incidents = joined;
}

/// The onset of the earliest episode, narrowed by those that fail wholly and began with it.
fn start(episodes: &[Episode]) -> Interval {
    let Some(first) = episodes.first() else { return Interval::at(Timestamp::MIN) };
    let narrowed = episodes.iter().filter(|episode| episode.share >= DOWN && first.share >= DOWN).fold(
        first.start,
        |start, episode| {
            let cut = Interval { lo: start.lo.max(episode.start.lo), hi: start.hi.min(episode.start.hi) };
            if cut.lo < cut.hi { cut } else { start }
        },
    );
    Interval { lo: narrowed.lo, hi: narrowed.hi }
}

fn end(episodes: &[Episode]) -> Option<Interval> {
    let ends: Option<Vec<Interval>> = episodes.iter().map(|episode| episode.end).collect();
    ends?.into_iter().reduce(|a, b| Interval { lo: a.lo.max(b.lo), hi: a.hi.max(b.hi) })
}

/// When the first episode was certain, or the second suspected.
fn detected_at(episodes: &[Episode]) -> Option<Timestamp> {
    let certain = episodes.iter().filter_map(|episode| episode.open_at).min();
    let mut suspected: Vec<_> = episodes.iter().map(|episode| episode.suspect_at).collect();
    suspected.sort_unstable();
    [certain, suspected.get(1).copied()].into_iter().flatten().min()
}

/// A slow probe is not down, however often it is slow.
fn is_down(episode: &Episode) -> bool {
    episode.share >= DOWN && episode.reason != Some(Reason::Slow)
}

fn severity(episodes: &[Episode], input: &Input) -> Severity {
    if episodes.iter().any(|episode| episode.reason == Some(Reason::UnexpectedlyAllowed)) {
        return Severity::Security;
    }
    let down: Vec<&Episode> = episodes.iter().filter(|episode| is_down(episode)).collect();
    let series_of = |episode: &Episode| input.find(&episode.target, &episode.probe, &episode.agent);
    let must_let_in = |episode: &Episode| series_of(episode).is_some_and(|series| series.expect == Expect::Allow);
    let login = down.iter().any(|episode| episode.kind == ProbeKind::Login && must_let_in(episode));
    let whole = down.iter().any(|episode| {
        let span = Window { from: episode.start.hi, until: after(episode.until(), 1) };
        let mut executed = input.of_target(&episode.target).filter(|series| series.executed(span).all > 0);
        executed.all(|series| down.iter().any(|down| series_of(down).is_some_and(|down| std::ptr::eq(down, series))))
    });
    match (login || whole, down.is_empty()) {
        (true, _) => Severity::Critical,
        (false, false) => Severity::Major,
        (false, true) => Severity::Minor,
    }
}

fn tags(episodes: &[Episode], start: Interval, input: &Input, settings: &Settings) -> Vec<Tag> {
    let mut tags = BTreeSet::new();
    let began_in = |from: Timestamp, until: Timestamp| from <= start.hi && start.lo < until;
    for target in episodes.iter().map(|episode| &episode.target) {
        let corrected = settings.corrections.iter().any(|correction| {
            correction.category.to_lowercase().contains("maintenance")
                && correction.concerns(target)
                && began_in(correction.from, correction.until)
        });
        let recorded = input.changes.iter().filter(|change| change.kind == ChangeKind::Maintenance).any(|change| {
            let concerns = change.targets.is_empty() || change.targets.contains(target);
            concerns && change.lo().is_some_and(|lo| began_in(lo, change.until.unwrap_or(Timestamp::MAX)))
        });
        if corrected || recorded {
            tags.insert(Tag::DuringMaintenance);
        }
    }
    if episodes.iter().any(|episode| episode.segments >= FLAPPING) {
        tags.insert(Tag::Flapping);
    }
    if episodes.iter().all(|episode| is_prober_side(episode, input)) {
        tags.insert(Tag::ProberSide);
    }
    tags.into_iter().collect()
}

/// Whether a probe that could not reach its target was healthy at every other agent.
fn is_prober_side(episode: &Episode, input: &Input) -> bool {
    let network = matches!(episode.reason, Some(Reason::Dns | Reason::Connect | Reason::Tls | Reason::Timeout));
    network && seen_healthy_elsewhere(episode, input)
}
