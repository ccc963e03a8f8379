//! An axis for rates that may lie decades apart, with zero on it.

use crate::chart::axis::nice_step;
use crate::text;

/// Where the highest is more than this many times the lowest, a linear axis would press the low ones onto zero.
const WIDE: f64 = 30.0;
/// What is smaller than this lies near zero, whatever else is on the axis.
const SMALLEST: f64 = 0.01;
/// The most decades beyond the linear part.
const MOST_DECADES: f64 = 12.0;

/// From left to right, and through zero. Linear; or, for values that lie far apart, linear near zero and
/// logarithmic beyond, on either side, without a break.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateAxis {
    /// Up to where it is linear; `None`: everywhere.
    near: Option<f64>,
    /// Its ends, in steps of [`RateAxis::steps`].
    ends: (f64, f64),
    left: f64,
    right: f64,
}

impl RateAxis {
    /// An axis that holds `values` and zero, linear unless they lie far apart.
    pub(crate) fn new(values: &[f64], paper: (f64, f64)) -> Self {
        let sizes = values.iter().map(|value| value.abs()).filter(|size| size.is_finite() && *size > 0.0);
        let (smallest, largest) =
            sizes.fold((f64::INFINITY, 0.0_f64), |(small, large), size| (small.min(size), large.max(size)));
        let smallest = smallest.max(SMALLEST);
        let least = 10_f64.powf(largest.max(SMALLEST).log10().ceil() - MOST_DECADES);
        let near = 10_f64.powf(smallest.max(least).log10().floor());
        Self::over(values, (largest > WIDE * smallest).then_some(near), paper)
    }

    /// A linear axis that holds `values` and zero.
    pub(crate) fn linear(values: &[f64], paper: (f64, f64)) -> Self {
        Self::over(values, None, paper)
    }

    fn over(values: &[f64], near: Option<f64>, (left, right): (f64, f64)) -> Self {
        let mut axis = Self { near, ends: (0.0, 0.0), left, right };
        for value in values.iter().copied().filter(|value| value.is_finite()) {
            let at = axis.steps(value);
            axis.ends = (axis.ends.0.min(at), axis.ends.1.max(at));
        }
        if axis.ends.0 >= axis.ends.1 {
            axis.ends = (0.0, axis.steps(1.0));
        }
        axis
    }

    /// Whether equal lengths on it are equal differences.
    pub(crate) fn is_linear(&self) -> bool {
        self.near.is_none()
    }

    /// Where a value lies; values beyond the axis lie on its end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (low, high) = self.ends;
        self.left + (self.right - self.left) * ((self.steps(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The values worth a mark, at most `most` or little more, and how they read. Zero is always one.
    pub(crate) fn marks(&self, most: f64) -> Vec<(f64, String)> {
        let (low, high) = self.ends;
        let step = match self.near {
            Some(_) => ((high - low) / most).ceil().max(1.0),
            None => nice_step((high - low) / most),
        };
        let (first, last) = ((low / step - 1e-9).ceil() as i32, (high / step + 1e-9).floor() as i32);
        (first..=last)
            .map(|index| {
                let steps = f64::from(index) * step;
                let value = match self.near {
                    Some(near) if index != 0 => steps.signum() * near * 10_f64.powf(steps.abs() - 1.0),
                    _ => steps,
                };
                (value, reads(value))
            })
            .collect()
    }

    /// What a caption says of it: nothing where it is linear.
    pub(crate) fn note(&self, what: &str) -> String {
        match self.near {
            Some(near) => format!(" {what}: linear up to {}, logarithmic beyond.", reads(near)),
            None => String::new(),
        }
    }

    /// Equal steps are equal lengths on the paper: for the wide axis 1 to the end of its linear part, and 1 a decade.
    fn steps(&self, value: f64) -> f64 {
        match self.near {
            None => value,
            Some(near) => {
                let size = value.abs() / near;
                value.signum() * if size <= 1.0 { size } else { 1.0 + size.log10() }
            }
        }
    }
}

/// A mark: `0`, `0.05`, `−20`, `10k`.
fn reads(value: f64) -> String {
    let size = value.abs();
    let sign = if value < 0.0 { "−" } else { "" };
    if size == 0.0 {
        "0".to_owned()
    } else if size >= 0.9995 && (size - size.round()).abs() < 1e-6 * size {
        let short = text::compact(size.round() as u64);
        // `1,000` and `10k` on one axis read as two kinds of number.
        format!("{sign}{}", if short == "1,000" { "1k" } else { &short })
    } else {
        let text = format!("{size:.4}");
        format!("{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(values: &[f64]) -> Vec<String> {
        RateAxis::new(values, (0.0, 100.0)).marks(6.0).into_iter().map(|(_, reads)| reads).collect()
    }

    #[test]
    fn what_lies_close_together_lies_on_a_linear_axis() {
        assert_eq!(marks(&[0.3, 5.0]), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(
            marks(&[-0.2, 0.1]),
            ["−0.2", "−0.15", "−0.1", "−0.05", "0", "0.05", "0.1"].map(str::to_owned)
        );
        assert_eq!(marks(&[]), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(marks(&[0.0]), marks(&[]));
    }

    #[test]
    fn what_lies_decades_apart_is_told_apart() {
        let values = [0.0, 0.4, 500.0];
        let axis = RateAxis::new(&values, (0.0, 100.0));
        assert_eq!(marks(&values), ["0", "0.1", "1", "10", "100"]);
        let places = [0.0, 0.2, 0.4, 5.0, 500.0].map(|value| axis.place(value));
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] > 4.0), "{places:?}");
        assert_eq!((places[0], places[4]), (0.0, 100.0));
    }

    #[test]
    fn both_sides_of_zero_are_alike() {
        let axis = RateAxis::new(&[-60_000.0, 0.5, 60_000.0], (0.0, 100.0));
        assert!((axis.place(0.0) - 50.0).abs() < 1e-9);
        for value in [0.03, 7.0, 900.0] {
            assert!((axis.place(value) + axis.place(-value) - 100.0).abs() < 1e-9);
        }
        assert_eq!(axis.marks(4.0).first().map(|mark| mark.1.clone()), Some("−100".to_owned()));
    }

    #[test]
    fn nothing_tears_it() {
        for values in [&[f64::NAN, 3.0][..], &[f64::INFINITY, -1e300], &[1e-300, 1e300]] {
            let axis = RateAxis::new(values, (0.0, 100.0));
            assert!((0.0..=100.0).contains(&axis.place(7.0)) && axis.marks(5.0).len() < 12, "{values:?}");
        }
    }
}
