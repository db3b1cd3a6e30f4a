//! Gaps as items: which feed was blind, and what that hides.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use storage::record::Gap;
use storage::window::Window;

use super::{Item, Kind, Placed, Role, SourceKind, source};
use crate::incident::Incident;
use crate::input::{Input, after, shift};
use crate::interval::Interval;
use crate::settings::Settings;
use crate::wording;

/// How long before an onset a blind feed may have missed the change behind it.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// The feed of results.
const PROBER: &str = "prober";
/// Incidents that are named as evidence.
const MOST_NAMED: usize = 10;

/// A gap as an item.
pub(super) fn item(gap: &Gap, input: &Input, settings: &Settings, incidents: &[Incident]) -> Placed {
    let until = gap.until.max(gap.from);
    let near = incidents.iter().any(|incident| super::near(incident, gap.from, until));
    let hides = if gap.feed == PROBER { results(gap, input, settings) } else { changes(gap, input) };
    let doubtful: Vec<&str> = incidents
        .iter()
        .filter(|incident| may_hide_its_cause(gap, incident))
        .map(|incident| incident.id.as_str())
        .take(MOST_NAMED)
        .collect();
    let doubt = match doubtful.is_empty() {
        true => String::new(),
        false => format!("what is behind {} may be among it", wording::list(doubtful.iter().copied())),
    };
    let detail: Vec<String> = [gap.why.clone(), hides, doubt].into_iter().filter(|part| !part.is_empty()).collect();
    let feed = source(SourceKind::Feed, &gap.feed);
    Placed::from(Item {
        at: Interval { lo: gap.from, hi: until },
        known_at: until,
        kind: Kind::Gap,
        role: if near { Role::Context } else { Role::Unrelated },
        title: format!("{} was blind for {}", gap.feed, wording::duration(until.duration_since(gap.from))),
        detail: detail.join("; "),
        target: None,
        evidence: [feed].into_iter().chain(doubtful.iter().map(|id| source(SourceKind::Incident, id))).collect(),
    })
}

/// The executions that were due and of which nothing is known.
fn results(gap: &Gap, input: &Input, settings: &Settings) -> String {
    let (mut probes, mut missing) = (0_u64, 0_i64);
    let Ok(window) = Window::new(gap.from, gap.until) else { return String::new() };
    for series in &input.series {
        let Some(every) = series.every_ms.or_else(|| settings.every_ms(&series.target)).filter(|every| *every > 0)
        else {
            continue;
        };
        // One that gave nothing for three intervals before the gap is not taken for probed any more.
        let probed = shift(gap.from, -SignedDuration::from_millis(every.saturating_mul(3)));
        let lives = series.pieces.last().is_some_and(|piece| piece.last() >= probed) && series.first < gap.until;
        let due = window.length().as_millis() / i128::from(every);
        let seen = i64::try_from(series.executed(window).all).unwrap_or(i64::MAX);
        let unseen = i64::try_from(due).unwrap_or(i64::MAX).saturating_sub(seen);
        if lives && unseen > 0 {
            probes += 1;
            missing = missing.saturating_add(unseen);
        }
    }
    match probes {
        0 => "no execution is missing".to_owned(),
        1 => format!("hides about {missing} executions of one probe"),
        probes => format!("hides about {missing} executions of {probes} probes"),
    }
}

/// The kinds of changes that this feed tells of at other times.
fn changes(gap: &Gap, input: &Input) -> String {
    let told = input.changes.iter().filter(|change| change.source == gap.feed);
    let kinds: BTreeSet<&str> = told.map(|change| change.kind.as_str()).collect();
    match kinds.is_empty() {
        true => "hides the changes that it would have told of".to_owned(),
        false => format!("hides changes of the kinds that it tells of, such as {}", wording::list(kinds)),
    }
}

fn may_hide_its_cause(gap: &Gap, incident: &Incident) -> bool {
    let looked_at = Window { from: shift(incident.start.lo, -BEFORE), until: after(incident.start.hi, 1) };
    gap.feed != PROBER && gap.from < looked_at.until && gap.until > looked_at.from
}
