//! A change of the limits, and why.

use std::fmt;

use limiter_core::{Dimension, Limits, Time};

/// A change of the limits, to be applied to the store at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// When it was decided.
    pub at: Time,
    /// The limits until now.
    pub from: Limits,
    /// The limits from now on.
    pub to: Limits,
    /// Why.
    pub reason: Reason,
}

/// Why limits were changed: what logs and charts show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A refusal was put down to this dimension.
    Refused(Dimension),
    /// Demand pressed against the limits, and nothing was refused for long enough.
    Unrefused,
}

impl Reason {
    /// Whether a refusal is behind it.
    pub const fn is_cut(self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(dimension) => write!(f, "refused for {}", dimension.name()),
            Self::Unrefused => f.write_str("pressed and not refused"),
        }
    }
}
