//! Pieces that several pages are made of.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use reports::incident::{Incident, Severity};
use reports::interval::Interval;
use reports::slo::Status;
use reports::wording;
use storage::record::Outcome;
use storage::window::Window;

use crate::web::kept::{WINDOWS, around};
use crate::web::pages::query::{ENTRIES, Params, link};
use crate::web::present::Standing;
use crate::web::span::Span;

/// How long a page waits for what is judged: two of them are made at once, and each is there in a fifth of a second.
pub(super) const PATIENCE: Duration = Duration::from_millis(120);
/// Characters of a text from outside that are shown.
const SHOWN: usize = 400;

/// A text from outside: short, and without characters that turn or hide others. The page escapes it.
pub(super) fn text(text: &str) -> String {
    let mut shown = wording::harmless(&text.chars().take(SHOWN).collect::<String>());
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A moment to the second.
pub(super) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (wording::moment(at)) } }
}

/// A moment, and how uncertain it is.
pub(super) fn interval(at: Interval) -> Markup {
    html! { time datetime=(at.middle()) { (wording::interval(at)) } }
}

/// How a series does: a shape, a colour and a word.
pub(super) fn standing(standing: Standing) -> Markup {
    let class = match standing {
        Standing::Failing => "bad",
        Standing::Suspect => "warn",
        Standing::Silent => "none",
        Standing::Well => "good",
    };
    badge(class, standing.word())
}

/// How an objective does.
pub(super) fn status(status: Status) -> Markup {
    match status {
        Status::Met => badge("good", "met"),
        Status::Missed => badge("bad", "missed"),
        Status::NoData => badge("none", "no data"),
    }
}

/// How a result ended.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    let class = match outcome {
        Outcome::Success => "good",
        Outcome::Failure => "bad",
        Outcome::Skipped | Outcome::Invalid => "none",
    };
    badge(class, outcome.as_str())
}

/// How bad an incident is.
pub(super) fn severity(severity: Severity) -> Markup {
    let (class, word) = match severity {
        Severity::Security => ("bad", "security"),
        Severity::Critical => ("bad", "critical"),
        Severity::Major => ("bad", "major"),
        Severity::Minor => ("warn", "minor"),
    };
    badge(class, word)
}

/// A shape and a word; the shape of each class is its own, so that colour is not needed.
pub(super) fn badge(class: &str, word: &str) -> Markup {
    html! {
        span class={ "badge " (class) } {
            svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" {
                @match class {
                    "good" => circle cx="5" cy="5" r="4.2" {},
                    "bad" => path d="M5 .4 9.8 9.4H.2z" {},
                    "warn" => path d="M5 .2 9.8 5 5 9.8.2 5z" {},
                    _ => circle.ring cx="5" cy="5" r="3.6" {},
                }
            }
            (word)
        }
    }
}

/// What is left of a budget: a bar and a number.
pub(super) fn budget(remaining: Option<f64>) -> Markup {
    let Some(remaining) = remaining else { return html! { span.quiet { "–" } } };
    let class = match remaining {
        left if left <= 0.0 => "bad",
        left if left < 0.25 => "warn",
        _ => "good",
    };
    // An overspent budget is a full bar of the colour of failures.
    let shown = if remaining <= 0.0 { 1.0 } else { remaining.min(1.0) };
    let width = (shown * 60.0).round();
    html! {
        span.budget {
            svg.bar viewBox="0 0 60 8" width="60" height="8" aria-hidden="true" {
                rect.rest width="60" height="8" rx="2" {}
                rect class=(class) width=(width) height="8" rx="2" {}
            }
            span { @if remaining < 0.0 { "overspent" } @else { (wording::percent(Some(remaining))) } }
        }
    }
}

/// A probability without digits that nobody needs; never certain, never impossible.
pub(super) fn chance(probability: f64) -> String {
    match probability * 100.0 {
        percent if percent < 1.0 => "<\u{a0}1\u{a0}%".to_owned(),
        percent => format!("{:.0}\u{a0}%", percent.min(99.0)),
    }
}

/// What broke, in a few words.
pub(super) fn broken(incident: &Incident) -> String {
    let mut paths: Vec<String> = incident.episodes.iter().map(|episode| episode.path()).collect();
    paths.sort();
    paths.dedup();
    let more = paths.len().saturating_sub(3);
    paths.truncate(3);
    let paths = paths.iter().map(|path| text(path)).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{paths} and {more} more") } else { paths }
}

/// Where an incident is told of.
pub(super) fn incident_link(incident: &Incident) -> String {
    let mut fields = vec![("id", incident.id.clone())];
    match around(incident) {
        Span::Last(_) => (),
        Span::Since(from) => fields.push(("from", from.to_string())),
        Span::Fixed(from, until) => fields.extend([("from", from.to_string()), ("until", until.to_string())]),
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    link("/incident", &fields)
}

/// When what a page shows was judged.
pub(super) fn judged(at: Timestamp, old: bool) -> Markup {
    html! {
        p.quiet {
            "Judged at " (moment(at)) @if old { ", and being judged again: load the page again to see it anew" } "."
        }
    }
}

/// The windows to choose from, and the address that stays.
pub(super) fn windows(path: &str, params: &Params, window: Window) -> Markup {
    html! {
        div.windows {
            p { span { "From " (moment(window.from)) } span { " until " (moment(window.until)) } }
            nav aria-label="Window" {
                ul {
                    @for last in WINDOWS {
                        li { a href=(params.at_last(path, last)) aria-current=[(params.last() == last).then_some("true")] { (last) } }
                    }
                    li { a href=(params.at_window(path, window)) { "Permalink" } }
                }
            }
        }
    }
}

/// The entries of one page of a list.
pub(super) fn page_of<'a, T>(all: &'a [T], params: &Params) -> &'a [T] {
    let (page, _) = place(params, all.len());
    let from = (page - 1) * ENTRIES;
    all.get(from..(from + ENTRIES).min(all.len())).unwrap_or_default()
}

/// The way to the neighbours of a page of a list of so many.
pub(super) fn pages(path: &str, params: &Params, count: usize) -> Markup {
    let (page, last) = place(params, count);
    html! {
        @if last > 1 {
            nav.pages aria-label="Pages of the list" {
                @if page > 1 { a rel="prev" href=(params.at_page(path, page - 1)) { "‹ Previous" } }
                span { "Page " (page) " of " (last) " · " (count) " entries" }
                @if page < last { a rel="next" href=(params.at_page(path, page + 1)) { "Next ›" } }
            }
        }
    }
}

/// Number of the page that is shown of a list of so many, and of the last one.
fn place(params: &Params, count: usize) -> (usize, usize) {
    let last = count.div_ceil(ENTRIES).max(1);
    (params.page().min(last), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_short_and_obeys_nothing() {
        let shown = text(&format!("\u{202e}<script>{}", "x".repeat(100_000)));
        assert!(shown.starts_with("\\u{202e}<script>xx") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() < SHOWN + 20);
        assert!(html! { (shown) }.into_string().contains("&lt;script&gt;"));
    }

    #[test]
    fn nothing_is_certain_and_nothing_impossible() {
        assert_eq!(
            [0.0, 0.004, 0.5, 0.999, 1.0].map(chance),
            ["<\u{a0}1\u{a0}%", "<\u{a0}1\u{a0}%", "50\u{a0}%", "99\u{a0}%", "99\u{a0}%"]
        );
    }

    #[test]
    fn a_list_is_cut_into_pages() {
        let all: Vec<usize> = (0..120).collect();
        assert_eq!(page_of(&all, &Params::default()).len(), ENTRIES);
        let shown = pages("/x", &Params::default(), all.len()).into_string();
        assert!(shown.contains("Page 1 of 3") && shown.contains("/x?page=2"), "{shown}");
    }
}
