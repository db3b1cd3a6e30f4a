//! Maintenance that goes on: what concerns its targets is held back until it is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reports::settings::Correction;
use storage::record::{Change, ChangeKind};

use crate::alerts::alert::{Alert, Kind};

/// Which targets are under maintenance.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Quiet {
    all: bool,
    targets: BTreeSet<String>,
}

impl Quiet {
    /// The maintenance at a moment, planned in the configuration or told as a change.
    pub(crate) fn at(now: Timestamp, corrections: &[Correction], changes: &[Change]) -> Self {
        let planned = corrections
            .iter()
            .filter(|correction| correction.category.to_lowercase().contains("maintenance"))
            .filter(|correction| correction.from <= now && now < correction.until)
            .map(|correction| &correction.targets);
        let told = changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Maintenance)
            .filter(|change| change.lo().is_some_and(|lo| lo <= now) && change.until.is_none_or(|until| now < until))
            .map(|change| &change.targets);
        let mut quiet = Self::default();
        for targets in planned.chain(told) {
            // Without targets it concerns all.
            quiet.all |= targets.is_empty();
            quiet.targets.extend(targets.iter().cloned());
        }
        quiet
    }

    /// Whether an alert waits for the end of a maintenance: all that it concerns is under one.
    pub(crate) fn holds(&self, alert: &Alert) -> bool {
        match alert.kind {
            // Whether authprobe works is no matter of those that it probes. And nobody plans to let everybody in: a door
            // that stands open during a maintenance is found by others too.
            Kind::Feed | Kind::Prober | Kind::FailOpen => false,
            Kind::Burn | Kind::Incident => {
                self.all || (!alert.targets.is_empty() && alert.targets.is_subset(&self.targets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::alert::Severity;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn change(from: i64, until: Option<i64>, targets: &[&str]) -> Change {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        Change {
            time: Some(at(from)),
            until: until.map(at),
            kind: ChangeKind::Maintenance,
            targets,
            ..Change::default()
        }
    }

    fn alert(kind: Kind, targets: &[&str]) -> Alert {
        let mut alert = Alert::new("x".into(), "X", kind, Severity::Major, at(0));
        alert.targets = targets.iter().map(|target| (*target).to_owned()).collect();
        alert
    }

    #[test]
    fn a_maintenance_holds_the_alerts_of_its_targets_while_it_lasts() {
        let changes = [change(10, Some(20), &["a"]), change(30, None, &["b"])];
        let holds = |second, kind, targets: &[&str]| Quiet::at(at(second), &[], &changes).holds(&alert(kind, targets));
        assert!(holds(10, Kind::Incident, &["a"]) && holds(19, Kind::Incident, &["a"]));
        assert!(!holds(19, Kind::FailOpen, &["a"]), "nobody plans to let everybody in");
        assert!(!holds(9, Kind::Incident, &["a"]) && !holds(20, Kind::Incident, &["a"]));
        assert!(!holds(10, Kind::Incident, &["a", "b"]), "b is under none");
        assert!(holds(1000, Kind::Burn, &["b"]), "no end was told");
        assert!(!holds(10, Kind::Prober, &["a"]) && !holds(10, Kind::Burn, &[]));
    }

    #[test]
    fn a_correction_of_another_category_holds_nothing_and_one_without_targets_all() {
        let correction = |category: &str| Correction {
            from: at(10),
            until: at(20),
            category: category.into(),
            reason: String::new(),
            author: None,
            created_at: None,
            targets: Vec::new(),
        };
        let held = |category| Quiet::at(at(15), &[correction(category)], &[]).holds(&alert(Kind::Burn, &["a"]));
        assert!(held("planned maintenance") && !held("holiday"));
    }
}
