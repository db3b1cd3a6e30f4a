//! Reports for a browser and for paper: one file that loads nothing and runs nothing.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{MOST_NAMES, telling};
use crate::chart::drawing::Drawing;
use crate::chart::ink;
use crate::full::FullReport;
use crate::interval::Interval;
use crate::report::{Head, Report};
use crate::wording;

mod causes;
mod draw;
mod incidents;
mod objectives;
mod timeline;

/// Writes a report as one HTML file.
#[must_use]
pub fn render(full: &FullReport) -> String {
    let page = match &full.report {
        Report::Slo(report) => objectives::page(report, full),
        Report::Incidents(report) => incidents::page(report, full),
        Report::Timeline(report) => timeline::page(report, full),
    };
    page.whole().into_string() + "\n"
}

/// What a page consists of.
struct Page<'a> {
    head: &'a Head,
    /// What the tab of the browser says.
    name: String,
    /// What a reader has to know first; holds the heading of the first level.
    verdict: Markup,
    /// Everything else; its headings begin with the second level.
    body: Markup,
}

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded and nothing is run, whatever got into the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

impl Page<'_> {
    fn whole(&self) -> Markup {
        let window = self.head.window;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="referrer" content="no-referrer";
                    meta name="generator" content="authprobe";
                    title { (text(&self.name)) }
                    style { (PreEscaped(STYLE)) (PreEscaped(ink::style_sheet())) }
                }
                body {
                    a.skip href="#report" { "Skip to the report" }
                    header.top {
                        span.brand { "authprobe" }
                        span { (self.head.kind) " report" }
                        span { (moment(window.from)) " to " (moment(window.until)) " UTC" }
                    }
                    main #report tabindex="-1" {
                        @if !self.head.warnings.is_empty() {
                            section.doubts aria-label="Warnings" {
                                ul { @for warning in &self.head.warnings { li { (text(warning)) } } }
                            }
                        }
                        (self.verdict)
                        (self.body)
                    }
                    footer {
                        p {
                            "All times are UTC. “12:00–12:05” means: at some moment between the two. The same records and "
                            "settings give the same page; this one was made from " code { (self.head.generated_from) } "."
                        }
                    }
                }
            }
        }
    }
}

/// A text from outside, made harmless; the template escapes it.
fn text(text: &str) -> String {
    telling::short(text)
}

/// A name from outside, set as code, whatever direction its letters run in. A line may break behind a slash.
fn code(name: &str) -> Markup {
    html! { code { @for (number, part) in text(name).split_inclusive('/').enumerate() { @if number > 0 { wbr; } (part) } } }
}

/// Names from outside in a row, the first of them where there are many.
fn codes<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Markup {
    let more = names.clone().count().saturating_sub(MOST_NAMES);
    html! {
        @for (number, name) in names.take(MOST_NAMES).enumerate() {
            @if number > 0 { ", " }
            (code(name))
        }
        @if more > 0 { " and " (more) " more" }
    }
}

/// A sentence of ours that may hold names from outside, and commands between backticks.
fn sentence(sentence: &str) -> Markup {
    html! {
        @for (number, part) in sentence.split('`').enumerate() {
            @if number % 2 == 1 { (code(part)) } @else { (text(part)) }
        }
    }
}

fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (wording::moment(at)) } }
}

fn interval(interval: Interval) -> Markup {
    html! { time datetime=(interval.lo) { (wording::interval(interval)) } }
}

/// A heading of a level from the second to the fourth.
fn heading(level: u8, title: &str) -> Markup {
    html! {
        @match level {
            0..=2 => h2 { (text(title)) },
            3 => h3 { (text(title)) },
            _ => h4 { (text(title)) },
        }
    }
}

/// The charts of a report. Their titles are drawn; what is seen on each is told to those who do not see it.
fn charts(title: &str, charts: &[Drawing]) -> Markup {
    html! {
        @if !charts.is_empty() {
            section.charts aria-label=(title) {
                // A single chart is its own heading.
                h2.hidden[charts.len() == 1] { (title) }
                @for chart in charts.iter().map(Drawing::chart) {
                    figure id={ "chart-" (chart.name) } {
                        figcaption.hidden { (text(&chart.title)) ": " (text(&chart.alt)) }
                        // The drawing is ours: names from outside were escaped when it was drawn.
                        div.drawing tabindex="0" role="group" aria-label=(text(&chart.title)) { (PreEscaped(&chart.svg)) }
                    }
                }
            }
        }
    }
}
