//! Which reported incident is about which true one.

use jiff::{SignedDuration, Timestamp};

use crate::score::reported::{Episode, Reported};
use crate::truth::{TrueIncident, Truth};

/// Pairs of failing stretches, by whether they belong together in truth and in the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Together in both.
    pub both: u64,
    /// Together in the report only.
    pub report_only: u64,
    /// Together in truth only.
    pub truth_only: u64,
}

/// For each reported incident, the number of the true one that it is about.
#[must_use]
pub fn matched(truth: &Truth, reported: &[Reported]) -> Vec<Option<usize>> {
    let best = |incident: &Reported| {
        let counts = truth.incidents.iter().enumerate().map(|(number, is)| (common(is, incident), number));
        counts.filter(|(count, _)| *count > 0).max_by_key(|(count, number)| (*count, usize::MAX - number))
    };
    reported.iter().map(|incident| best(incident).map(|(_, number)| number)).collect()
}

/// The reported incident that says most about a true one: with most of its series, the earliest of those.
#[must_use]
pub fn main_one(truth: &Truth, number: usize, reported: &[Reported], matched: &[Option<usize>]) -> Option<usize> {
    let about = (0..reported.len()).filter(|place| matched[*place] == Some(number));
    about.max_by_key(|place| (common(&truth.incidents[number], &reported[*place]), usize::MAX - place))
}

/// How well failing stretches are put together.
#[must_use]
pub fn pairs(truth: &Truth, reported: &[Reported]) -> Pairs {
    let mut items = Vec::new();
    for (place, incident) in reported.iter().enumerate() {
        for episode in &incident.episodes {
            if let Some(is) = truth.incidents.iter().position(|is| belongs(is, episode)) {
                items.push((is, place));
            }
        }
    }
    let mut pairs = Pairs::default();
    for (number, (is, place)) in items.iter().enumerate() {
        for (other_is, other_place) in &items[..number] {
            match (is == other_is, place == other_place) {
                (true, true) => pairs.both += 1,
                (false, true) => pairs.report_only += 1,
                (true, false) => pairs.truth_only += 1,
                (false, false) => {}
            }
        }
    }
    pairs
}

fn common(is: &TrueIncident, reported: &Reported) -> usize {
    reported.episodes.iter().filter(|episode| belongs(is, episode)).count()
}

fn belongs(is: &TrueIncident, episode: &Episode) -> bool {
    // A stretch may be seen a little late or early; partial failures are seen later still.
    let slack = SignedDuration::from_secs_f64((6.0 * is.every).max(180.0));
    let from = is.onset.saturating_add(-slack).unwrap_or(is.onset);
    let until = is.end.map_or(Timestamp::MAX, |end| end.saturating_add(slack).unwrap_or(end));
    let ends = episode.end.unwrap_or(Timestamp::MAX);
    is.series.contains(&episode.series) && episode.start <= until && ends >= from
}
