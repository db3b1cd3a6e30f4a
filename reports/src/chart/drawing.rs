//! A chart as shapes, ready to be written in either form.

use std::convert::Infallible;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};

use super::sheet::{Shape, Sheet};
use super::{Chart, bitmap, font, svg};

/// A chart as shapes.
#[derive(Clone)]
pub struct Drawing {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) alt: String,
    /// In halves of a pixel.
    pub(super) size: (u32, u32),
    pub(super) shapes: Vec<Shape>,
}

/// What is said of a chart.
pub(super) struct Words {
    /// Fit for the name of a file, and unique.
    pub(super) name: String,
    pub(super) title: String,
    /// One sentence for those who do not see the chart.
    pub(super) alt: String,
}

/// A part of a sheet.
pub(super) type Area<'a> = DrawingArea<Sheet<'a>, Shift>;
/// What drawing comes to. The font is a part of the program, so nothing goes wrong but by a mistake in it.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<Infallible>>;

impl Drawing {
    /// Draws on an empty sheet; nothing where that fails.
    pub(super) fn new(words: Words, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Option<Drawing> {
        font::register();
        let Words { name, title, alt } = words;
        let mut shapes = Vec::new();
        draw(&Sheet::new(size, &mut shapes).into_drawing_area()).ok()?;
        Some(Drawing { name, title, alt, size, shapes })
    }

    /// The name that files and elements of a page get.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The chart with its SVG.
    #[must_use]
    pub fn chart(&self) -> Chart {
        let Drawing { name, title, alt, .. } = self;
        Chart { name: name.clone(), title: title.clone(), alt: alt.clone(), svg: svg::write(self) }
    }

    /// The chart as a PNG file.
    ///
    /// # Errors
    /// When the picture cannot be drawn or packed.
    pub fn png(&self) -> Result<Vec<u8>, bitmap::Error> {
        font::register();
        bitmap::write(self)
    }
}
