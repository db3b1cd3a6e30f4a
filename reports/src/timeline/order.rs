//! The order of what happened: by time, and where intervals overlap, causes before their effects.

use jiff::Timestamp;

use super::Placed;
use crate::interval::Interval;

/// Where an item stands among those of one moment: what leads to an incident, its course, and what is beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Helped to bring something about, be it by lying dormant.
    Ground,
    /// Set something off.
    Trigger,
    /// A probe begins to fail.
    Onset,
    /// It was noticed.
    Alarm,
    /// Something was done about it.
    Mitigation,
    /// A probe is well again.
    End,
    /// It was noticed that all are well again.
    Over,
    /// Nothing that leads to anything else.
    Beside,
}

/// The moment from which on an effect can have begun: not before what brought it about, as far as that lies inside of the
/// effect's interval. What lies behind it brought nothing about.
pub(super) fn not_before(effect: Interval, causes: &[Timestamp]) -> Timestamp {
    causes.iter().copied().filter(|cause| *cause <= effect.hi).fold(effect.lo, Timestamp::max)
}

/// Sorts items. The order does not depend on the one that they come in.
pub(super) fn sort(items: &mut [Placed]) {
    items.sort_by(|a, b| {
        let key = |placed: &Placed| (placed.from, placed.place, placed.item.kind, placed.item.at);
        key(a).cmp(&key(b)).then_with(|| {
            let words = |placed: &'_ Placed| (placed.item.title.clone(), placed.item.detail.clone());
            words(a).cmp(&words(b))
        })
    });
}
