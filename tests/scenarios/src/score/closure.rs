//! Whether all that a report names exists: changes, results, series, feeds, incidents.

use std::collections::BTreeSet;

use serde_json::Value;
use storage::record::{ProbeResult, Record};

/// Names that stand in reports, and how many of them exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// How many names there are.
    pub named: u64,
    /// How many of them exist.
    pub found: u64,
    /// Those that do not, as they are named.
    pub lost: Vec<String>,
}

/// What can be named.
#[derive(Debug, Default)]
struct Known {
    changes: BTreeSet<String>,
    results: BTreeSet<String>,
    series: BTreeSet<String>,
    feeds: BTreeSet<String>,
    verdicts: BTreeSet<String>,
    incidents: BTreeSet<String>,
}

/// What the ids of played changes begin with: by that they are found in sentences.
const CHANGE: &str = "c-";

impl Closure {
    /// Looks up all that `report incidents` and `report timeline` name among the records that they were made from.
    /// Objectives and corrections are no records, and not looked up.
    #[must_use]
    pub fn of(records: &[Record], report: &Value, timeline: &Value) -> Closure {
        let known = Known::of(records, report);
        let mut closure = Closure::default();
        for incident in list(&report["incidents"]) {
            for cause in list(&incident["causes"]) {
                let of_cause = list(&cause["changes"]).chain(Some(&cause["trigger"]));
                of_cause.filter_map(Value::as_str).for_each(|id| closure.look_up(&known.changes, id));
                let pieces = list(&cause["for"]).chain(list(&cause["against"]));
                let sentences = pieces.map(|piece| &piece["says"]).chain(Some(&cause["says"]));
                for sentence in sentences.filter_map(Value::as_str) {
                    ids(sentence).for_each(|id| closure.look_up(&known.changes, id));
                }
            }
            let mitigation = incident["mitigation"]["change"].as_str();
            mitigation.into_iter().for_each(|id| closure.look_up(&known.changes, id));
            let concurrent = list(&incident["concurrent"]).filter_map(Value::as_str);
            concurrent.for_each(|id| closure.look_up(&known.incidents, id));
        }
        for source in list(&timeline["items"]).flat_map(|item| list(&item["evidence"])) {
            let name = source["ref"].as_str().unwrap_or_default();
            match source["type"].as_str() {
                Some("change") => closure.look_up(&known.changes, name),
                Some("result") => closure.look_up(&known.results, name),
                Some("series") => closure.look_up(&known.series, name),
                Some("feed") => closure.look_up(&known.feeds, name),
                Some("verdict") => closure.look_up(&known.verdicts, name),
                Some("incident") => closure.look_up(&known.incidents, name),
                _ => {}
            }
        }
        closure
    }

    /// Takes another one in.
    pub fn add(&mut self, other: &Closure) {
        self.named += other.named;
        self.found += other.found;
        self.lost.extend(other.lost.iter().cloned());
    }

    fn look_up(&mut self, known: &BTreeSet<String>, name: &str) {
        self.named += 1;
        if known.contains(name) {
            self.found += 1;
        } else {
            self.lost.push(name.to_owned());
        }
    }
}

impl Known {
    fn of(records: &[Record], report: &Value) -> Known {
        let mut known = Known::default();
        let path = |result: &ProbeResult| format!("{}/{}@{}", result.target, result.probe, result.agent);
        for record in records {
            match record {
                Record::Result(result) => {
                    let series = path(result);
                    let time = storage::record::to_milliseconds(result.time);
                    known.results.insert(format!("{series} {time}"));
                    known.series.insert(series);
                }
                Record::Change(change) => {
                    known.changes.insert(change.id.clone());
                }
                Record::Gap(gap) => {
                    known.feeds.insert(gap.feed.clone());
                }
                Record::Verdict(verdict) => {
                    known.verdicts.insert(verdict.id.clone());
                }
            }
        }
        let incidents = list(&report["incidents"]).filter_map(|incident| incident["id"].as_str());
        known.incidents = incidents.map(str::to_owned).collect();
        known
    }
}

/// The ids of changes in a sentence.
fn ids(sentence: &str) -> impl Iterator<Item = &str> {
    let words = sentence.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.strip_prefix(CHANGE).is_some_and(|rest| rest.chars().any(|c| c.is_ascii_digit())))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_exist_is_found_wherever_it_is_named() {
        let change: Record = serde_json::from_value(json!({
            "type": "change", "id": "c-1", "time": "2026-11-01T12:00:00Z", "kind": "rollout",
            "object": "Deployment/c-none/x", "source": "test"
        }))
        .unwrap();
        let says = |id: &str| json!({ "says": format!("failures ended after it was undone by {id}") });
        let cause = |id: &str| {
            json!({
                "changes": [id], "trigger": id, "says": format!("rollout ({id})"), "for": [says(id)], "against": [says(id)]
            })
        };
        let item = |of: &str, name: &str| json!({ "evidence": [{ "type": of, "ref": name }] });
        let report = |id: &str| {
            json!({ "incidents": [{
            "id": "i-1", "causes": [cause(id)], "mitigation": { "change": id }, "concurrent": []
        }] })
        };
        let timeline = |id: &str| json!({ "items": [item("change", id), item("incident", "i-1"), item("slo", "any")] });
        let records = [change];
        let whole = Closure::of(&records, &report("c-1"), &timeline("c-1"));
        assert_eq!((whole.named, whole.found), (8, 8), "{whole:?}");
        let broken = Closure::of(&records, &report("c-2"), &timeline("c-2"));
        assert_eq!((broken.named, broken.found, broken.lost.len()), (8, 1, 7), "{broken:?}");
    }
}
