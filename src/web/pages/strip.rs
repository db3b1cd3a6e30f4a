//! A strip: how a series was over a window, at a glance.

use maud::{Markup, html};
use storage::window::Window;

use reports::wording;

use crate::web::present::{CELLS, Cell};

/// Width of a cell, and height of the strip.
const WIDTH: usize = 4;
const HEIGHT: usize = 18;

/// The strip, with what it shows in words.
pub(super) fn strip(cells: &[Cell; CELLS], window: Window) -> Markup {
    let whole = CELLS * WIDTH;
    html! {
        svg.strip viewBox={ "0 0 " (whole) " " (HEIGHT) } width=(whole) height=(HEIGHT) preserveAspectRatio="none" role="img" aria-label=(words(cells, window)) {
            @for (from, length, cell) in runs(cells) {
                // A failure is lower than the strip is high on the fine side, so that it is seen without its colour.
                @let (top, class) = match cell {
                    Cell::Empty => (HEIGHT - 3, "none"),
                    Cell::Good => (6, "good"),
                    Cell::Unclear => (9, "unclear"),
                    Cell::Partly => (3, "warn"),
                    Cell::Bad => (0, "bad"),
                };
                rect class=(class) x=(from * WIDTH) y=(top) width=(length * WIDTH) height=(HEIGHT - top) {}
            }
        }
    }
}

/// Neighbours that are alike, as one.
fn runs(cells: &[Cell; CELLS]) -> Vec<(usize, usize, Cell)> {
    let mut runs: Vec<(usize, usize, Cell)> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        match runs.last_mut() {
            Some((_, length, last)) if last == cell => *length += 1,
            _ => runs.push((index, 1, *cell)),
        }
    }
    runs
}

fn words(cells: &[Cell; CELLS], window: Window) -> String {
    let failing = |cell: &Cell| matches!(cell, Cell::Bad | Cell::Partly);
    let part = window.length().as_secs_f64() / CELLS as f64;
    let known = cells.iter().filter(|cell| **cell != Cell::Empty).count();
    match cells.iter().rposition(failing) {
        None if known == 0 => "no results".to_owned(),
        None => "no failures".to_owned(),
        Some(last) => {
            let count = cells.iter().filter(|cell| failing(cell)).count();
            let ago = wording::seconds(part * (CELLS - 1 - last) as f64);
            format!("failures for about {}, the last about {ago} ago", wording::seconds(part * count as f64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_told_in_words_too() {
        let from = "2026-11-01T00:00:00Z".parse().unwrap();
        let until = "2026-11-01T01:00:00Z".parse().unwrap();
        let mut cells = [Cell::Good; CELLS];
        let window = Window { from, until };
        assert_eq!(words(&cells, window), "no failures");
        cells[49] = Cell::Bad;
        assert_eq!(words(&cells, window), "failures for about 1 min, the last about 10 min ago");
        assert_eq!(runs(&cells), [(0, 49, Cell::Good), (49, 1, Cell::Bad), (50, 10, Cell::Good)]);
    }
}
