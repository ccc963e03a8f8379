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
    /// A refusal revealed this dimension's limit: what was accepted at that moment.
    Revealed(Dimension),
    /// Nothing was refused for long, demand presses, and the budget has a refusal to spare: is there more?
    Probed(Dimension),
    /// The last raise was accepted, so there is more.
    Climbed(Dimension),
    /// Demand pressed against the limits, and nothing was refused for long enough.
    Unrefused,
    /// An answer took longer than usual, which some laws take for a queue at the provider.
    Slow,
}

impl Reason {
    /// Whether a refusal is behind it.
    pub const fn is_cut(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Revealed(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(dimension) => write!(f, "refused for {}", dimension.name()),
            Self::Revealed(dimension) => write!(f, "revealed for {}", dimension.name()),
            Self::Probed(dimension) => write!(f, "probed for {}", dimension.name()),
            Self::Climbed(dimension) => write!(f, "climbed for {}", dimension.name()),
            Self::Unrefused => f.write_str("pressed and not refused"),
            Self::Slow => f.write_str("answered slowly"),
        }
    }
}
