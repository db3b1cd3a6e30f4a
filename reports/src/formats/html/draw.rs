//! Small drawings inside a line or a cell. Each says in words what it shows, and none relies on colour alone.

use maud::{Markup, html};

use crate::formats::telling;
use crate::full::Strip;
use crate::wording;

/// Width of a slice of a strip, and height of a strip.
const SLICE: f64 = 6.0;
const HEIGHT: f64 = 26.0;
/// Width of bars.
const WIDTH: f64 = 100.0;
/// Natural logarithm of the likelihood ratio that fills a bar: about a thousand to one.
const FULL_LN_LR: f64 = 7.0;

/// Success over time: what failed hangs from the top, what was not seen is a gap.
pub(super) fn strip(strip: &Strip) -> Markup {
    let width = SLICE * strip.shares.len() as f64;
    let worst = strip.shares.iter().flatten().copied().fold(1.0, f64::min);
    let (from, until) = (wording::moment(strip.window.from), wording::moment(strip.window.until));
    let told = format!("Success over time, {from} to {until}: {} in the worst slice", wording::percent(Some(worst)));
    html! {
        svg.strip viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(told) {
            @for (number, share) in strip.shares.iter().enumerate() {
                @let x = SLICE * number as f64;
                @match share {
                    Some(share) => {
                        rect.good x=(x) y="0" width=(SLICE - 1.0) height=(HEIGHT) {}
                        @if *share < 1.0 {
                            @let failed = ((1.0 - share) * HEIGHT).max(3.0);
                            rect.bad x=(x) y=(round(HEIGHT - failed)) width=(SLICE - 1.0) height=(round(failed)) {}
                        }
                    }
                    None => rect.unseen x=(x) y=(HEIGHT / 2.0 - 0.5) width=(SLICE - 1.0) height="1" {},
                }
            }
        }
        @let [from, until] = telling::ends(strip.window);
        span.ends { span { (from) } span { (until) } }
    }
}

/// A share of one as a bar.
pub(super) fn share(share: f64, class: &str) -> Markup {
    let filled = share.clamp(0.0, 1.0) * WIDTH;
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            rect.rail x="0" y="0" width=(WIDTH) height="10" {}
            rect class=(class) x="0" y="0" width=(round(filled)) height="10" {}
        }
    }
}

/// How much a piece of evidence weighs: to the right for, to the left against.
pub(super) fn weight(ln_lr: f64) -> Markup {
    let half = WIDTH / 2.0;
    let length = (ln_lr.abs() / FULL_LN_LR).min(1.0) * half;
    let (x, class) = if ln_lr < 0.0 { (half - length, "against") } else { (half, "for") };
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            rect.rail x="0" y="0" width=(WIDTH) height="10" {}
            rect class=(class) x=(round(x)) y="0" width=(round(length)) height="10" {}
            rect.middle x=(half - 0.5) y="0" width="1" height="10" {}
        }
    }
}

/// How much of a budget is used: the mark is where it is used up, and what lies behind it is overspent.
pub(super) fn budget(consumed: f64) -> Markup {
    let scale = WIDTH / consumed.max(1.0);
    let (within, beyond) = (consumed.clamp(0.0, 1.0) * scale, (consumed - 1.0).max(0.0) * scale);
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            rect.rail x="0" y="0" width=(WIDTH) height="10" {}
            rect.used x="0" y="0" width=(round(within)) height="10" {}
            @if beyond > 0.0 {
                rect.bad x=(round(scale)) y="0" width=(round(beyond)) height="10" {}
                rect.middle x=(round(scale - 0.5)) y="0" width="1" height="10" {}
            }
        }
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
