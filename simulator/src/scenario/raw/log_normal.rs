//! A log-normal distribution as it is written.

use std::ops::RangeInclusive;

use serde::Deserialize;
use settings::{Cursor, SettingsError};

use super::super::LogNormal;

/// Beyond this, half of the draws are off by a factor of 30: a slip, not a distribution of delays or tokens.
const MAX_SIGMA: f64 = 5.0;

/// `{ median = …, sigma = … }`; what is left out is what it is by default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLogNormal {
    median: Option<f64>,
    sigma: Option<f64>,
}

impl RawLogNormal {
    pub(super) fn resolve(
        &self,
        at: &Cursor<'_>,
        default: LogNormal,
        medians: RangeInclusive<f64>,
    ) -> Result<LogNormal, SettingsError> {
        Ok(LogNormal {
            median: at.key("median").within(self.median.unwrap_or(default.median), medians, "")?,
            sigma: sigma(self.sigma.unwrap_or(default.sigma), &at.key("sigma"))?,
        })
    }
}

/// A sigma, where it is one.
pub(super) fn sigma(sigma: f64, at: &Cursor<'_>) -> Result<f64, SettingsError> {
    at.within(sigma, 0.0..=MAX_SIGMA, "0 draws the median always")
}
