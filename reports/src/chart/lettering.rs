//! Setting type with the fonts that are built in, so that charts look the same on every machine.
//!
//! plotters can set text too, but drops each glyph's side bearing and rounds to whole pixels, which shows.

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};

use crate::ReportError;
use crate::palette::Ink;

const REGULAR: &[u8] = include_bytes!("../../assets/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/DejaVuSans-Bold.ttf");

/// How a text looks; the size is that of an em, in pixels of the finished picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type {
    pub size: f64,
    pub bold: bool,
    pub ink: Ink,
}

impl Type {
    pub(crate) const fn regular(size: f64, ink: Ink) -> Self {
        Self { size, bold: false, ink }
    }

    pub(crate) const fn bold(size: f64, ink: Ink) -> Self {
        Self { size, bold: true, ink }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { size: self.size * factor, ..self }
    }
}

/// The two weights of DejaVu Sans.
pub(crate) struct Lettering {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Lettering {
    pub(crate) fn load() -> Result<Self, ReportError> {
        let font = |bytes| FontRef::try_from_slice(bytes).map_err(ReportError::Font);
        Ok(Self { regular: font(REGULAR)?, bold: font(BOLD)? })
    }

    /// Whether every character can be set.
    pub(crate) fn knows(&self, text: &str) -> bool {
        text.chars()
            .all(|character| !character.is_control() && self.regular.glyph_id(character) != GlyphId(0))
    }

    /// The width of a text.
    pub(crate) fn width(&self, text: &str, face: Type) -> f64 {
        let mut end = 0.0;
        self.walk(text, face, |_, _, right| end = right);
        f64::from(end)
    }

    /// The text, cut with an ellipsis where it is wider than there is room.
    pub(crate) fn fit(&self, text: &str, face: Type, room: f64) -> String {
        if self.width(text, face) <= room {
            return text.to_owned();
        }
        let room = room - self.width("…", face);
        let mut kept = 0;
        self.walk(text, face, |index, character, right| {
            if f64::from(right) <= room {
                kept = index + character.len_utf8();
            }
        });
        format!("{}…", text[..kept].trim_end())
    }

    /// The text in lines that are no wider than there is room; a single word may be.
    pub(crate) fn wrap(&self, text: &str, face: Type, room: f64) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let line = lines.last().map_or("", String::as_str);
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            match lines.last_mut() {
                Some(last) if last.is_empty() || self.width(&longer, face) <= room => *last = longer,
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// Sets a text from `left` on its baseline, and tells every pixel and how much of it is covered.
    pub(crate) fn set(
        &self,
        text: &str,
        (left, baseline): (f64, f64),
        face: Type,
        mut cover: impl FnMut(i32, i32, f32),
    ) {
        let font = self.font(face);
        let scale = self.scale(face);
        let mut pen = 0.0;
        self.walk(text, face, |_, character, right| {
            let position = point(left as f32 + pen, baseline as f32);
            let glyph = Glyph { id: font.glyph_id(character), scale, position };
            if let Some(outline) = font.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                let (x0, y0) = (bounds.min.x as i32, bounds.min.y as i32);
                outline.draw(|x, y, coverage| cover(x0 + x as i32, y0 + y as i32, coverage.clamp(0.0, 1.0)));
            }
            pen = right;
        });
    }

    /// Tells every character, where it begins in the text, and where it ends on the line.
    fn walk(&self, text: &str, face: Type, mut tell: impl FnMut(usize, char, f32)) {
        let font = self.font(face).as_scaled(self.scale(face));
        let mut right = 0.0;
        for (index, character) in text.char_indices() {
            right += font.h_advance(font.glyph_id(character));
            tell(index, character, right);
        }
    }

    fn font(&self, face: Type) -> &FontRef<'static> {
        if face.bold { &self.bold } else { &self.regular }
    }

    /// ab_glyph measures a font by its ascent and descent, designers by its em.
    fn scale(&self, face: Type) -> PxScale {
        let font = self.font(face);
        let em = font.units_per_em().unwrap_or(1.0);
        PxScale::from(face.size as f32 * font.height_unscaled() / em)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::BLACK;

    const FACE: Type = Type::regular(20.0, BLACK);

    #[test]
    fn knows_what_the_font_has() {
        let lettering = Lettering::load().expect("the font");
        assert!(lettering.knows("knowledge-base ± µ ≤ → é – …"));
        assert!(!lettering.knows("高峰"));
        assert!(!lettering.knows("two\nlines"));
    }

    #[test]
    fn fits_and_wraps() {
        let lettering = Lettering::load().expect("the font");
        let fitted = lettering.fit(&"long ".repeat(100), FACE, 200.0);
        assert!(fitted.ends_with('…') && lettering.width(&fitted, FACE) <= 200.0, "{fitted}");
        assert_eq!(lettering.fit("short", FACE, 200.0), "short");
        let lines = lettering.wrap(&"words ".repeat(30), FACE, 300.0);
        assert!(lines.len() > 3 && lines.iter().all(|line| lettering.width(line, FACE) <= 300.0));
    }
}
