//! From little to much: one hue that darkens, so that it can be read without seeing the hue.

use crate::palette::{BLACK, Ink, WHITE};

/// A scale of one hue, from a share of 0 (light) to 1 (dark). The colours are those of ColorBrewer (Cynthia Brewer,
/// colorbrewer2.org), which are safe for colour-blind readers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ramp([Ink; 5]);

pub(crate) const ORANGES: Ramp = Ramp([
    Ink(0xfe, 0xf3, 0xe8),
    Ink(0xfd, 0xd0, 0xa2),
    Ink(0xfd, 0x8d, 0x3c),
    Ink(0xd9, 0x48, 0x01),
    Ink(0x7f, 0x27, 0x04),
]);
pub(crate) const BLUES: Ramp = Ramp([
    Ink(0xf1, 0xf7, 0xfd),
    Ink(0xc6, 0xdb, 0xef),
    Ink(0x6b, 0xae, 0xd6),
    Ink(0x21, 0x71, 0xb5),
    Ink(0x08, 0x30, 0x6b),
]);
pub(crate) const PURPLES: Ramp = Ramp([
    Ink(0xf6, 0xf4, 0xfa),
    Ink(0xda, 0xda, 0xeb),
    Ink(0x9e, 0x9a, 0xc8),
    Ink(0x6a, 0x51, 0xa3),
    Ink(0x3f, 0x00, 0x7d),
]);

impl Ramp {
    /// The colour of a share; what is no number has none.
    pub(crate) fn at(&self, share: f64) -> Ink {
        let steps = (self.0.len() - 1) as f64;
        let place = if share.is_finite() { share.clamp(0.0, 1.0) * steps } else { 0.0 };
        let below = (place.floor() as usize).min(self.0.len() - 2);
        let (low, high, part) = (self.0[below], self.0[below + 1], place - below as f64);
        let blend =
            |low: u8, high: u8| (f64::from(low) * (1.0 - part) + f64::from(high) * part).round() as u8;
        Ink(blend(low.0, high.0), blend(low.1, high.1), blend(low.2, high.2))
    }

    /// What is written on the colour of a share.
    pub(crate) fn text_on(&self, share: f64) -> Ink {
        let Ink(red, green, blue) = self.at(share);
        let luminance = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
        if luminance > 135.0 { BLACK } else { WHITE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_darker() {
        for ramp in [ORANGES, BLUES, PURPLES] {
            let light = |step: u8| {
                let Ink(red, green, blue) = ramp.at(f64::from(step) / 100.0);
                0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
            };
            assert!((0..100).all(|step| light(step + 1) < light(step) + 0.5), "{ramp:?}");
            assert!(light(0) > 240.0 && light(100) < 60.0);
            assert_eq!((ramp.text_on(0.0), ramp.text_on(1.0)), (BLACK, WHITE));
        }
    }
}
