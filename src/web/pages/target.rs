//! One target: its probes, its incidents and its newest changes.

use std::cmp::Reverse;

use maud::html;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::changes::table;
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::incidents;
use crate::web::pages::overview;
use crate::web::pages::parts;
use crate::web::pages::query::{Params, link};
use crate::web::present::Present;

/// Changes that are listed.
const CHANGES: usize = 10;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let name = params.target.as_str();
    let present = Present::look(asked, params.window(asked.now)?, Some(name))?;
    let known = asked.targets.iter().find(|target| target.name == name);
    if known.is_none() && present.lines.is_empty() {
        return Err(Unanswered::Unknown("there is no target of this name".into()));
    }
    let mut changes = asked.reader.changes(Some(present.window))?;
    changes.retain(|change| change.targets.iter().any(|target| target == name));
    changes.sort_by_key(|change| Reverse(change.hi()));
    changes.truncate(CHANGES);
    let incidents = asked.judged.into_iter().flat_map(|judged| &judged.incidents.incidents);
    let mut incidents: Vec<_> = incidents.filter(|incident| incident.targets().contains(name)).collect();
    incidents::by_urgency(&mut incidents);
    let probes = overview::table(&present, params, asked)?;
    let here = [("target", name)];
    let shown = html! {
        h1 { (parts::text(name)) }
        @if let Some(target) = known { p.quiet { (parts::text(&target.url)) } }
        (parts::windows("/target", params, present.window))
        section aria-labelledby="probes" {
            h2 #probes { "Probes" }
            (probes)
            (parts::pages("/target", params, present.lines.len()))
            (overview::legend())
        }
        section aria-labelledby="incidents" {
            h2 #incidents { "Incidents of the last day" }
            (incidents::table(&incidents))
        }
        section aria-labelledby="changes" {
            h2 #changes { "Changes in this window" }
            (table(&changes))
            p { a href=(link("/changes", &here)) { "All changes of " (parts::text(name)) } " · " a href=(link("/results", &here)) { "its results" } }
        }
    };
    Ok(Page::new(Place::Elsewhere, &parts::text(name), shown))
}
