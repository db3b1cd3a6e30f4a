//! One incident: what broke, why, what it cost, and everything that happened around it in order.

use maud::{Markup, PreEscaped, html};
use reports::cause::evidence::Evidence;
use reports::cause::{Cause, Verdict};
use reports::chart::Chart;
use reports::full::Story;
use reports::incident::Incident;
use reports::report::Report;
use reports::timeline::{Item, Kind, Role};
use reports::wording;

use crate::web::desk::{Asked, Unanswered};
use crate::web::kept::{Question, Told, around};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts::{self, PATIENCE};
use crate::web::pages::query::{Params, link as address};
use crate::web::span::Span;

/// What is said of an incident that is not there.
const UNKNOWN: &str = "there is no such incident in this window";
/// The window in which an incident is looked for where nothing else is asked for.
const BACK: &str = "30d";

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let id = params.id.as_str();
    let judged = asked.judged.and_then(|judged| judged.incidents.incidents.iter().find(|incident| incident.id == id));
    let listed = judged.cloned().or_else(|| asked.kept.incident(id));
    let span = match (params.span(asked.now)?, &listed) {
        (Some(span), _) => span,
        (None, Some(incident)) => around(incident),
        (None, None) => Span::last(BACK).ok_or(Unanswered::Busy)?,
    };
    let kept = asked.kept.ask(&Question::story(span, id), PATIENCE)?;
    let told = kept.as_ref().map(|kept| kept.found.told()).transpose();
    match (kept.as_ref().zip(told?), listed) {
        (Some((kept, Told { report: Report::Incidents(report), story, charts })), _) => {
            let incident = report.incidents.first().ok_or_else(|| Unanswered::Unknown(UNKNOWN.into()))?;
            let shown = html! {
                (head(incident, asked))
                (drawn(charts))
                (impact(incident))
                @if let Some(story) = story { (in_order(story)) }
                (parts::judged(kept.found.at, kept.old))
            };
            Ok(whole(incident, shown))
        }
        (Some(_), _) => unreachable!("a report is of the kind that was asked for"),
        (None, Some(incident)) => {
            let shown = html! {
                (head(&incident, asked))
                p.note role="status" { "Its charts and what happened around it are being made. The page comes again by itself, within seconds." }
                (impact(&incident))
            };
            Ok(whole(&incident, shown).unfinished())
        }
        (None, None) => Ok(Page::waiting(Place::Incidents, "Incident")),
    }
}

fn whole(incident: &Incident, shown: Markup) -> Page {
    Page::new(Place::Incidents, &format!("Incident {}", parts::text(&incident.id)), shown)
}

/// What is known from the list of incidents alone.
fn head(incident: &Incident, asked: &Asked<'_>) -> Markup {
    html! {
        p.crumbs { a href="/incidents" { "Incidents" } " › " (parts::text(&incident.id)) }
        h1 { (parts::broken(incident)) (if incident.end.is_none() { " fails" } else { " failed" }) }
        (summary(incident, asked))
        (causes(incident))
    }
}

/// What a reader knows after ten seconds.
fn summary(incident: &Incident, asked: &Asked<'_>) -> Markup {
    let named = incident.causes.first().filter(|_| incident.verdict == Verdict::Change);
    let lasted = incident.end.map_or(asked.now, |end| end.middle()).duration_since(incident.start.middle());
    html! {
        div class={ "lead " (if incident.end.is_none() { "alarm" } else { "calm" }) } {
            p.says {
                (parts::severity(incident.severity)) " "
                @match incident.end {
                    None => { (parts::badge("bad", "open")) " since " (parts::interval(incident.start)) },
                    Some(_) => { "failed for " (wording::duration(lasted)) ", over since " (parts::moment(incident.end.unwrap_or(incident.start).middle())) },
                }
            }
            p.cause {
                @match (named, incident.verdict) {
                    (Some(cause), _) => { "Because: " strong { (parts::text(&cause.says)) } " — " (cause.label) ", " (parts::chance(cause.probability)) },
                    (None, Verdict::Ambiguous) => { strong { "Several changes are possible causes; none stands out." } },
                    (None, _) => { strong { "No recorded change explains it." } " " (parts::text(&incident.background)) },
                }
            }
            @if let Some(confirmed) = &incident.confirmed {
                p {
                    "A person " (confirmed.decision.as_str()) " it at " (parts::moment(confirmed.at))
                    @if let Some(because) = &confirmed.because { ": " (parts::text(because)) }
                }
            }
        }
        dl.facts {
            div { dt { "Began" } dd { (parts::interval(incident.start)) } }
            div { dt { "Detected" } dd { (parts::moment(incident.detected_at)) (after(incident.durations_s.detect)) } }
            div { dt { "Mitigated" } dd { @match &incident.mitigation {
                Some(done) => { (parts::moment(done.at)) (after(incident.durations_s.mitigate)) },
                None => span.quiet { "nothing seen that ended it" },
            } } }
            div { dt { "Recovered" } dd { @match incident.end {
                Some(end) => { (parts::interval(end)) (after(incident.durations_s.recover)) },
                None => span.quiet { "not yet" },
            } } }
        }
    }
}

fn after(seconds: Option<f64>) -> Markup {
    html! { @if let Some(seconds) = seconds { " " span.quiet { "after " (wording::seconds(seconds)) } } }
}

fn causes(incident: &Incident) -> Markup {
    html! {
        section aria-labelledby="causes" {
            h2 #causes { "Why" }
            @if incident.causes.is_empty() { p.quiet { "No change was recorded that could have done it." } }
            ol.causes { @for (rank, cause) in incident.causes.iter().enumerate() { li { (ranked(cause, rank == 0)) } } }
            p.quiet {
                "No recorded change at all: " (parts::chance(incident.none_probability))
                @if !incident.background.is_empty() { " (" (parts::text(&incident.background)) ")" } "."
            }
            @if !incident.blind_spots.is_empty() {
                h3 { "What could not be seen" }
                ul { @for spot in &incident.blind_spots { li { (parts::text(spot)) } } }
            }
        }
    }
}

fn ranked(cause: &Cause, first: bool) -> Markup {
    let width = (cause.probability.clamp(0.0, 1.0) * 100.0).round();
    html! {
        details open[first] {
            summary {
                svg.bar viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" {
                    rect.rest width="100" height="10" rx="2" {}
                    rect.share width=(width) height="10" rx="2" {}
                }
                " " strong { (parts::chance(cause.probability)) } " "
                span { (parts::text(&cause.says)) } " " span.quiet { (cause.label) }
            }
            div.evidence {
                (evidence("Speaks for it", "for", &cause.supports))
                (evidence("Speaks against it", "against", &cause.against))
            }
            p.quiet { (parts::text(&cause.object)) " · " @for id in cause.changes.iter().chain(&cause.trigger) { code { (parts::text(id)) } " " } }
        }
    }
}

fn evidence(title: &str, class: &str, all: &[Evidence]) -> Markup {
    html! {
        div class=(class) {
            h3 { (title) }
            @if all.is_empty() { p.quiet { "nothing" } }
            ul { @for one in all {
                li {
                    (parts::text(&one.says)) " "
                    span.weight title="How many times likelier this is if the change is the cause" { (times(one.ln_lr)) }
                }
            } }
        }
    }
}

/// A likelihood ratio as people say it.
fn times(ln_lr: f64) -> String {
    let ratio = ln_lr.abs().exp();
    match ratio {
        ratio if ratio >= 1000.0 => "× > 1000".to_owned(),
        ratio if ratio >= 10.0 => format!("× {ratio:.0}"),
        ratio => format!("× {ratio:.1}"),
    }
}

fn impact(incident: &Incident) -> Markup {
    html! {
        section aria-labelledby="impact" {
            h2 #impact { "What it cost" }
            p {
                (incident.blast.probes_failing) @if incident.blast.probes_failing == 1 { " probe" } @else { " probes" } " failed on " (wording::list(incident.blast.targets.iter().map(|target| parts::text(target))))
                ", " (incident.blast.probes_healthy) " stayed well"
                @if !incident.healthy.is_empty() { ": " (parts::text(&wording::list(incident.healthy.iter().cloned()))) } "."
            }
            @if !incident.budget.is_empty() {
                ul { @for cost in &incident.budget {
                    li {
                        a href="/slos" { (parts::text(&cost.slo)) } ": " (cost.events) " bad events"
                        @if let Some(share) = cost.share { ", " strong { (wording::percent(Some(share))) } " of its error budget" }
                    }
                } }
            }
            div.wide tabindex="0" role="group" aria-label="Failing probes" {
                table {
                    thead { tr {
                        th scope="col" { "Probe" } th scope="col" { "Reason" } th.number scope="col" { "Failed" }
                        th scope="col" { "From" } th scope="col" { "Until" }
                    } }
                    tbody { @for episode in &incident.episodes {
                        tr {
                            th scope="row" { a href=(address("/results", &[("target", &episode.target), ("probe", &episode.probe)])) { (parts::text(&episode.path())) } }
                            td {
                                (wording::reason_word(episode.reason))
                                @if let Some(detail) = &episode.detail { br; span.quiet { (parts::text(detail)) } }
                            }
                            td.number { (episode.failed) " of " (episode.executed) }
                            td { (parts::moment(episode.start.middle())) }
                            td { @match episode.end { Some(end) => (parts::moment(end.middle())), None => (parts::badge("bad", "open")) } }
                        }
                    } }
                }
            }
        }
    }
}

/// The charts of the report. Their titles are drawn; what is seen on each is told to those who do not see it.
fn drawn(charts: &[Chart]) -> Markup {
    html! {
        @if !charts.is_empty() {
            section aria-labelledby="charts" {
                h2 #charts { "How it went" }
                @for chart in charts {
                    figure {
                        figcaption.unseen { (parts::text(&chart.title)) ": " (parts::text(&chart.alt)) }
                        // authprobe itself has drawn it: what comes from outside is escaped in it.
                        div.drawing tabindex="0" role="group" aria-label=(parts::text(&chart.title)) { (PreEscaped(&chart.svg)) }
                    }
                }
            }
        }
    }
}

fn in_order(Story { items, left_out, .. }: &Story) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "In order" }
            ol.timeline { @for item in items {
                @let (class, role) = role(item);
                li class=(class) {
                    time datetime=(item.at.lo) { (wording::interval(item.at)) }
                    span.role { (role) }
                    div {
                        p { (parts::text(&item.title)) }
                        @if !item.detail.is_empty() { p.quiet { (parts::text(&item.detail)) } }
                    }
                }
            } }
            @if *left_out > 0 { p.note { "Further items are left out: " (left_out) "." } }
        }
    }
}

/// The part that an item plays, as a class and as a word.
fn role(item: &Item) -> (&'static str, &'static str) {
    match (item.role, item.kind) {
        (Role::Trigger, _) => ("trigger", "trigger"),
        (Role::Contributing, _) => ("contributing", "contributing"),
        (Role::Symptom, Kind::Recovery) => ("mitigation", "recovery"),
        (Role::Symptom, Kind::Alert) => ("contributing", "detected"),
        (Role::Symptom, _) => ("symptom", "symptom"),
        (Role::Mitigation, _) => ("mitigation", "mitigation"),
        (Role::Context, _) => ("context", "context"),
        (Role::Unrelated, _) => ("context", "unrelated"),
    }
}
