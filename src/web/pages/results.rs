//! Single results, the newest first, with filters.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use storage::record::{Outcome, ProbeResult};
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::found::{Filter, newest};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts;
use crate::web::pages::query::{Params, link};

/// Results of a page.
const RESULTS: usize = 100;
/// What is listed where nothing else is asked for.
const USUAL: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let usual = Window { from: asked.now.checked_sub(USUAL).unwrap_or(Timestamp::MIN), until: asked.now };
    let window = params.window(asked.now)?.unwrap_or(usual);
    let filter = filter(params)?;
    let (results, before) = newest(asked, &filter, window, RESULTS)?;
    let older = before.map(|until| params.at_window("/results", Window { from: window.from, until }));
    let shown = html! {
        h1 { "Results" }
        (form(params))
        (parts::windows("/results", params, window))
        @if results.is_empty() { p.quiet { "There are none." } } @else { (table(&results)) }
        @if let Some(older) = older {
            nav.pages aria-label="Pages of the list" { a rel="next" href=(older) { "Older ›" } }
        }
    };
    Ok(Page::new(Place::Results, "Results", shown))
}

fn filter(params: &Params) -> Result<Filter, Unanswered> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let outcome = given(&params.outcome).map(|word| word.parse::<Outcome>()).transpose();
    let outcome = outcome.map_err(|error| Unanswered::Wrong(format!("`outcome`: {error}")))?;
    Ok(Filter { target: given(&params.target), probe: given(&params.probe), agent: None, outcome })
}

fn form(params: &Params) -> Markup {
    html! {
        form.filter action="/results" aria-label="Filter" {
            label { "Target " input name="target" value=(params.target) maxlength="200"; }
            label { "Probe " input name="probe" value=(params.probe) maxlength="200"; }
            label { "Outcome "
                select name="outcome" {
                    option value="" { "any" }
                    @for outcome in Outcome::ALL {
                        option value=(outcome.as_str()) selected[params.outcome == outcome.as_str()] { (outcome) }
                    }
                }
            }
            @if let Some((from, until)) = params.fixed() {
                label { "From " input name="from" value=(from) size="24" maxlength="40"; }
                label { "Until " input name="until" value=(until) size="24" maxlength="40"; }
            } @else {
                label { "Last " input name="last" value=(params.last()) placeholder="24h" size="6" maxlength="12"; }
            }
            button { "Show" }
        }
    }
}

fn table(results: &[ProbeResult]) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="Results" {
            table {
                thead { tr {
                    th scope="col" { "Time" } th scope="col" { "Target" } th scope="col" { "Probe" } th scope="col" { "Outcome" }
                    th scope="col" { "Reason" } th scope="col" { "Status" } th.number scope="col" { "Took" }
                } }
                tbody { @for result in results { (row(result)) } }
            }
        }
    }
}

/// One result as a row.
fn row(result: &ProbeResult) -> Markup {
    html! {
        tr {
            td { time datetime=(result.time) { (exact(result.time)) } }
            td { a href=(link("/target", &[("target", &result.target)])) { (parts::text(&result.target)) } }
            th scope="row" { (parts::text(&result.probe)) @if result.agent != "local" { " " span.quiet { "from " (parts::text(&result.agent)) } } }
            td { (parts::outcome(result.outcome)) }
            td {
                @if let Some(reason) = result.reason { (reason) }
                @if let Some(detail) = &result.detail { br; span.quiet { (parts::text(detail)) } }
            }
            td { @if let Some(status) = result.status { (status) } }
            td.number { (format!("{:.1} ms", result.took_us as f64 / 1000.0)) }
        }
    }
}

/// A moment to the millisecond, as results are told apart.
fn exact(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    #[test]
    fn a_filter_keeps_the_window() {
        let form = |query: &str| {
            let uri = format!("/results?{query}").parse().unwrap();
            form(&Query::try_from_uri(&uri).unwrap().0).into_string()
        };
        let fixed = form("target=a&from=2026-01-01&until=2026-01-02");
        assert!(fixed.contains(r#"name="from" value="2026-01-01""#), "{fixed}");
        assert!(fixed.contains(r#"name="until" value="2026-01-02""#) && !fixed.contains(r#"name="last""#), "{fixed}");
        let last = form("last=6h");
        assert!(last.contains(r#"name="last" value="6h""#) && !last.contains(r#"name="from""#), "{last}");
    }
}
