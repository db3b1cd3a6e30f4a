//! The font of the charts: a part of DejaVu Sans, which the program carries with it.

use std::sync::Once;

use plotters::style::{Color, FontDesc, FontStyle, TextStyle, register_font};
use plotters_backend::FontFamily;

use super::ink::Ink;

/// The name under which plotters knows it.
const FAMILY: &str = "charts";

static REGISTERED: Once = Once::new();

/// Makes the font known to plotters, which keeps fonts for the whole process.
pub(super) fn register() {
    REGISTERED.call_once(|| {
        // A font that did not parse would be missed at the first text that is drawn; a test draws one.
        let _ = register_font(FAMILY, FontStyle::Normal, include_bytes!("charts.ttf"));
    });
}

/// Text of an ink; `size` is the height of the font, from the lowest to the highest.
pub(super) fn text(ink: Ink, size: f64) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal);
    TextStyle { color: ink.colour().to_backend_color(), ..TextStyle::from(font) }
}
