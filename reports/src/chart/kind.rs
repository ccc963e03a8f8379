//! The marks of a controller's reasons.

use adaptive::Reason;

use crate::chart::canvas::Triangle;
use crate::palette::{BLACK, Ink, QUIET, REFUSED};

/// What a mark stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Refused,
    Revealed,
    Probed,
    Climbed,
    Told,
    Unrefused,
    Slow,
    Spaced,
}

impl Kind {
    /// In the order of a legend.
    pub(crate) const ALL: [Self; 8] = [
        Self::Refused,
        Self::Revealed,
        Self::Probed,
        Self::Climbed,
        Self::Told,
        Self::Unrefused,
        Self::Slow,
        Self::Spaced,
    ];

    /// The mark of a reason, whatever its dimension.
    pub(crate) const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Refused(_) => Self::Refused,
            Reason::Revealed(_) => Self::Revealed,
            Reason::Probed(_) => Self::Probed,
            Reason::Climbed(_) => Self::Climbed,
            Reason::Unrefused => Self::Unrefused,
            Reason::Slow => Self::Slow,
            Reason::Told(_) => Self::Told,
            Reason::Braked | Reason::Released => Self::Spaced,
        }
    }

    /// What a legend says of it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Refused => "cut on a refusal",
            Self::Revealed => "read off a refusal",
            Self::Probed => "probe",
            Self::Climbed => "climbed on",
            Self::Unrefused => "not refused",
            Self::Slow => "slow answer",
            Self::Told => "foretold or stated",
            Self::Spaced => "calls spaced",
        }
    }

    /// Down for what usually lowers a limit, up for what raises one; the colour of refusals for what they caused.
    pub(crate) const fn look(self) -> (Triangle, Ink) {
        let (down, up) = (false, true);
        match self {
            Self::Refused => (Triangle { up: down, hollow: false }, REFUSED),
            Self::Revealed => (Triangle { up: down, hollow: true }, REFUSED),
            Self::Probed => (Triangle { up, hollow: false }, BLACK),
            Self::Climbed => (Triangle { up, hollow: true }, BLACK),
            Self::Unrefused => (Triangle { up, hollow: true }, QUIET),
            Self::Slow => (Triangle { up: down, hollow: true }, QUIET),
            Self::Told => (Triangle { up, hollow: false }, QUIET),
            Self::Spaced => (Triangle { up: down, hollow: false }, QUIET),
        }
    }
}
