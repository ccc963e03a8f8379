//! Intervals for rates that are counted in runs.
//!
//! Hits cluster, so no Poisson process is assumed for them: their interval comes from the spread of independent
//! blocks (replications; days or hours, where there are few of those). Episodes are rare and nearly
//! independent: theirs is exact (Garwood, "Fiducial limits for the Poisson distribution", 1936).

use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

use crate::results::Estimate;

/// The share of intervals that hold the true value.
const CONFIDENCE: f64 = 0.95;
/// Fewer blocks than this say too little about their spread.
pub const LEAST_BLOCKS: usize = 5;

/// The mean of independent blocks of equal length, by Student's t; no interval for fewer than two.
pub fn from_blocks(mean: f64, blocks: &[f64]) -> Estimate {
    Estimate { mean, ci95: half_width(blocks).map(|half| [mean - half, mean + half]) }
}

/// The rate of rare, independent events: `count` of them in `exposure` hours (Garwood's interval).
pub fn from_count(count: u64, exposure: f64) -> Estimate {
    let [low, high] = garwood(count);
    Estimate { mean: count as f64 / exposure, ci95: Some([low / exposure, high / exposure]) }
}

/// The rate of events that cluster, from how many there were in each of `blocks` of equal length.
///
/// Where there was none, there is no spread to learn from, and the exact interval for none is given: none in
/// 3.7 hours proves fewer than one an hour.
pub fn from_clustered(count: u64, exposure: f64, blocks: &[f64]) -> Estimate {
    if count == 0 {
        return from_count(0, exposure);
    }
    let Estimate { mean, ci95 } = from_blocks(count as f64 / exposure, blocks);
    Estimate { mean, ci95: ci95.map(|[low, high]| [low.max(0.0), high]) }
}

/// A share of `of` trials of which `failed` failed, from the share in each block.
pub fn from_shares(failed: u64, of: u64, blocks: &[f64]) -> Option<[f64; 2]> {
    if of == 0 {
        return None;
    }
    let mean = 1.0 - failed as f64 / of as f64;
    if failed == 0 {
        return Some([(1.0 - garwood(0)[1] / of as f64).max(0.0), 1.0]);
    }
    half_width(blocks).map(|half| [(mean - half).max(0.0), (mean + half).min(1.0)])
}

/// The limits of the mean of a Poisson count.
fn garwood(count: u64) -> [f64; 2] {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let quantile = |degrees: f64, share: f64| {
        ChiSquared::new(degrees).map_or(f64::NAN, |distribution| distribution.inverse_cdf(share) / 2.0)
    };
    let low = if count == 0 { 0.0 } else { quantile(2.0 * count as f64, tail) };
    [low, quantile(2.0 * (count as f64 + 1.0), 1.0 - tail)]
}

fn half_width(blocks: &[f64]) -> Option<f64> {
    let n = blocks.len() as f64;
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    let mean = blocks.iter().sum::<f64>() / n;
    let variance = blocks.iter().map(|block| (block - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(t * (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-3, "{actual}, not {expected}");
    }

    /// Values from Garwood's table.
    #[test]
    fn an_exact_interval_is_the_tables() {
        for (count, low, high) in
            [(0, 0.0, 3.689), (1, 0.0253, 5.572), (3, 0.6187, 8.767), (10, 4.795, 18.390)]
        {
            let [lower, upper] = from_count(count, 1.0).ci95.unwrap();
            close(lower, low);
            close(upper, high);
        }
    }

    /// Student's own example: t of 95% with 4 degrees of freedom is 2.776.
    #[test]
    fn blocks_by_hand() {
        let estimate = from_blocks(3.0, &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let [low, high] = estimate.ci95.unwrap();
        close(high - 3.0, 2.776 * (2.5_f64 / 5.0).sqrt());
        close(3.0 - low, 2.776 * (2.5_f64 / 5.0).sqrt());
    }

    #[test]
    fn one_block_gives_no_interval_and_no_hit_an_exact_one() {
        assert_eq!(from_blocks(1.0, &[1.0]).ci95, None);
        close(from_clustered(0, 24.0, &[0.0; 24]).ci95.unwrap()[1], 3.689 / 24.0);
        assert_eq!(from_shares(0, 0, &[]), None);
    }

    #[test]
    fn a_rate_is_not_negative_and_a_share_not_above_one() {
        assert_eq!(from_clustered(1, 5.0, &[1.0, 0.0, 0.0, 0.0, 0.0]).ci95.unwrap()[0], 0.0);
        assert_eq!(from_shares(1, 50, &[0.9, 1.0, 1.0, 1.0, 1.0]).unwrap()[1], 1.0);
    }
}
