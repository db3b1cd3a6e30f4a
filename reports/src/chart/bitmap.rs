//! Writes a drawing as PNG, two pixels wide where SVG says one, so that it is sharp on every screen.

use plotters::backend::BitMapBackend;
use plotters::style::{Color, FontTransform, ShapeStyle, TextStyle};
use plotters_backend::{DrawingBackend, DrawingErrorKind};

use super::drawing::Drawing;
use super::font;
use super::sheet::{Pen, Shape};

/// Why a picture cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The shapes cannot be drawn.
    #[error("a chart cannot be drawn: {0}")]
    Drawing(String),
    /// The pixels cannot be packed.
    #[error("a picture cannot be packed")]
    Packing(#[from] png::EncodingError),
}

/// The drawing as a PNG file, on white.
pub(super) fn write(drawing: &Drawing) -> Result<Vec<u8>, Error> {
    let (width, height) = drawing.size;
    let mut pixels = vec![0xff; width as usize * height as usize * 3];
    {
        let mut to = BitMapBackend::with_buffer(&mut pixels, drawing.size);
        for shape in &drawing.shapes {
            draw(&mut to, shape).map_err(|error| Error::Drawing(error.to_string()))?;
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

fn draw<B: DrawingBackend>(to: &mut B, shape: &Shape) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    match shape {
        Shape::Line { points, pen } => to.draw_path(points.iter().copied(), &style(*pen)),
        Shape::Box { from, to: until, pen, filled } => to.draw_rect(*from, *until, &style(*pen), *filled),
        Shape::Polygon { points, pen } => to.fill_polygon(points.iter().copied(), &style(*pen)),
        Shape::Circle { centre, radius, pen, filled } => to.draw_circle(*centre, *radius, &style(*pen), *filled),
        Shape::Text { text, at, ink, size, anchor, turned } => {
            let style = font::text(*ink, *size).pos(*anchor);
            let turn = if *turned { FontTransform::Rotate270 } else { FontTransform::None };
            let style = TextStyle { font: style.font.transform(turn), ..style };
            to.draw_text(text, &style, *at)
        }
    }
}

fn style(pen: Pen) -> ShapeStyle {
    ShapeStyle { color: pen.ink.colour().mix(pen.alpha), filled: true, stroke_width: pen.width }
}
