//! An estimate and how far off it may be.

use serde::Serialize;

/// An estimate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The estimate: the median of what the log leaves possible; where there is no upper end, the lower one.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end; absent where the log has only a lower bound.
    pub high: Option<f64>,
}

impl Interval {
    /// A value that the log leaves no doubt about.
    pub fn exactly(value: f64) -> Self {
        Self { estimate: value, low: value, high: Some(value) }
    }

    /// A value of which only a lower bound is known.
    pub fn at_least(value: f64) -> Self {
        Self { estimate: value, low: value, high: None }
    }

    /// An estimate that is normally distributed with this standard error.
    pub fn normal(value: f64, error: f64) -> Self {
        Self { estimate: value, low: value - Z95 * error, high: Some(value + Z95 * error) }
    }

    /// Whether it holds `value`.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && self.high.is_none_or(|high| value <= high)
    }

    /// From values and how likely each is, in rising order: the 2.5%, 50% and 97.5% quantiles.
    pub fn of_weights(weighted: &[(f64, f64)]) -> Option<Self> {
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let quantile = |share: f64| {
            let mut below = 0.0;
            let reached = |(_, weight): &&(f64, f64)| {
                below += weight;
                below >= share * total
            };
            weighted.iter().find(reached).or(weighted.last()).map(|(value, _)| *value)
        };
        Some(Self { estimate: quantile(0.5)?, low: quantile(0.025)?, high: Some(quantile(0.975)?) })
    }

    /// The share of trials that fail (Wilson's score interval, 1927).
    pub fn share(part: u64, of: u64) -> Self {
        let (part, n) = (part as f64, (of as f64).max(1.0));
        let (share, z2) = (part / n, Z95 * Z95);
        let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        Self { estimate: share, low: (middle - half).max(0.0), high: Some((middle + half).min(1.0)) }
    }
}

/// The normal distribution's 97.5% quantile.
const Z95: f64 = 1.96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_what_is_equally_likely() {
        let weighted: Vec<_> = (1..=100).map(|value| (f64::from(value), 0.25)).collect();
        let interval = Interval::of_weights(&weighted).unwrap();
        assert_eq!(interval, Interval { estimate: 50.0, low: 3.0, high: Some(98.0) });
        assert!(interval.holds(3.0) && !interval.holds(99.0));
        assert_eq!(Interval::of_weights(&[]), None);
    }

    /// Wilson's interval for 1 of 10, as statistics packages print it.
    #[test]
    fn a_share_by_hand() {
        let share = Interval::share(1, 10);
        assert!(
            (share.low - 0.0179).abs() < 1e-3 && (share.high.unwrap() - 0.4042).abs() < 1e-3,
            "{share:?}"
        );
    }
}
