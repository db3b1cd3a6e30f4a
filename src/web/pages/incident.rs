//! One incident: what broke, why, what it cost, and everything that happened around it in order.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use reports::cause::Cause;
use reports::cause::Verdict;
use reports::cause::evidence::Evidence;
use reports::incident::Incident;
use reports::input::Input;
use reports::link;
use reports::timeline::{self, Item, Kind, Role, Scene};
use reports::wording;
use storage::sqlite::reader::Series;
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::overview::legend;
use crate::web::pages::query::{Params, link as address};
use crate::web::pages::strip::strip;
use crate::web::pages::{incidents, parts};
use crate::web::present::{Line, Present};

/// How far back an incident is looked for that the newest judgement does not know.
const BACK: SignedDuration = SignedDuration::from_hours(24 * 30);
/// What is shown before the start of an incident and after its end.
const BEFORE: SignedDuration = SignedDuration::from_hours(6);
const AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Most probes that are drawn.
const STRIPS: usize = 12;
/// Most items of the timeline.
const ITEMS: usize = 300;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let id = params.id.as_str();
    let judged = asked.judged.and_then(|judged| judged.incidents.incidents.iter().find(|incident| incident.id == id));
    let incident = match judged {
        Some(incident) => incident.clone(),
        None => {
            let back = asked.now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
            let window = params.window(asked.now)?.unwrap_or(Window { from: back, until: asked.now });
            let mut found = incidents::found(asked, window, Some(id))?;
            found.pop().ok_or_else(|| Unanswered::Unknown("there is no such incident in this window".into()))?
        }
    };
    let items = happened(asked, &incident)?;
    let shown = html! {
        p.crumbs { a href="/incidents" { "Incidents" } " › " (parts::text(&incident.id)) }
        h1 { (parts::broken(&incident)) (if incident.end.is_none() { " fails" } else { " failed" }) }
        (summary(&incident, asked))
        (causes(&incident))
        (charts(&strips(asked, &incident)?))
        (impact(&incident))
        (in_order(&items))
    };
    Ok(Page::new(Place::Incidents, &format!("Incident {}", parts::text(&incident.id)), shown))
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
                (incident.blast.probes_failing) " probes failed on " (wording::list(incident.blast.targets.iter().map(|target| parts::text(target))))
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

/// A drawing and what it shows.
struct Drawn {
    title: String,
    svg: Markup,
}

/// How the failing probes did around an incident, each in a strip.
fn strips(asked: &Asked<'_>, incident: &Incident) -> Result<Vec<Drawn>, Unanswered> {
    let end = incident.end.map_or(asked.now, |end| end.hi);
    let around = (end.duration_since(incident.start.lo) / 2).max(SignedDuration::from_secs(10));
    let from = incident.start.lo.checked_sub(around).unwrap_or(Timestamp::MIN);
    let until = end.checked_add(around).unwrap_or(Timestamp::MAX).min(asked.now);
    let Ok(window) = Window::new(from, until) else { return Ok(Vec::new()) };
    let present = Present::look(asked, Some(window), None)?;
    let failing = |series: &Series| {
        incident.episodes.iter().any(|episode| {
            let same = episode.target == series.target && episode.probe == series.probe;
            same && episode.agent == series.agent
        })
    };
    let lines = present.lines.iter().filter(|line| failing(&line.series)).take(STRIPS);
    let drawn = lines.map(|Line { series, .. }| Drawn {
        title: format!("{}/{}", series.target, series.probe),
        svg: strip(&present.strip(series, asked), window),
    });
    Ok(drawn.collect())
}

/// Drawings that authprobe itself has made.
fn charts(drawn: &[Drawn]) -> Markup {
    html! {
        @if !drawn.is_empty() {
            section aria-labelledby="charts" {
                h2 #charts { "How it went" }
                @for Drawn { title, svg } in drawn { figure { figcaption { (parts::text(title)) } (svg) } }
                (legend())
            }
        }
    }
}

/// What happened around an incident, without what has nothing to do with it.
fn happened(asked: &Asked<'_>, incident: &Incident) -> Result<Vec<Item>, Unanswered> {
    let until = incident.closed_at.unwrap_or(asked.now).checked_add(AFTER).unwrap_or(Timestamp::MAX);
    let mut window = Window { from: incident.start.lo.checked_sub(BEFORE).unwrap_or(Timestamp::MIN), until };
    let mut changes = asked.reader.changes(Some(window))?;
    let missing = |changes: &[storage::record::Change]| {
        let named = incident.causes.first().filter(|_| incident.verdict == Verdict::Change);
        named.is_some_and(|cause| cause.changes.iter().any(|id| changes.iter().all(|change| change.id != *id)))
    };
    if missing(&changes) {
        // What lay dormant may be long ago.
        window.from = incident.start.lo.checked_sub(BACK).unwrap_or(Timestamp::MIN);
        changes = asked.reader.changes(Some(window))?;
    }
    link::apply(&asked.settings.links, &mut changes);
    let gaps = asked.reader.gaps(Some(window))?;
    let input = Input { changes, gaps, ..Input::default() };
    let scene = Scene {
        input: &input,
        settings: asked.settings,
        incidents: std::slice::from_ref(incident),
        one: true,
        beside: &[],
        firings: &[],
        window,
    };
    Ok(timeline::tell(&scene).items)
}

fn in_order(items: &[Item]) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "In order" }
            ol.timeline { @for item in items.iter().take(ITEMS) {
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
            @if items.len() > ITEMS { p.note { "Further items are left out: " (items.len() - ITEMS) "." } }
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
