//! Writes a drawing as SVG that can stand inside a page: without scripts, styles and anything from elsewhere.

use std::fmt::Write;

use plotters_backend::BackendCoord;
use plotters_backend::text_anchor::{HPos, VPos};

use super::drawing::Drawing;
use super::ink::Ink;
use super::sheet::{Pen, Shape};

/// Height of a font of plotters over the size that SVG means.
const HEIGHT_PER_EM: f64 = 1.24;

/// The drawing as one `svg` element, with its title and what is seen for those who do not see it.
pub(super) fn write(drawing: &Drawing) -> String {
    let (width, height) = drawing.size;
    let mut out = String::new();
    let (title, alt) = (escape(&drawing.title), escape(&drawing.alt));
    // Its name stands on the element itself: there is no id that a second chart in the page could have as well.
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="{title}: {alt}" width="{}" height="{}" viewBox="0 0 {width} {height}" font-family="'DejaVu Sans', Verdana, sans-serif">"#,
        width / 2,
        height / 2,
    );
    let _ = writeln!(out, r#"<title>{title}</title>"#);
    let _ = writeln!(out, r#"<desc>{alt}</desc>"#);
    for shape in &drawing.shapes {
        write_shape(&mut out, shape);
    }
    out.push_str("</svg>\n");
    out
}

fn write_shape(out: &mut String, shape: &Shape) {
    // A string takes everything that is written to it.
    let _ = match shape {
        Shape::Line { points, pen } => match points.as_slice() {
            [(x1, y1), (x2, y2)] => {
                writeln!(out, r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"{}/>"#, stroke(*pen))
            }
            points => writeln!(out, r#"<polyline points="{}" fill="none"{}/>"#, list(points), stroke(*pen)),
        },
        Shape::Box { from, to, pen, filled } => {
            let (x, y) = (from.0.min(to.0), from.1.min(to.1));
            let (width, height) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
            let look = if *filled { fill(*pen) } else { format!(r#" fill="none"{}"#, stroke(*pen)) };
            writeln!(out, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}"{look}/>"#)
        }
        Shape::Polygon { points, pen } => {
            writeln!(out, r#"<polygon points="{}"{}/>"#, list(points), fill(*pen))
        }
        Shape::Circle { centre: (x, y), radius, pen, filled } => {
            let look = if *filled { fill(*pen) } else { format!(r#" fill="none"{}"#, stroke(*pen)) };
            writeln!(out, r#"<circle cx="{x}" cy="{y}" r="{radius}"{look}/>"#)
        }
        Shape::Text { text, at: (x, y), ink, size, anchor, turned } => {
            let side = match anchor.h_pos {
                HPos::Left => "",
                HPos::Center => r#" text-anchor="middle""#,
                HPos::Right => r#" text-anchor="end""#,
            };
            let down = match anchor.v_pos {
                VPos::Top => "0.76em",
                VPos::Center => "0.5ex",
                VPos::Bottom => "-0.5ex",
            };
            let turn = if *turned { format!(r#" transform="rotate(270 {x} {y})""#) } else { String::new() };
            let em = size / HEIGHT_PER_EM;
            let look = fill(Pen { ink: *ink, alpha: 1.0, width: 0 });
            let text = escape(text);
            writeln!(out, r#"<text x="{x}" y="{y}" dy="{down}" font-size="{em:.1}"{side}{turn}{look}>{text}</text>"#)
        }
    };
}

fn list(points: &[BackendCoord]) -> String {
    let mut out = String::with_capacity(points.len() * 9);
    for (number, (x, y)) in points.iter().enumerate() {
        let space = if number == 0 { "" } else { " " };
        let _ = write!(out, "{space}{x},{y}");
    }
    out
}

fn fill(pen: Pen) -> String {
    look("fill", pen)
}

fn stroke(pen: Pen) -> String {
    let width = if pen.width == 1 { String::new() } else { format!(r#" stroke-width="{}""#, pen.width) };
    format!("{}{width}", look("line", pen))
}

/// The name of the colour for the page's style sheet, and the shade on white where there is none.
fn look(of: &str, pen: Pen) -> String {
    let attribute = if of == "fill" { "fill" } else { "stroke" };
    let (red, green, blue) = Ink::rgb(pen.ink);
    let seen = if pen.alpha < 1.0 { format!(r#" {attribute}-opacity="{:.2}""#, pen.alpha) } else { String::new() };
    format!(r##" class="{of}-{}" {attribute}="#{red:02x}{green:02x}{blue:02x}"{seen}"##, pen.ink.name())
}

/// Text as XML may hold it: what has a meaning there is written out, and what it cannot hold is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_markup() {
        assert_eq!(escape("<a href='x'>&\"\u{1b}\0\u{ffff}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
