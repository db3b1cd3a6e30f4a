//! From what differs between two looks to changes: their moments, their names, and how many of them.

use std::sync::Arc;

use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Known, Operation};

use crate::credentials::Keeper;

/// Most changes of one look that are told singly, besides those of the prober's own rows.
pub(super) const SINGLY: usize = 100;

/// A longer id may be a secret, and is too long to be read.
const LONGEST_ID: usize = 64;

/// The stretch between two looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The last moment of which everything is known.
    pub(super) since: Timestamp,
    /// When the new look was over.
    pub(super) until: Timestamp,
}

/// Makes changes of one database.
pub(super) struct Teller {
    pub(super) schema: String,
    pub(super) targets: Vec<String>,
    pub(super) keeper: Arc<Keeper>,
}

/// The changes of one look, few enough to be read: those of the prober's own rows, and some of the others.
pub(super) struct Telling<'a> {
    teller: &'a Teller,
    span: Span,
    told: Vec<Change>,
    /// How many are not of the prober's own rows, and whether that is known of them.
    others: usize,
    touches: Known,
}

impl<'a> Telling<'a> {
    /// Nothing yet.
    pub(super) fn new(teller: &'a Teller, span: Span) -> Self {
        Self { teller, span, told: Vec::new(), others: 0, touches: Known::Unknown }
    }

    /// Adds a change, which is made only if it is told.
    pub(super) fn add(&mut self, touches: Known, make: impl FnOnce(&Teller, Span) -> Change) {
        if touches != Known::Yes {
            self.others += 1;
            self.touches = touches;
        }
        if touches == Known::Yes || self.others <= SINGLY {
            self.told.push(make(self.teller, self.span));
        }
    }

    /// The changes, and one that stands for those that were not told. `object` is what they have in common.
    pub(super) fn finish(mut self, object: &str) -> Vec<Change> {
        if self.others > SINGLY {
            let summary = format!("{} more changes of this kind at once, {} in all", self.others - SINGLY, self.others);
            let change =
                self.teller.change(object.to_owned(), Operation::Updated, self.touches, self.span, None, summary);
            self.told.push(change);
        }
        self.told
    }
}

impl Span {
    /// A stretch; the clock may have been set back in between.
    pub(super) fn new(since: Timestamp, until: Timestamp) -> Self {
        Self { since: since.min(until), until }
    }

    /// Whether a moment lies in it.
    pub(super) fn holds(&self, moment: Timestamp) -> bool {
        self.since <= moment && moment <= self.until
    }
}

impl Teller {
    /// A change in a stretch, at a moment where one within it is known.
    pub(super) fn change(
        &self,
        object: String,
        operation: Operation,
        touches: Known,
        span: Span,
        moment: Option<Timestamp>,
        summary: impl Into<String>,
    ) -> Change {
        let moment = moment.filter(|moment| span.holds(*moment));
        // With its moment a change is the same one, however often it is found.
        let id = moment.map_or_else(String::new, |at| self.id(&object, operation.as_str(), at));
        Change {
            id,
            time: moment,
            time_lo: moment.is_none().then_some(span.since),
            time_hi: moment.is_none().then_some(span.until),
            kind: if object.starts_with("ApiKey/") { ChangeKind::ApiKey } else { ChangeKind::Rbac },
            object,
            targets: self.targets.clone(),
            touches_probe: Some(touches),
            operation: Some(operation),
            summary: summary.into(),
            ..Change::default()
        }
    }

    /// The id of what happens to an object at a moment.
    pub(super) fn id(&self, object: &str, what: &str, at: Timestamp) -> String {
        format!("postgres-{}", self.keeper.print(&format!("{object}\n{what}\n{}", at.as_microsecond())))
    }

    /// An id of a row as it may be shown; a keyed fingerprint in place of a secret or of a person.
    pub(super) fn shown(&self, id: &str, secret: bool) -> String {
        if secret || id.contains('@') || id.chars().count() > LONGEST_ID {
            format!("#{}", self.keeper.print(id))
        } else {
            id.to_owned()
        }
    }
}

/// A moment of a row, if it is one that can be told.
pub(super) fn moment(seconds: Option<f64>) -> Option<i64> {
    const BEYOND: f64 = 253_402_300_799.0;
    let seconds = seconds.filter(|seconds| seconds.is_finite() && seconds.abs() < BEYOND)?;
    Some((seconds * 1e6).round() as i64)
}

/// Microseconds of a row as a moment.
pub(super) fn at(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

#[cfg(test)]
pub(super) mod fixtures {
    //! A teller and moments for tests.

    use super::*;

    /// A teller of the schema `public`.
    pub(in crate::changes::postgres) fn teller() -> Teller {
        Teller { schema: "public".into(), targets: Vec::new(), keeper: Arc::new(Keeper::new(b"a key of a test")) }
    }

    /// From one second to another.
    pub(in crate::changes::postgres) fn span(since: i64, until: i64) -> Span {
        let at = |second| Timestamp::from_second(second).unwrap();
        Span::new(at(since), at(until))
    }

    /// What is told, in short: object, kind, operation, whether its moment is known.
    pub(in crate::changes::postgres) fn short(changes: &[Change]) -> Vec<String> {
        let one = |change: &Change| {
            let Change { object, kind, operation, time, .. } = change;
            let operation = operation.map_or("", Operation::as_str);
            format!(
                "{object} {kind} {operation}{}",
                time.map_or_else(String::new, |time| format!(" at {}", time.as_second()))
            )
        };
        changes.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{span, teller};
    use super::*;

    #[test]
    fn a_person_and_a_secret_are_shown_as_fingerprints_that_stay_the_same() {
        let teller = teller();
        assert_eq!(teller.shown("17", false), "17");
        for (id, secret) in [("me@example.com", false), ("k-17", true), (&*"x".repeat(65), false)] {
            let shown = teller.shown(id, secret);
            assert!(shown.starts_with('#') && shown.len() == 13 && shown == teller.shown(id, secret), "{shown}");
        }
    }

    #[test]
    fn a_moment_is_told_only_if_it_lies_between_the_looks() {
        let (teller, span) = (teller(), span(100, 200));
        for (moment, known) in [(100, true), (200, true), (99, false), (201, false)] {
            let moment = Timestamp::from_second(moment).ok();
            let change =
                teller.change("ApiKey/public/1".into(), Operation::Updated, Known::No, span, moment, "revoked");
            assert_eq!((change.time.is_some(), change.time_lo.is_none(), change.id.is_empty()), (known, known, !known));
        }
    }

    #[test]
    fn moments_that_cannot_be_told_are_none() {
        for seconds in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e18] {
            assert_eq!(moment(Some(seconds)), None);
        }
        assert_eq!(moment(Some(1.5)), Some(1_500_000));
    }

    #[test]
    fn of_a_mass_the_prober_s_own_are_told_and_some_of_the_others() {
        let (teller, span) = (teller(), span(100, 200));
        let mut telling = Telling::new(&teller, span);
        for index in 0..1000 {
            let touches = if index % 500 == 499 { Known::Yes } else { Known::No };
            telling.add(touches, |teller, span| {
                teller.change(format!("ApiKey/public/{index}"), Operation::Deleted, touches, span, None, "deleted")
            });
        }
        let told = telling.finish("ApiKey/public");
        let own = told.iter().filter(|change| change.touches_probe == Some(Known::Yes)).count();
        assert_eq!((told.len(), own), (103, 2));
        assert_eq!(
            told.last().map(|change| &*change.summary),
            Some("898 more changes of this kind at once, 998 in all")
        );
    }
}
