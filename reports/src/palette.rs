//! One colour a controller, the same on every chart and on the page.
//!
//! The hues are those of Okabe and Ito, which colour-blind readers tell apart. Vermillion is kept for refusals,
//! greys for what does not learn, black for the oracle. A second rule learns from the same family as another is
//! drawn with dashes, so that no two lines depend on colour alone.

/// A colour without transparency: overlaps on a chart stay what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ink(pub u8, pub u8, pub u8);

pub(crate) const BLACK: Ink = Ink(0x1a, 0x1a, 0x1a);
pub(crate) const QUIET: Ink = Ink(0x59, 0x59, 0x59);
pub(crate) const RULE: Ink = Ink(0xb8, 0xb8, 0xb8);
pub(crate) const GRID: Ink = Ink(0xe6, 0xe6, 0xe6);
pub(crate) const SHADE: Ink = Ink(0xf3, 0xf3, 0xf3);
pub(crate) const WHITE: Ink = Ink(0xff, 0xff, 0xff);
/// Refusals, and nothing else.
pub(crate) const REFUSED: Ink = Ink(0xd5, 0x5e, 0x00);
/// What the provider really allows.
pub(crate) const TRUTH: Ink = Ink(0x4d, 0x4d, 0x4d);

const ORANGE: Ink = Ink(0xe6, 0x9f, 0x00);
const SKY: Ink = Ink(0x56, 0xb4, 0xe9);
const GREEN: Ink = Ink(0x00, 0x9e, 0x73);
const BLUE: Ink = Ink(0x00, 0x72, 0xb2);
const PURPLE: Ink = Ink(0xcc, 0x79, 0xa7);
const GREY: Ink = Ink(0x70, 0x70, 0x70);

/// How a controller looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub ink: Ink,
    pub dashed: bool,
}

/// How a controller looks: by its name; one that this list does not know, by its place among the controllers.
pub(crate) fn look(controller: &str, place: usize) -> Look {
    let (ink, dashed) = match controller {
        "none" => (GREY, false),
        "fixed" => (GREY, true),
        "aimd" => (ORANGE, false),
        "aws-cubic" => (PURPLE, false),
        "netflix-gradient" => (GREEN, false),
        "netflix-aimd" => (GREEN, true),
        "inspect" => (SKY, false),
        "predictive" => (BLUE, false),
        "oracle" => (BLACK, false),
        _ => {
            let hues = [ORANGE, GREEN, PURPLE, SKY, BLUE];
            (hues[place % hues.len()], true)
        }
    };
    Look { ink, dashed }
}

impl Ink {
    /// The colour on white paper, with this share of it left.
    pub(crate) fn tint(self, left: f64) -> Self {
        self.mix(WHITE, left)
    }

    /// Dark enough to read as text: the light hues of the palette are not.
    pub(crate) fn as_text(self) -> Self {
        let luminance = 0.2126 * f64::from(self.0) + 0.7152 * f64::from(self.1) + 0.0722 * f64::from(self.2);
        if luminance > 110.0 { self.mix(Ink(0, 0, 0), 110.0 / luminance) } else { self }
    }

    /// `#rrggbb`.
    pub(crate) fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn mix(self, other: Self, left: f64) -> Self {
        let blend =
            |own: u8, other: u8| (f64::from(own) * left + f64::from(other) * (1.0 - left)).round() as u8;
        Self(blend(self.0, other.0), blend(self.1, other.1), blend(self.2, other.2))
    }
}
