//! What may be sent: the limits of one pool.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::error::LimitError;
use crate::time::Micros;

/// The largest limit: integers up to here are exact in every store, doubles included.
pub const MAX_LIMIT: u64 = 1 << 53;

/// One of the dimensions in which a provider limits its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Calls granted within the sliding window.
    Calls,
    /// Tokens reserved or used within the sliding window.
    Tokens,
    /// Calls in flight: granted and not yet completed.
    Concurrency,
    /// The least spacing between two grants.
    Pacing,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Calls, Self::Tokens, Self::Concurrency, Self::Pacing];

    /// The word that messages, logs and charts use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
            Self::Pacing => "pacing",
        }
    }
}

/// The limits of one pool; an absent dimension does not limit.
///
/// The version grows with every change, so that whoever was granted under an older one can be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Counts the changes; set by the pool, whatever a caller writes here.
    pub version: u64,
    /// Calls in any window of the pool's period.
    pub calls: Option<NonZeroU64>,
    /// Tokens in any window of the pool's period.
    pub tokens: Option<NonZeroU64>,
    /// Calls in flight at any moment.
    pub concurrency: Option<NonZeroU64>,
    /// The least span between two grants; zero does not pace.
    pub pacing: Micros,
}

impl Limits {
    /// The same limits but for their version?
    #[must_use]
    pub fn same_values(&self, other: &Self) -> bool {
        Self { version: 0, ..*self } == Self { version: 0, ..*other }
    }

    /// These limits, each lowered to that of `cut` where that is lower; longer pacing is lower.
    #[must_use]
    pub fn lowered_to(&self, cut: &Self) -> Self {
        let lower = |ours: Option<NonZeroU64>, cut: Option<NonZeroU64>| match (ours, cut) {
            (Some(ours), Some(cut)) => Some(ours.min(cut)),
            (ours, cut) => ours.or(cut),
        };
        Self {
            version: self.version,
            calls: lower(self.calls, cut.calls),
            tokens: lower(self.tokens, cut.tokens),
            concurrency: lower(self.concurrency, cut.concurrency),
            pacing: self.pacing.max(cut.pacing),
        }
    }

    /// Whether every store can keep to them.
    ///
    /// # Errors
    /// A limit above [`MAX_LIMIT`], or a pacing above [`Window::MAX_PERIOD`].
    pub fn check(&self) -> Result<(), LimitError> {
        let counts = [
            (Dimension::Calls, self.calls),
            (Dimension::Tokens, self.tokens),
            (Dimension::Concurrency, self.concurrency),
        ];
        for (dimension, limit) in counts {
            if let Some(limit) = limit.map(NonZeroU64::get).filter(|limit| *limit > MAX_LIMIT) {
                return Err(LimitError::AboveMax { dimension, limit });
            }
        }
        if self.pacing > Window::MAX_PERIOD {
            return Err(LimitError::PacingTooLong { pacing: self.pacing });
        }
        Ok(())
    }
}

/// How a pool counts: the length of its sliding window and the guard added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The length of the window that the provider counts in.
    pub period: Micros,
    /// Added to the period: a provider counts arrivals and we count departures, and two calls that leave
    /// 60.00 s apart may arrive 59.95 s apart.
    pub guard: Micros,
}

impl Window {
    /// The shortest period a pool accepts.
    pub const MIN_PERIOD: Micros = Micros::from_millis(10);
    /// The longest period a pool accepts: 31 days.
    pub const MAX_PERIOD: Micros = Micros::from_secs(31 * 24 * 3_600);

    /// The span during which a grant counts.
    pub fn span(self) -> Micros {
        self.period + self.guard
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for Window {
    /// A minute, and a guard of 200 ms.
    fn default() -> Self {
        Self { period: Micros::from_secs(60), guard: Micros::from_millis(200) }
    }
}
