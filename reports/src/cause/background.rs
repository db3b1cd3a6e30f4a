//! What explains an incident where no recorded change does.

use jiff::SignedDuration;
use storage::record::Gap;

use super::case::Case;
use super::class::{self, Seen};
use super::model::Model;
use crate::input::shift;
use crate::wording;

/// How long before the onset a blind feed may have missed the change.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// Most blind feeds that count.
const MOST_BLIND: usize = 2;

/// Likelihood of what is seen where no recorded change explains it.
pub(super) fn likelihood(seen: &[&Seen], model: &Model) -> f64 {
    let known = class::likelihood(&model.background_pattern, seen, model.class);
    let profiles = model.profile.values();
    let changes: f64 = profiles.map(|patterns| class::likelihood(patterns, seen, model.class)).sum();
    let changes = changes / model.profile.len().max(1) as f64;
    (1.0 - model.background.unseen) * known + model.background.unseen * changes
}

/// The likeliest pattern without a change, unless none fits.
pub(super) fn name(case: &Case<'_>, model: &Model) -> String {
    let seen: Vec<&Seen> = case.seen.values().collect();
    let best = model
        .background_pattern
        .iter()
        .map(|pattern| (pattern, pattern.likelihood(&seen, model.class)))
        .max_by(|(a, fit_a), (b, fit_b)| (fit_a * a.weight).total_cmp(&(fit_b * b.weight)));
    let roles: usize = seen.iter().map(|seen| seen.len()).sum();
    let full = (1.0 - model.class.epsilon).powi(i32::try_from(roles).unwrap_or(i32::MAX));
    match best {
        Some((pattern, fit)) if fit >= full / 4.0 => pattern.name.clone(),
        _ => "unknown: no pattern of failures without a change looks like this".to_owned(),
    }
}

/// Gaps of feeds of changes that lie around the onset.
pub(super) fn blind<'a>(case: &Case<'a>) -> Vec<&'a Gap> {
    let from = shift(case.start.lo, -BEFORE);
    case.input.gaps.iter().filter(|gap| gap.feed != "prober" && gap.from <= case.start.hi && gap.until > from).collect()
}

/// How much likelier an unseen change is while feeds are blind.
pub(super) fn blindness(gaps: &[&Gap], model: &Model) -> f64 {
    let mut feeds: Vec<&str> = gaps.iter().map(|gap| gap.feed.as_str()).collect();
    feeds.sort_unstable();
    feeds.dedup();
    model.background.gap_factor.powi(i32::try_from(feeds.len().min(MOST_BLIND)).unwrap_or(0))
}

/// What could not be seen, in sentences. `triggers` are restarts that were too many to be weighed.
pub(super) fn blind_spots(case: &Case<'_>, gaps: &[&Gap], triggers: usize) -> Vec<String> {
    let until = case.end.map_or(case.start.hi, |end| end.hi);
    let prober =
        case.input.gaps.iter().filter(|gap| gap.feed == "prober" && gap.from <= until && gap.until > case.start.lo);
    let mut spots: Vec<String> = gaps.iter().copied().chain(prober).map(wording::gap).collect();
    if triggers > 0 {
        spots.push(format!("{triggers} earlier restarts and rollouts were not weighed with dormant changes"));
    }
    if case.input.changes.is_empty() {
        spots.push("no change at all was recorded: is a source of changes configured?".to_owned());
    }
    spots
}
