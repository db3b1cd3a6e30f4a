//! What stands in the address of a page after the `?`, and addresses that lead to pages.

use jiff::Timestamp;
use serde::Deserialize;
use storage::window::Window;
use url::form_urlencoded::Serializer;

use crate::web::desk::Unanswered;
use crate::web::span::{Span, span};

/// Entries of a page.
pub(super) const ENTRIES: usize = 50;

/// What pages can be asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Params {
    from: String,
    until: String,
    last: String,
    page: String,
    /// Name of a target.
    pub(super) target: String,
    /// Name of a probe.
    pub(super) probe: String,
    /// How results ended.
    pub(super) outcome: String,
    /// Id of an incident.
    pub(super) id: String,
    /// Kind of change.
    pub(super) kind: String,
    /// Words that are looked for.
    pub(super) q: String,
}

impl Params {
    /// The window that was asked for, if any. A field of a form that was left empty asks for nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn window(&self, now: Timestamp) -> Result<Option<Window>, Unanswered> {
        Ok(self.span(now)?.map(|span| span.window(now)))
    }

    /// The same as it was asked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn span(&self, now: Timestamp) -> Result<Option<Span>, Unanswered> {
        let given = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        span(given(&self.from).as_deref(), given(&self.until).as_deref(), given(&self.last).as_deref(), now)
    }

    /// Number of the page of a list, from 1.
    pub(super) fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).clamp(1, 100_000)
    }

    /// The same page of the same things, with another number.
    pub(super) fn at_page(&self, path: &str, page: usize) -> String {
        let number = page.to_string();
        let mut fields = self.fields();
        fields.push(("page", &number));
        link(path, &fields)
    }

    /// The same things in a window that stays the same.
    pub(super) fn at_window(&self, path: &str, window: Window) -> String {
        let mut fields = self.fields();
        fields.retain(|(name, _)| !["from", "until", "last"].contains(name));
        let (from, until) = (window.from.to_string(), window.until.to_string());
        fields.extend([("from", from.as_str()), ("until", until.as_str())]);
        link(path, &fields)
    }

    /// The same things in the last so much time.
    pub(super) fn at_last(&self, path: &str, last: &str) -> String {
        let mut fields = self.fields();
        fields.retain(|(name, _)| !["from", "until", "last"].contains(name));
        fields.push(("last", last));
        link(path, &fields)
    }

    /// What was counted back, as it was written.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// The beginning and the end that were asked for, as they were written; the end may be missing.
    pub(super) fn fixed(&self) -> Option<(&str, &str)> {
        (!self.from.is_empty()).then_some((self.from.as_str(), self.until.as_str()))
    }

    fn fields(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("from", &self.from),
            ("until", &self.until),
            ("last", &self.last),
            ("target", &self.target),
            ("probe", &self.probe),
            ("outcome", &self.outcome),
            ("id", &self.id),
            ("kind", &self.kind),
            ("q", &self.q),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())).collect()
    }
}

/// An address with its fields encoded.
pub(super) fn link(path: &str, fields: &[(&str, &str)]) -> String {
    if fields.is_empty() {
        return path.to_owned();
    }
    let query = Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("{path}?{query}")
}
