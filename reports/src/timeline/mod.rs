//! What happened in what order, with what was known when.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use crate::alerts::history::Firing;
use crate::incident::Incident;
use crate::input::{Input, shift};
use crate::interval::Interval;
use crate::settings::{Settings, Slo};

use order::Place;

pub(crate) mod bound;

mod blind;
mod burns;
mod changes;
mod course;
mod order;
mod people;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// When it happened.
    pub at: Interval,
    /// When authprobe learned of it.
    pub known_at: Timestamp,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What part it plays.
    pub role: Role,
    /// A few words.
    pub title: String,
    /// A sentence, or nothing.
    pub detail: String,
    /// The target that it is about.
    pub target: Option<String>,
    /// Where it comes from.
    pub evidence: Vec<Source>,
}

/// Where an item comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// What it is.
    #[serde(rename = "type")]
    pub of: SourceKind,
    /// Its name.
    #[serde(rename = "ref")]
    pub name: String,
}

/// What an item can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The results of one probe: `target/probe@agent`.
    Series,
    /// One result: its series and when it was started, `target/probe@agent 2026-11-01T12:00:00.25Z`.
    Result,
    /// A recorded change: its id.
    Change,
    /// A feed: its name.
    Feed,
    /// An objective: its name.
    Slo,
    /// An incident: its id.
    Incident,
    /// What a person said of an incident: the id of the record.
    Verdict,
    /// A stretch that counts in no objective: its id, as the report of objectives shows it.
    Correction,
}

/// Kinds of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something was altered.
    Change,
    /// Something reached its end.
    Expiry,
    /// Planned work.
    Maintenance,
    /// A feed was blind.
    Gap,
    /// A probe began to fail.
    ProbeTransition,
    /// An alert or a detection.
    Alert,
    /// A probe or an incident recovered.
    Recovery,
    /// A remark.
    Note,
}

/// Parts that an item can play, the one that matters most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Set an incident off.
    Trigger,
    /// Helped to bring it about.
    Contributing,
    /// Shows it.
    Symptom,
    /// Ended it.
    Mitigation,
    /// Good to know.
    Context,
    /// Belongs to no incident.
    Unrelated,
}

/// What a timeline came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What is shown, the earliest first; where intervals overlap, causes before their effects.
    pub items: Vec<Item>,
    /// What is not shown.
    pub left_out: Vec<LeftOut>,
}

/// Items that are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The part that they play.
    pub role: Role,
    /// How many there are.
    pub count: usize,
}

/// What a timeline is made from.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What was recorded.
    pub input: &'a Input,
    /// How it is judged.
    pub settings: &'a Settings,
    /// The incidents that are shown.
    pub incidents: &'a [Incident],
    /// Whether one incident was asked for: what has nothing to do with it is left out.
    pub one: bool,
    /// Incidents that last at the same time as that one.
    pub beside: &'a [Incident],
    /// Burn-rate alerts by objective.
    pub firings: &'a [(&'a Slo, Firing)],
    /// The stretch that is shown.
    pub window: Window,
}

/// An item and where it stands.
struct Placed {
    item: Item,
    /// The moment by which it is sorted.
    from: Timestamp,
    /// Where it stands among those of that moment.
    place: Place,
    /// The last moment at which it may have lasted: what lasts into a window is shown with it.
    until: Timestamp,
    /// Whether it is shown wherever it lies.
    always: bool,
}

/// The part that a change plays, and in which incidents.
struct Part {
    role: Role,
    incidents: Vec<String>,
}

/// How long before an incident its timeline begins, where nothing that led to it is older.
pub const BEFORE: SignedDuration = SignedDuration::from_hours(6);
/// How long after an incident its timeline ends.
pub const BEHIND: SignedDuration = SignedDuration::from_mins(10);

/// Everything that happened in a window, and what lasted into it. Of one incident, what has to do with it.
#[must_use]
pub fn tell(scene: &Scene<'_>) -> Told {
    let Scene { input, settings, incidents, one, beside, firings, window } = *scene;
    let parts = changes::parts(incidents);
    let made: BTreeMap<&str, Timestamp> =
        input.changes.iter().filter_map(|change| Some((change.id.as_str(), change.lo()?))).collect();
    let most = if one { 0 } else { bound::MOST };
    let (mut items, unrelated) = changes::items(&input.changes, &parts, incidents, window, most);
    items.extend(incidents.iter().flat_map(|incident| course::items(incident, input, &made)));
    items.extend(input.gaps.iter().map(|gap| blind::item(gap, input, settings, incidents)));
    items.extend(settings.corrections.iter().map(|correction| people::correction(correction, incidents)));
    items.extend(input.verdicts.iter().map(|verdict| people::verdict(verdict, incidents)));
    items.extend(firings.iter().flat_map(|(slo, firing)| burns::items(slo, firing, incidents)));
    if let [incident] = incidents {
        items.extend(beside.iter().map(|other| course::beside(other, incident)));
    }
    items.retain(|placed| placed.always || (placed.item.at.lo < window.until && placed.until >= window.from));
    bound::bounded(items, one, unrelated)
}

impl From<Item> for Placed {
    fn from(item: Item) -> Placed {
        Placed { from: item.at.lo, place: Place::Beside, until: item.at.hi, always: false, item }
    }
}

/// Whether a stretch touches an incident, the hours before it, or the minutes behind it.
fn near(incident: &Incident, from: Timestamp, until: Timestamp) -> bool {
    let over = incident.closed_at.or(incident.end.map(|end| end.hi)).map_or(Timestamp::MAX, |over| shift(over, BEHIND));
    from <= over && until >= shift(incident.start.lo, -BEFORE)
}

fn source(of: SourceKind, name: &str) -> Source {
    Source { of, name: name.to_owned() }
}
