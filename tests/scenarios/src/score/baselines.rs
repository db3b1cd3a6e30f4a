//! Simple rules that name a change, to compare with.

use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Known};

use crate::dice::Dice;
use crate::score::reported::Reported;

/// Names of the rules, in the order of their answers.
pub const NAMES: [&str; 6] = ["recent", "recent own", "recent own, real", "Gandalf", "none", "random"];

/// What each rule says about an incident: a change, or none.
#[must_use]
pub fn answers(incident: &Reported, all: &[Reported], changes: &[Change], dice: &mut Dice) -> Vec<Option<String>> {
    let onset = incident.start.1;
    let before: Vec<&Change> = changes.iter().filter(|change| change.lo().is_some_and(|lo| lo <= onset)).collect();
    let own = |change: &&&Change| {
        change.targets.iter().any(|target| incident.episodes.iter().any(|episode| episode.series.target == *target))
    };
    let soon = |change: &&&Change| age(change, onset) <= 1800.0;
    let newest = |of: Vec<&Change>| {
        of.into_iter().max_by(|a, b| (a.lo(), &a.id).cmp(&(b.lo(), &b.id))).map(|change| change.id.clone())
    };
    let recent: Vec<&Change> = before.iter().filter(own).filter(soon).copied().collect();
    let day: Vec<&Change> =
        before.iter().filter(own).filter(|change| age(change, onset) <= 86_400.0).copied().collect();
    let drawn = dice.below(day.len() + 1);
    vec![
        newest(before.clone()),
        newest(recent.clone()),
        newest(recent.into_iter().filter(|change| real(change)).collect()),
        gandalf(incident, all, before.iter().filter(own).copied()),
        None,
        day.get(drawn).map(|change| change.id.clone()),
    ]
}

fn age(change: &Change, onset: Timestamp) -> f64 {
    change.lo().map_or(f64::INFINITY, |lo| onset.duration_since(lo).as_secs_f64())
}

/// Not known to be without effect.
fn real(change: &Change) -> bool {
    let idle =
        matches!(change.kind, ChangeKind::Scale | ChangeKind::JwksAdd | ChangeKind::Note | ChangeKind::Maintenance);
    !idle && change.data_changed != Some(Known::No) && change.touches_probe != Some(Known::No)
}

/// The temporal score of Gandalf (NSDI 2020): votes of the faults in windows of 1, 24 and 72 hours after a change,
/// vetoes of those in the 72 hours before it, the nearer the heavier. Its nodes are our series.
fn gandalf<'a>(incident: &Reported, all: &[Reported], changes: impl Iterator<Item = &'a Change>) -> Option<String> {
    const HOUR: f64 = 3600.0;
    let scored = changes.filter_map(|change| {
        let lo = change.lo()?;
        let vetoes = all
            .iter()
            .flat_map(|other| &other.episodes)
            .filter(|episode| {
                let before = lo.duration_since(episode.start).as_secs_f64();
                (0.0..72.0 * HOUR).contains(&before) && incident.episodes.iter().any(|own| own.series == episode.series)
            })
            .count() as f64;
        let votes = |hours: f64| {
            let within = |start: Timestamp| (0.0..hours * HOUR).contains(&start.duration_since(lo).as_secs_f64());
            incident.episodes.iter().filter(|episode| within(episode.start)).count() as f64
        };
        let score: f64 = [(1.0, 1.0), (24.0, 0.5), (72.0, 0.25)]
            .iter()
            .map(|(hours, weight)| (votes(*hours), weight))
            .filter(|(votes, _)| *votes > vetoes)
            .map(|(votes, weight)| weight * ((votes - vetoes + 1.0) / (vetoes + 1.0)).ln())
            .sum();
        let decayed = score * (-age(change, incident.start.1) / (24.0 * HOUR)).exp();
        (decayed > 0.0).then_some((decayed, change))
    });
    scored.max_by(|a, b| (a.0.total_cmp(&b.0)).then_with(|| a.1.id.cmp(&b.1.id))).map(|(_, change)| change.id.clone())
}
