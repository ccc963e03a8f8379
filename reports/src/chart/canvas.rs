//! A sheet of white paper, measured in pixels of the finished picture.
//!
//! Drawn at twice the size and halved at the end: that smooths every edge alike, and the same on every machine.

use plotters::backend::{BitMapBackend, DrawingBackend, RGBPixel};
use plotters::style::{RGBColor, ShapeStyle};

use crate::ReportError;
use crate::chart::lettering::{Lettering, Type};
use crate::palette::{Ink, WHITE};

/// How much larger than the finished picture everything is drawn.
const SCALE: u32 = 2;

/// Where a text's given point lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Left,
    Middle,
    Right,
}

/// How a triangle is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Triangle {
    pub up: bool,
    pub hollow: bool,
}

/// A picture in the making.
pub(crate) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    pub lettering: Lettering,
}

impl Canvas {
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, ReportError> {
        let pixels = vec![u8::MAX; (width * height * SCALE * SCALE * 3) as usize];
        Ok(Self { width, height, pixels, lettering: Lettering::load()? })
    }

    pub(crate) fn width(&self) -> f64 {
        f64::from(self.width)
    }

    /// Fills a rectangle; what has any size is at least half a pixel wide, so that nothing vanishes.
    pub(crate) fn rect(&mut self, (left, top): (f64, f64), (right, bottom): (f64, f64), ink: Ink) -> Drawn {
        let ((left, right), (top, bottom)) = (span(left, right), span(top, bottom));
        self.draw(|backend| backend.draw_rect((left, top), (right, bottom), &rgb(ink), true))
    }

    /// A line from left to right, centred on `y`.
    pub(crate) fn across(&mut self, left: f64, right: f64, y: f64, thickness: f64, ink: Ink) -> Drawn {
        self.rect((left, y - thickness / 2.0), (right, y + thickness / 2.0), ink)
    }

    /// A line from top to bottom, centred on `x`.
    pub(crate) fn down(&mut self, x: f64, top: f64, bottom: f64, thickness: f64, ink: Ink) -> Drawn {
        self.rect((x - thickness / 2.0, top), (x + thickness / 2.0, bottom), ink)
    }

    /// A line through points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], thickness: f64, ink: Ink) -> Drawn {
        let mut path = Vec::new();
        simplify(points, &mut path);
        let mut path: Vec<(i32, i32)> =
            path.into_iter().map(|(x, y)| (coordinate(x), coordinate(y))).collect();
        path.dedup();
        let style = ShapeStyle {
            color: rgb(ink).into(),
            filled: false,
            stroke_width: coordinate(thickness).unsigned_abs(),
        };
        if path.len() < 2 {
            return Ok(());
        }
        self.draw(|backend| backend.draw_path(path, &style))
    }

    /// A line through points, broken into dashes.
    pub(crate) fn dashes(&mut self, points: &[(f64, f64)], thickness: f64, ink: Ink) -> Drawn {
        for dash in dashes(points, 4.0 * thickness, 2.0 * thickness) {
            self.line(&dash, thickness, ink)?;
        }
        Ok(())
    }

    /// A line through points in stripes of several inks, for what would lie on each other.
    pub(crate) fn stripes(&mut self, points: &[(f64, f64)], thickness: f64, inks: &[Ink]) -> Drawn {
        let length = 5.0 * thickness;
        for (place, ink) in inks.iter().enumerate() {
            // Each covers what the ones after it leave free: the first all, the last one stripe in a round.
            let (covered, free) = ((inks.len() - place) as f64, place as f64);
            for stripe in dashes(points, covered * length, free * length) {
                self.line(&stripe, thickness, *ink)?;
            }
        }
        Ok(())
    }

    /// A triangle that points up or down, its middle at a place; hollow ones are white within.
    pub(crate) fn triangle(&mut self, (x, y): (f64, f64), size: f64, mark: Triangle, ink: Ink) -> Drawn {
        let tip = if mark.up { -size } else { size };
        let corners = |share: f64| {
            let corner = |dx: f64, dy: f64| (coordinate(x + share * dx), coordinate(y + share * dy));
            [corner(0.0, tip), corner(-size, -0.8 * tip), corner(size, -0.8 * tip)]
        };
        self.draw(|backend| backend.fill_polygon(corners(1.0), &rgb(ink)))?;
        if mark.hollow {
            self.draw(|backend| backend.fill_polygon(corners(0.5), &rgb(WHITE)))?;
        }
        Ok(())
    }

    /// A filled dot.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, ink: Ink) -> Drawn {
        let (centre, radius) = ((coordinate(x), coordinate(y)), coordinate(radius).unsigned_abs());
        self.draw(|backend| backend.draw_circle(centre, radius, &rgb(ink), true))
    }

    /// Sets a text on its baseline.
    pub(crate) fn text(
        &mut self,
        text: &str,
        (x, baseline): (f64, f64),
        anchor: Anchor,
        face: Type,
    ) -> Drawn {
        let width = self.lettering.width(text, face);
        let left = match anchor {
            Anchor::Left => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::Right => x - width,
        };
        let scale = f64::from(SCALE);
        let (stride, rows) = (self.width * SCALE, self.height * SCALE);
        let pixels = &mut self.pixels;
        self.lettering.set(text, (left * scale, baseline * scale), face.scaled(scale), |x, y, coverage| {
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
            if x < stride && y < rows {
                let start = ((y * stride + x) * 3) as usize;
                for (pixel, ink) in
                    pixels[start..start + 3].iter_mut().zip([face.ink.0, face.ink.1, face.ink.2])
                {
                    let mixed = f32::from(ink) * coverage + f32::from(*pixel) * (1.0 - coverage);
                    *pixel = mixed.round() as u8;
                }
            }
        });
        Ok(())
    }

    /// A text on paper of its own, so that it stays readable over lines.
    pub(crate) fn boxed_text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, face: Type) -> Drawn {
        let width = self.lettering.width(text, face) + 8.0;
        let left = match anchor {
            Anchor::Left => at.0 - 4.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::Right => at.0 - width + 4.0,
        };
        self.rect((left, at.1 - face.size), (left + width, at.1 + 0.35 * face.size), WHITE)?;
        self.text(text, at, anchor, face)
    }

    /// The finished picture.
    pub(crate) fn png(self) -> Result<Vec<u8>, ReportError> {
        let picture = self.halved();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // Charts are flat colours over wide areas: repetitions pack better than differences.
        encoder.set_compression(png::Compression::Balanced);
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header().map_err(ReportError::Png)?;
        writer.write_image_data(&picture).map_err(ReportError::Png)?;
        writer.finish().map_err(ReportError::Png)?;
        Ok(bytes)
    }

    fn halved(&self) -> Vec<u8> {
        let stride = (self.width * SCALE * 3) as usize;
        let mut picture = Vec::with_capacity((self.width * self.height * 3) as usize);
        for rows in self.pixels.chunks_exact(2 * stride) {
            let (upper, lower) = rows.split_at(stride);
            for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
                for channel in 0..3 {
                    let sum = [upper[channel], upper[channel + 3], lower[channel], lower[channel + 3]]
                        .into_iter()
                        .map(u16::from)
                        .sum::<u16>();
                    picture.push(((sum + 2) / 4) as u8);
                }
            }
        }
        picture
    }

    fn draw<E: std::fmt::Display>(
        &mut self,
        stroke: impl FnOnce(&mut BitMapBackend<'_, RGBPixel>) -> Result<(), E>,
    ) -> Drawn {
        let size = (self.width * SCALE, self.height * SCALE);
        let mut backend = BitMapBackend::<RGBPixel>::with_buffer_and_format(&mut self.pixels, size)
            .map_err(|error| ReportError::Draw(error.to_string()))?;
        stroke(&mut backend).map_err(|error| ReportError::Draw(error.to_string()))
    }
}

/// The outcome of a stroke.
pub(crate) type Drawn = Result<(), ReportError>;

fn rgb(ink: Ink) -> RGBColor {
    RGBColor(ink.0, ink.1, ink.2)
}

fn coordinate(value: f64) -> i32 {
    (value * f64::from(SCALE)).round() as i32
}

/// The pixels from `from` up to, but not including, `to`; at least one.
fn span(from: f64, to: f64) -> (i32, i32) {
    let (from, to) = (coordinate(from.min(to)), coordinate(from.max(to)));
    (from, to.max(from + 1))
}

/// Leaves out the points that lie on the way anyway (Douglas and Peucker, 1973): plotters rounds to whole pixels,
/// which makes a line of many short pieces tremble.
fn simplify(points: &[(f64, f64)], kept: &mut Vec<(f64, f64)>) {
    const UNSEEN: f64 = 0.4;
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return };
    let length = (last.0 - first.0).hypot(last.1 - first.1).max(f64::MIN_POSITIVE);
    let aside = |&(x, y): &(f64, f64)| {
        ((last.0 - first.0) * (first.1 - y) - (first.0 - x) * (last.1 - first.1)).abs() / length
    };
    let farthest =
        (1..points.len() - 1).max_by(|&one, &other| aside(&points[one]).total_cmp(&aside(&points[other])));
    match farthest.filter(|&index| aside(&points[index]) > UNSEEN) {
        Some(index) => {
            simplify(&points[..=index], kept);
            simplify(&points[index..], kept);
        }
        None => kept.extend([first, last]),
    }
}

/// Cuts a line into dashes of one length with gaps of another, measured along it.
fn dashes(points: &[(f64, f64)], dash: f64, gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut cut = Vec::new();
    let mut current: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut inked, mut left) = (true, dash);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        // Ends: every turn uses up a dash or a gap, and the paper is finite.
        while length > left {
            let part = left / length;
            from = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            length -= left;
            current.push(from);
            if inked {
                cut.push(std::mem::take(&mut current));
            }
            inked = !inked;
            left = if inked { dash } else { gap };
            current = vec![from];
        }
        left -= length;
        current.push(to);
    }
    if inked {
        cut.push(current);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_follow_the_line() {
        let cut = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], 4.0, 2.0);
        let ends: Vec<_> = cut.iter().map(|dash| (dash[0], dash[dash.len() - 1])).collect();
        assert_eq!(
            ends,
            [
                ((0.0, 0.0), (4.0, 0.0)),
                ((6.0, 0.0), (10.0, 0.0)),
                ((10.0, 2.0), (10.0, 6.0)),
                ((10.0, 8.0), (10.0, 10.0))
            ]
        );
    }

    #[test]
    fn a_line_keeps_its_corners_only() {
        let mut kept = Vec::new();
        simplify(&[(0.0, 0.0), (5.0, 0.1), (10.0, 0.0), (10.1, 5.0), (10.0, 10.0)], &mut kept);
        kept.dedup();
        assert_eq!(kept, [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]);
    }

    #[test]
    fn what_lies_beside_the_paper_is_left_out() {
        let mut canvas = Canvas::new(20, 10).expect("a canvas");
        canvas.rect((-50.0, -50.0), (-10.0, 500.0), Ink(0, 0, 0)).expect("drawn");
        canvas.text("beside", (-300.0, 400.0), Anchor::Left, Type::regular(20.0, Ink(0, 0, 0))).expect("set");
        assert!(canvas.pixels.iter().all(|&value| value == u8::MAX));
        canvas.rect((-50.0, -50.0), (500.0, 500.0), Ink(0, 0, 0)).expect("drawn");
        assert!(canvas.pixels.iter().all(|&value| value == 0));
    }
}
