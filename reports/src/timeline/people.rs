//! What people said and planned as items: verdicts on incidents, and corrections of objectives.

use storage::record::Verdict;

use super::{Item, Kind, Placed, Role, SourceKind, source};
use crate::incident::Incident;
use crate::interval::Interval;
use crate::said::Confirmed;
use crate::settings::Correction;
use crate::wording;

/// A verdict as a note. It stands where it was said, be that after the window in which its incident is shown.
pub(super) fn verdict(verdict: &Verdict, incidents: &[Incident]) -> Placed {
    let shown = incidents.iter().any(|incident| incident.id == verdict.incident);
    let changes = verdict.changes.iter().chain(&verdict.trigger).map(|id| source(SourceKind::Change, id));
    let named = [source(SourceKind::Verdict, &verdict.id), source(SourceKind::Incident, &verdict.incident)];
    let item = Item {
        at: Interval::at(verdict.time),
        known_at: verdict.time,
        kind: Kind::Note,
        role: if shown { Role::Context } else { Role::Unrelated },
        title: format!("the cause of incident {} is {}", verdict.incident, verdict.decision),
        detail: Confirmed::from(verdict).says(),
        target: if let [target] = verdict.targets.as_slice() { Some(target.clone()) } else { None },
        evidence: named.into_iter().chain(changes).collect(),
    };
    Placed { always: shown, ..Placed::from(item) }
}

/// A correction as a maintenance.
pub(super) fn correction(correction: &Correction, incidents: &[Incident]) -> Placed {
    let concerned = match correction.targets.is_empty() {
        true => "every target".to_owned(),
        false => wording::list(correction.targets.iter().cloned()),
    };
    let near = incidents.iter().any(|incident| {
        let its = correction.targets.is_empty()
            || correction.targets.iter().any(|target| incident.targets().contains(target.as_str()));
        its && super::near(incident, correction.from, correction.until)
    });
    let by = correction.author.as_ref().map_or(String::new(), |author| format!("; by {author}"));
    Placed::from(Item {
        at: Interval { lo: correction.from, hi: correction.until.max(correction.from) },
        known_at: correction.created_at.unwrap_or(correction.from),
        kind: Kind::Maintenance,
        role: if near { Role::Context } else { Role::Unrelated },
        title: format!("{} until {}", correction.category, wording::moment(correction.until)),
        detail: format!("{}; not counted for {concerned}{by}", correction.reason).trim_start_matches("; ").to_owned(),
        target: if let [target] = correction.targets.as_slice() { Some(target.clone()) } else { None },
        evidence: vec![source(SourceKind::Correction, &correction.id())],
    })
}
