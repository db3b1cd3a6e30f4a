//! The list of changes.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use reports::link;
use reports::wording;
use storage::record::Change;
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts;
use crate::web::pages::query::{Params, link as address};

/// What is listed where nothing else is asked for.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 7);

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let usual = Window { from: asked.now.checked_sub(USUAL).unwrap_or(Timestamp::MIN), until: asked.now };
    let window = params.window(asked.now)?.unwrap_or(usual);
    let mut changes = asked.reader.changes(Some(window))?;
    link::apply(&asked.settings.links, &mut changes);
    changes.retain(|change| {
        (params.target.is_empty() || change.targets.contains(&params.target))
            && (params.kind.is_empty() || change.kind.as_str() == params.kind)
    });
    changes.sort_by_key(|change| Reverse(change.hi()));
    let shown = html! {
        h1 { "Changes" @if !params.target.is_empty() { " of " (parts::text(&params.target)) } }
        (parts::windows("/changes", params, window))
        (table(parts::page_of(&changes, params)))
        (parts::pages("/changes", params, changes.len()))
    };
    Ok(Page::new(Place::Changes, "Changes", shown))
}

/// Changes in a table.
pub(super) fn table(changes: &[Change]) -> Markup {
    html! {
        @if changes.is_empty() { p.quiet { "There are none." } } @else {
            div.wide tabindex="0" role="group" aria-label="Changes" {
                table {
                    thead { tr {
                        th scope="col" { "When" } th scope="col" { "Kind" } th scope="col" { "What" }
                        th scope="col" { "Targets" } th scope="col" { "Seen by" }
                    } }
                    tbody { @for change in changes { (row(change)) } }
                }
            }
        }
    }
}

fn row(change: &Change) -> Markup {
    html! {
        tr {
            td { @match change.lo() { Some(at) => (parts::moment(at)), None => "–" } }
            td { (change.kind) }
            th scope="row" {
                (parts::text(&change.object))
                @if !change.summary.is_empty() { br; span.quiet { (parts::text(&change.summary)) } }
                @if !change.keys.is_empty() { br; span.quiet { "keys " (parts::text(&wording::list(change.keys.iter().cloned()))) } }
            }
            td { @for target in change.targets.iter().take(5) { a href=(address("/target", &[("target", target)])) { (parts::text(target)) } " " } }
            td.quiet { (parts::text(&change.source)) @if let Some(actor) = &change.actor { ", by " (parts::text(actor)) } }
        }
    }
}
