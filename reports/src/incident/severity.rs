//! How bad an incident is, and what is special about it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use storage::record::{Expect, ProbeKind, Reason};
use storage::window::Window;

use super::{Severity, Tag};
use crate::cause::case::Case;
use crate::episode::{DOWN, Episode};
use crate::input::{Input, after};
use crate::interval::Interval;
use crate::series::Series;
use crate::settings::Settings;

/// Segments from which an episode is flapping: it came back twice.
const FLAPPING: u32 = 3;

/// A slow probe is not down, however often it is slow.
fn is_down(episode: &Episode) -> bool {
    episode.share >= DOWN && episode.reason != Some(Reason::Slow)
}

/// How bad an incident of these episodes is.
pub(super) fn severity(episodes: &[Episode], input: &Input) -> Severity {
    if episodes.iter().any(|episode| episode.reason == Some(Reason::UnexpectedlyAllowed)) {
        return Severity::Security;
    }
    let series_of = |episode: &Episode| input.find(&episode.target, &episode.probe, &episode.agent);
    let down = episodes.iter().filter(|episode| is_down(episode));
    let down: Vec<(&Episode, &Series)> = down.filter_map(|episode| Some((episode, series_of(episode)?))).collect();
    let login = down.iter().any(|(episode, series)| episode.kind == ProbeKind::Login && series.expect == Expect::Allow);
    let whole = down.iter().any(|(episode, _)| {
        let span = Window { from: episode.start.hi, until: after(episode.until(), 1) };
        let mut executed = input.of_target(&episode.target).filter(|series| series.executed(span).all > 0);
        executed.all(|series| down.iter().any(|(_, down)| std::ptr::eq(*down, series)))
    });
    match (login || whole, down.is_empty()) {
        (true, _) => Severity::Critical,
        (false, false) => Severity::Major,
        (false, true) => Severity::Minor,
    }
}

/// What is special about it.
pub(super) fn tags(episodes: &[Episode], start: Interval, case: &Case<'_>, settings: &Settings) -> Vec<Tag> {
    let mut tags = BTreeSet::new();
    let began_in = |from: Timestamp, until: Timestamp| from <= start.hi && start.lo < until;
    for target in case.seen.keys().copied() {
        let corrected = settings.corrections.iter().any(|correction| {
            correction.category.to_lowercase().contains("maintenance")
                && correction.concerns(target)
                && began_in(correction.from, correction.until)
        });
        let recorded = case.index.maintenances.iter().any(|change| {
            let concerns = change.targets.is_empty() || change.targets.iter().any(|other| other == target);
            concerns && change.lo().is_some_and(|lo| began_in(lo, change.until.unwrap_or(Timestamp::MAX)))
        });
        if corrected || recorded {
            tags.insert(Tag::DuringMaintenance);
        }
    }
    if episodes.iter().any(|episode| episode.flapping || episode.segments >= FLAPPING) {
        tags.insert(Tag::Flapping);
    }
    if case.healthy_elsewhere || cut_off(episodes, case.input, settings) {
        tags.insert(Tag::ProberSide);
    }
    tags.into_iter().collect()
}

fn unreachable(episode: &Episode) -> bool {
    matches!(episode.reason, Some(Reason::Dns | Reason::Connect | Reason::Tls | Reason::Timeout))
}

/// Whether the only agent reaches none of several targets any more that have nothing to do with each other.
fn cut_off(episodes: &[Episode], input: &Input, settings: &Settings) -> bool {
    let Some(first) = episodes.first() else { return false };
    let targets: BTreeSet<&str> = episodes.iter().map(|episode| episode.target.as_str()).collect();
    let namespaces: BTreeSet<_> = targets
        .iter()
        .map(|target| settings.links.get(*target).map_or(*target, |link| link.namespace.as_str()))
        .collect();
    let span = Window { from: first.start.hi, until: after(first.until(), 1) };
    let failing = |series: &&Series| {
        episodes.iter().any(|episode| {
            (&episode.target, &episode.probe, &episode.agent) == (&series.target, &series.probe, &series.agent)
        })
    };
    let mut executed = input.series.iter().filter(|series| series.executed(span).all > 0);
    namespaces.len() > 1
        && episodes.iter().all(|episode| unreachable(episode) && episode.agent == first.agent)
        && executed.all(|series| series.agent == first.agent && failing(&series))
}
