//! What can be asked for in the address of a request.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use storage::window::Window;

use crate::web::desk::Unanswered;
use crate::web::span::{Span, span};

/// Entries of a page where nothing else is asked for, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// Declares what an operation is asked with: a window where it has one, its own fields, and which page.
macro_rules! params {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $name {
            /// First moment: RFC 3339, or a day in UTC.
            pub(super) from: Option<String>,
            /// First moment outside; now where absent.
            pub(super) until: Option<String>,
            /// Length of a window that ends now, in place of `from` and `until`.
            #[schemars(regex(pattern = "^[0-9]{1,9}[smhdw]$"))]
            pub(super) last: Option<String>,
            $($(#[$doc])* pub(super) $field: Option<String>,)*
            /// Most entries of the answer; 100 where absent.
            #[schemars(range(min = 1, max = 1000))]
            pub(super) limit: Option<usize>,
            /// The `next` of the answer before.
            pub(super) cursor: Option<String>,
        }

        impl $name {
            /// The window that is asked for, if any.
            pub(super) fn span(&self, now: Timestamp) -> Result<Option<Span>, Unanswered> {
                span(self.from.as_deref(), self.until.as_deref(), self.last.as_deref(), now)
            }

            /// Most entries of the page that is asked for, and its cursor.
            pub(super) fn page(&self) -> Result<(usize, Option<&str>), Unanswered> {
                Ok((limit(self.limit)?, self.cursor.as_deref()))
            }
        }
    };
}

params! {
    /// A window, and a page of what is in it.
    Windowed {}
}

params! {
    /// Which results.
    OfResults {
        /// Name of the target.
        target,
        /// Name of the probe.
        probe,
        /// The prober.
        agent,
        /// How they ended: `success`, `failure`, `skipped` or `invalid`.
        outcome,
    }
}

params! {
    /// Which changes.
    OfChanges {
        /// Name of a target that they belong to.
        target,
        /// Their kind.
        kind,
    }
}

params! {
    /// Which incidents.
    OfIncidents {
        /// Id of the only incident that is wanted.
        incident,
    }
}

/// Which targets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OfTargets {
    /// Most series of the answer; 100 where absent.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) limit: Option<usize>,
    /// The `next` of the answer before.
    pub(super) cursor: Option<String>,
}

impl OfTargets {
    /// Most entries of the page that is asked for, and its cursor.
    pub(super) fn page(&self) -> Result<(usize, Option<&str>), Unanswered> {
        Ok((limit(self.limit)?, self.cursor.as_deref()))
    }
}

/// The limit that was asked for.
///
/// # Errors
/// When it is none.
fn limit(asked: Option<usize>) -> Result<usize, Unanswered> {
    let limit = asked.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    Err(Unanswered::Wrong(format!("`limit` is from 1 to {MOST}")))
}

/// Keeps one page of a list; its cursor is a position.
///
/// # Errors
/// When the cursor is none.
pub(super) fn cut<T>(all: &mut Vec<T>, (limit, cursor): (usize, Option<&str>)) -> Result<Option<String>, Unanswered> {
    let wrong = || Unanswered::Wrong("`cursor` is none that was given".into());
    let from = cursor.map_or(Ok(0), |cursor| cursor.parse::<usize>().map_err(|_| wrong()))?;
    let next = from.saturating_add(limit);
    let more = (next < all.len()).then(|| next.to_string());
    all.drain(..from.min(all.len()));
    all.truncate(limit);
    Ok(more)
}

/// A window that ends now.
pub(super) fn back(now: Timestamp, hours: i64) -> Window {
    Window { from: now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN), until: now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_given_page_by_page() {
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let mut all: Vec<usize> = (0..25).collect();
            let next = cut(&mut all, (10, cursor.as_deref())).unwrap();
            seen.extend(all);
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
        assert!(cut(&mut seen, (10, Some("x"))).is_err());
        assert_eq!(cut(&mut seen, (10, Some("99"))).unwrap(), None);
        assert!(seen.is_empty());
    }

    #[test]
    fn a_page_has_a_bound() {
        assert_eq!(limit(None).unwrap(), 100);
        assert!(limit(Some(0)).is_err() && limit(Some(1001)).is_err());
    }
}
