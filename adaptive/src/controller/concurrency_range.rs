//! Where a law that limits calls in flight starts, and between what it stays.

use std::num::NonZeroU64;

use limiter_core::{Limits, MAX_LIMIT};
use serde::{Deserialize, Serialize};

use crate::settings::InvalidSetting;

/// Where a law that limits calls in flight starts, and between what it stays: what each of the peers'
/// libraries asks its user for. What the operator sets for every controller goes over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyRange {
    /// Calls in flight at least; 1 or more.
    pub min_concurrency: u64,
    /// Calls in flight at the start.
    pub start_concurrency: u64,
    /// Calls in flight at most.
    pub max_concurrency: u64,
}

impl ConcurrencyRange {
    /// The limit nearest to `limit` that is within the range; a fraction is cut off.
    pub(super) fn clamp(&self, limit: f64) -> f64 {
        limit.min(self.max_concurrency as f64).max(self.min_concurrency as f64)
    }

    /// The range itself, if it is one; `keys` are those of its fields, in their order.
    ///
    /// # Errors
    /// Where the least is 0 or the three are not in order.
    pub(crate) fn checked(self, keys: [&'static str; 3]) -> Result<Self, InvalidSetting> {
        let Self { min_concurrency: min, start_concurrency: start, max_concurrency: max } = self;
        let broken = [
            (min == 0, keys[0], min, "must be at least 1: a limit of 0 lets nothing through"),
            (start < min, keys[1], start, "must not be below min_concurrency"),
            (start > max, keys[1], start, "must not be above max_concurrency"),
            (max > MAX_LIMIT, keys[2], max, "must be at most 2^53 (9007199254740992)"),
        ];
        match broken.into_iter().find(|(is_broken, ..)| *is_broken) {
            Some((_, key, value, rule)) => Err(InvalidSetting { key, value: value.to_string(), rule }),
            None => Ok(self),
        }
    }
}

/// `limits`, but with `limit` calls in flight.
pub(super) fn with_concurrency(limits: &Limits, limit: u64) -> Limits {
    Limits { concurrency: NonZeroU64::new(limit), ..*limits }
}
