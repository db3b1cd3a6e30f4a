//! The sheet that a chart is drawn on: it remembers the shapes, which are then written as SVG or as PNG.

use std::convert::Infallible;

use plotters_backend::text_anchor::Pos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

use super::ink::Ink;

/// One thing that was drawn. Lengths are halves of a pixel, so that fine lines can be told.
#[derive(Clone)]
pub(super) enum Shape {
    /// A line through points.
    Line { points: Vec<BackendCoord>, pen: Pen },
    /// A rectangle, filled or its border.
    Box { from: BackendCoord, to: BackendCoord, pen: Pen, filled: bool },
    /// A filled polygon.
    Polygon { points: Vec<BackendCoord>, pen: Pen },
    /// A circle, filled or its border.
    Circle { centre: BackendCoord, radius: u32, pen: Pen, filled: bool },
    /// Text; `size` is the height of the font, from the lowest to the highest.
    Text { text: String, at: BackendCoord, ink: Ink, size: f64, anchor: Pos, turned: bool },
}

/// How a line or a surface looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) ink: Ink,
    /// From 0, not seen, to 1.
    pub(super) alpha: f64,
    pub(super) width: u32,
}

/// A sheet of a size.
pub(super) struct Sheet<'a> {
    size: (u32, u32),
    shapes: &'a mut Vec<Shape>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(size: (u32, u32), shapes: &'a mut Vec<Shape>) -> Sheet<'a> {
        Sheet { size, shapes }
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn pen<S: BackendStyle>(style: &S) -> Pen {
    let BackendColor { alpha, rgb } = style.color();
    Pen { ink: Ink::of(rgb), alpha, width: style.stroke_width() }
}

impl DrawingBackend for Sheet<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        let pen = Pen { ink: Ink::of(color.rgb), alpha: color.alpha, width: 1 };
        self.shapes.push(Shape::Box { from: point, to: (point.0 + 1, point.1 + 1), pen, filled: true });
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.shapes.push(Shape::Line { points: vec![from, to], pen: pen(style) });
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, filled: bool) -> Drawn {
        self.shapes.push(Shape::Box { from, to, pen: pen(style), filled });
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let mut points: Vec<BackendCoord> = path.into_iter().collect();
        points.dedup();
        self.shapes.push(Shape::Line { points, pen: pen(style) });
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, radius: u32, style: &S, filled: bool) -> Drawn {
        self.shapes.push(Shape::Circle { centre, radius, pen: pen(style), filled });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let mut points: Vec<BackendCoord> = path.into_iter().collect();
        points.dedup();
        self.shapes.push(Shape::Polygon { points, pen: pen(style) });
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        self.shapes.push(Shape::Text {
            text: text.to_owned(),
            at,
            ink: Ink::of(style.color().rgb),
            size: style.size(),
            anchor: style.anchor(),
            turned: matches!(style.transform(), FontTransform::Rotate270),
        });
        Ok(())
    }
}
