//! A change of the limits, and why.

use std::fmt;
use std::str::FromStr;

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
    /// What happened on earlier days at this time, or what the provider states of this dimension's limit, says so.
    Told(Dimension),
    /// The platform is overloaded, or has asked to wait: calls are spaced.
    Braked,
    /// It is so no more.
    Released,
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

/// There is no reason of those words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no reason '{0}' for an adjustment")]
pub struct UnknownReason(pub String);

impl Reason {
    /// All of them, dimension by dimension where they name one.
    pub fn all() -> impl Iterator<Item = Self> {
        let named = [Self::Refused, Self::Revealed, Self::Probed, Self::Climbed, Self::Told];
        let each = named.into_iter().flat_map(|reason| Dimension::ALL.map(reason));
        each.chain([Self::Braked, Self::Released, Self::Unrefused, Self::Slow])
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    /// The reason of the words that [`Display`](fmt::Display) writes.
    fn from_str(words: &str) -> Result<Self, Self::Err> {
        let found = Self::all().find(|reason| reason.to_string() == words);
        found.ok_or_else(|| UnknownReason(words.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(dimension) => write!(f, "refused for {}", dimension.name()),
            Self::Revealed(dimension) => write!(f, "revealed for {}", dimension.name()),
            Self::Probed(dimension) => write!(f, "probed for {}", dimension.name()),
            Self::Climbed(dimension) => write!(f, "climbed for {}", dimension.name()),
            Self::Told(dimension) => write!(f, "told for {}", dimension.name()),
            Self::Braked => f.write_str("overloaded or asked to wait"),
            Self::Released => f.write_str("no more overloaded or asked to wait"),
            Self::Unrefused => f.write_str("pressed and not refused"),
            Self::Slow => f.write_str("answered slowly"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile with a reason that has no place here: give it one, and list it in [`Reason::all`].
    fn place(reason: Reason) -> usize {
        match reason {
            Reason::Refused(_) => 0,
            Reason::Revealed(_) => 1,
            Reason::Probed(_) => 2,
            Reason::Climbed(_) => 3,
            Reason::Unrefused => 4,
            Reason::Slow => 5,
            Reason::Told(_) => 6,
            Reason::Braked => 7,
            Reason::Released => 8,
        }
    }

    #[test]
    fn all_reasons_are_listed() {
        let places: std::collections::BTreeSet<_> = Reason::all().map(place).collect();
        assert!(places.into_iter().eq(0..9));
    }

    #[test]
    fn a_reason_is_read_from_its_words() {
        for reason in Reason::all() {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!("refused for fun".parse::<Reason>(), Err(UnknownReason("refused for fun".to_owned())));
    }
}
