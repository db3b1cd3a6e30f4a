//! Looks for words in the names of targets and probes, in incidents and in changes.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::changes;
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::query::{ENTRIES, Params, link};
use crate::web::pages::{incidents, parts};

/// How far back changes are looked at where nothing else is asked for.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Longest text that is looked for, in characters.
const LONGEST: usize = 200;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let words: Vec<String> =
        params.q.chars().take(LONGEST).collect::<String>().split_whitespace().map(str::to_lowercase).collect();
    let found = |texts: &[&str]| {
        let all = texts.join("\n").to_lowercase();
        !words.is_empty() && words.iter().all(|word| all.contains(word.as_str()))
    };
    let usual = Window { from: asked.now.checked_sub(USUAL).unwrap_or(Timestamp::MIN), until: asked.now };
    let window = params.window(asked.now)?.unwrap_or(usual);
    let series = asked.reader.series()?;
    let probes: BTreeSet<(&str, &str)> =
        series.iter().map(|one| (one.target.as_str(), one.probe.as_str())).filter(|(t, p)| found(&[t, p])).collect();
    let judged = asked.judged.into_iter().flat_map(|judged| &judged.incidents.incidents);
    let mut incidents: Vec<_> = judged
        .filter(|incident| {
            let says = incident.causes.iter().map(|cause| cause.says.as_str());
            let paths: Vec<String> = incident.episodes.iter().map(|episode| episode.path()).collect();
            found(
                &[incident.id.as_str()]
                    .into_iter()
                    .chain(says)
                    .chain(paths.iter().map(String::as_str))
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    incidents::by_urgency(&mut incidents);
    let mut changes = asked.reader.changes(Some(window))?;
    changes.retain(|change| {
        let targets = change.targets.iter().map(String::as_str);
        let own = [change.id.as_str(), &change.object, &change.summary, change.kind.as_str(), &change.source];
        found(&own.into_iter().chain(targets).collect::<Vec<_>>())
    });
    changes.sort_by_key(|change| Reverse(change.hi()));
    let shown = html! {
        h1 { "Search" }
        form.filter action="/search" aria-label="Search" {
            label { "Words " input name="q" type="search" value=(params.q.chars().take(LONGEST).collect::<String>()) maxlength=(LONGEST); }
            button { "Search" }
        }
        @if !words.is_empty() {
            section aria-labelledby="probes" {
                h2 #probes { "Probes" }
                @if probes.is_empty() { p.quiet { "There are none." } }
                ul { @for (target, probe) in probes.iter().take(ENTRIES) {
                    li {
                        a href=(link("/target", &[("target", target)])) { (parts::text(target)) } " / "
                        a href=(link("/results", &[("target", target), ("probe", probe)])) { (parts::text(probe)) }
                    }
                } }
                (left_out(probes.len()))
            }
            section aria-labelledby="incidents" {
                h2 #incidents { "Incidents of the last day" }
                (incidents::table(incidents.get(..incidents.len().min(ENTRIES)).unwrap_or_default()))
                (left_out(incidents.len()))
            }
            section aria-labelledby="changes" {
                h2 #changes { "Changes" }
                (changes::table(changes.get(..changes.len().min(ENTRIES)).unwrap_or_default()))
                (left_out(changes.len()))
            }
        }
    };
    Ok(Page::new(Place::Elsewhere, "Search", shown))
}

fn left_out(count: usize) -> Markup {
    html! { @if count > ENTRIES { p.note { (count - ENTRIES) " more are left out: look for more words." } } }
}
