//! Episodes that belong together, how bad they are together, and what is behind them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use crate::cause::case::Case;
use crate::cause::index::Index;
use crate::cause::model::Model;
use crate::cause::{self, Cause, Finding, Mitigation, Verdict};
use crate::digest;
use crate::episode::{Episode, episodes};
use crate::input::{Input, after};
use crate::interval::Interval;
use crate::period::seconds_between;
use crate::said::Confirmed;
use crate::series::Series;
use crate::settings::Settings;
use crate::slow::slow;

use group::Shared;
use onset::onset;
use severity::{severity, tags};

mod group;
mod onset;
mod severity;

/// Episodes that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Incident {
    /// Derived from the first suspicion, so it stays the same while the incident goes on.
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
    /// What a person said about its cause, if anybody did.
    pub confirmed: Option<Confirmed>,
    /// How far it reaches.
    pub blast: Blast,
    /// Ids of incidents that lasted at the same time.
    pub concurrent: Vec<String>,
}

/// How far an incident reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blast {
    /// Probes that fail.
    pub probes_failing: usize,
    /// Probes of the same targets that stayed healthy.
    pub probes_healthy: usize,
    /// Names of the targets that fail.
    pub targets: Vec<String>,
    /// Namespaces of those targets, as far as the configuration tells.
    pub namespaces: Vec<String>,
}

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Durations {
    /// To the detection.
    pub detect: Option<f64>,
    /// To the mitigation.
    pub mitigate: Option<f64>,
    /// To the middle of the end.
    pub recover: Option<f64>,
}

/// What an incident cost an objective.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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

/// Finds the incidents of an input, the earliest first.
#[must_use]
pub fn incidents(input: &Input, settings: &Settings, model: &Model) -> Vec<Incident> {
    let failing = input.series.par_iter().flat_map_iter(|series| episodes(series, settings.every_ms(&series.target)));
    let mut all: Vec<Episode> = failing.collect();
    all.extend(slow(input, settings, &all));
    let certain = certain(&all);
    let index = Index::new(&input.changes, &certain);
    let mut found: Vec<Incident> = group::by_onset(certain.clone())
        .into_par_iter()
        .filter_map(|group| incident(group, input, settings, model, &index))
        .collect();
    found.sort_by(|a, b| (a.start.lo, &a.id).cmp(&(b.start.lo, &b.id)));
    let mut incidents = join(found, input, settings, model, &index);
    incidents.sort_by(|a, b| (a.start.lo, &a.id).cmp(&(b.start.lo, &b.id)));
    cross_link(&mut incidents);
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

/// The episodes beyond doubt, and those that are suspected together with another probe of the target.
fn certain(all: &[Episode]) -> Vec<Episode> {
    let mut by_target: BTreeMap<&str, Vec<&Episode>> = BTreeMap::new();
    for episode in all {
        by_target.entry(&episode.target).or_default().push(episode);
    }
    let is_certain = |episode: &&&Episode, of_target: &[&Episode]| {
        episode.open_at.is_some()
            || of_target.iter().any(|other| {
                let another = (&other.probe, &other.agent) != (&episode.probe, &episode.agent);
                another && other.began_with(episode)
            })
    };
    let mut certain = Vec::new();
    for of_target in by_target.values() {
        certain.extend(of_target.iter().filter(|episode| is_certain(episode, of_target)).copied().cloned());
    }
    certain
}

/// Tells each incident which others lasted at the same time.
fn cross_link(incidents: &mut [Incident]) {
    let spans: Vec<(String, Window)> =
        incidents.iter().map(|incident| (incident.id.clone(), incident.window())).collect();
    for incident in incidents {
        let window = incident.window();
        let others = spans.iter().take_while(|(_, other)| other.from < window.until);
        let concurrent = others.filter(|(id, other)| *id != incident.id && other.overlaps(window));
        incident.concurrent = concurrent.map(|(id, _)| id.clone()).collect();
    }
}

fn incident(
    mut episodes: Vec<Episode>,
    input: &Input,
    settings: &Settings,
    model: &Model,
    index: &Index<'_>,
) -> Option<Incident> {
    episodes.sort_by(|a, b| (a.start.hi, a.path(), &a.agent).cmp(&(b.start.hi, b.path(), &b.agent)));
    let suspected = episodes.iter().min_by_key(|episode| (episode.suspected, episode.path(), &episode.agent))?;
    let id =
        digest::short("i", &[&suspected.target, &suspected.probe, &suspected.agent, &suspected.suspected.to_string()]);
    let start = onset(&episodes, input);
    let end = end(&episodes);
    let detected_at = detected_at(&episodes)?;
    let case = Case::new(&episodes, start, end, input, index, model);
    let Finding { verdict, causes, none_probability, background, blind_spots, mitigation } = cause::find(&case, model);
    let named = causes.first().filter(|_| verdict == Verdict::Change);
    let start = named.map_or(start, |cause| onset::with_cause(start, &episodes, cause));
    let healthy = case.healthy.clone();
    let healthy_count = healthy.len();
    let from = start.middle();
    let durations_s = Durations {
        detect: Some(seconds_between(from, detected_at)),
        mitigate: mitigation.as_ref().map(|mitigation| seconds_between(from, mitigation.at)),
        recover: end.map(|end| seconds_between(from, end.middle())),
    };
    Some(Incident {
        id,
        severity: severity(&episodes, input),
        tags: tags(&episodes, start, &case, settings),
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
        blast: blast(&episodes, healthy_count, settings),
        concurrent: Vec::new(),
        episodes,
    })
}

/// Makes one of incidents that have one cause, or began together and share something.
fn join(found: Vec<Incident>, input: &Input, settings: &Settings, model: &Model, index: &Index<'_>) -> Vec<Incident> {
    let shared = Shared::new(input, settings);
    let (mut open, mut done): (Vec<Incident>, Vec<Incident>) = (Vec::new(), Vec::new());
    for mut incident in found {
        let over;
        (over, open) = open.into_iter().partition(|other| group::joinable_until(other) < incident.start.lo);
        done.extend(over);
        while let Some(number) = open.iter().position(|other| shared.are_one(other, &incident)) {
            let other = open.swap_remove(number);
            let episodes = other.episodes.iter().chain(&incident.episodes).cloned().collect();
            match self::incident(episodes, input, settings, model, index) {
                Some(whole) => incident = whole,
                None => done.push(other),
            }
        }
        open.push(incident);
    }
    done.extend(open);
    done
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

fn blast(episodes: &[Episode], probes_healthy: usize, settings: &Settings) -> Blast {
    let failing: BTreeSet<String> = episodes.iter().map(Episode::path).collect();
    let targets: BTreeSet<&String> = episodes.iter().map(|episode| &episode.target).collect();
    let namespaces: BTreeSet<&String> =
        targets.iter().filter_map(|target| settings.links.get(*target)).map(|link| &link.namespace).collect();
    Blast {
        probes_failing: failing.len(),
        probes_healthy,
        targets: targets.into_iter().cloned().collect(),
        namespaces: namespaces.into_iter().cloned().collect(),
    }
}
