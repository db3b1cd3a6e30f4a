//! The explanations of an incident as bars: how likely each is, and what speaks for and against the first.

use maud::{Markup, html};

use super::{codes, draw, heading, text};
use crate::cause::evidence::Evidence;
use crate::cause::{Cause, Verdict};
use crate::formats::{telling, words};
use crate::incident::Incident;

/// The section of an incident.
pub(super) fn section(incident: &Incident, level: u8) -> Markup {
    let told = incident.causes.iter().filter(|cause| cause.probability >= telling::WORTH_TELLING);
    let first = incident.causes.first().filter(|_| incident.verdict != Verdict::None);
    html! {
        section {
            (heading(level, "Why: explanations by how likely they are"))
            div.wide { table.causes {
                thead { tr {
                    th scope="col" { "Chance" } th scope="col" { span.hidden { "Bar" } }
                    th scope="col" { "Explanation" } th scope="col" { "Changes" }
                } }
                tbody {
                    @for cause in told { (row(cause)) }
                    tr {
                        td.number { (telling::chance(incident.none_probability)) }
                        td { (draw::share(incident.none_probability, "none")) }
                        th scope="row" { "None of the recorded changes: " (text(&incident.background)) }
                        td { "–" }
                    }
                }
            } }
            @if let Some(confirmed) = &incident.confirmed {
                p.people { strong { "People say: " } (text(&confirmed.says())) "." }
            }
            @if let Some(cause) = first { (evidence(cause, level + 1)) }
            @if !incident.blind_spots.is_empty() {
                (heading(level + 1, "What could not be seen"))
                ul { @for spot in &incident.blind_spots { li { (text(spot)) } } }
            }
        }
    }
}

fn row(cause: &Cause) -> Markup {
    html! {
        tr {
            td.number { (telling::chance(cause.probability)) }
            td { (draw::share(cause.probability, "cause")) }
            th scope="row" { (text(&cause.says)) }
            td { (codes(cause.changes.iter().chain(&cause.trigger).map(String::as_str))) }
        }
    }
}

fn evidence(cause: &Cause, level: u8) -> Markup {
    if cause.supports.is_empty() && cause.against.is_empty() {
        return html! {};
    }
    html! {
        (heading(level, "What speaks for and against the first"))
        div.wide { table.evidence {
            thead { tr {
                th scope="col" { "Side" } th scope="col" { "Kind" } th scope="col" { "What was seen" }
                th.axis scope="col" { span { "← against" } span { "for →" } }
                th.number scope="col" { "Times as likely" }
            } }
            tbody {
                @for piece in &cause.supports { (piece_row("for", piece)) }
                @for piece in &cause.against { (piece_row("against", piece)) }
            }
        } }
    }
}

fn piece_row(side: &str, piece: &Evidence) -> Markup {
    html! {
        tr {
            td { (side) }
            td { (words::factor(piece.factor)) }
            th scope="row" { (text(&piece.says)) }
            td { (draw::weight(piece.ln_lr)) }
            td.number { (telling::times(piece.ln_lr)) }
        }
    }
}
