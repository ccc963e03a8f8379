//! The laws by which limits are tuned: one algorithm a file, its settings beside it.

mod aimd;
mod aws_cubic;
mod concurrency_range;
mod fixed;
mod inspect;
mod netflix_aimd;
mod netflix_gradient;
mod predictive;

use std::fmt;
use std::str::FromStr;

use limiter_core::{Limits, Time};
use serde::{Deserialize, Serialize};

pub use aimd::{Aimd, AimdSettings};
pub use aws_cubic::AwsCubic;
pub use concurrency_range::ConcurrencyRange;
pub use fixed::Fixed;
pub use inspect::Inspect;
pub use netflix_aimd::{NetflixAimd, NetflixAimdSettings};
pub use netflix_gradient::NetflixGradient;
pub use predictive::Predictive;

use crate::adjustment::Reason;
use crate::outcome::Feedback;

/// How much may be sent. Told what became of calls and what time it is, it answers with new limits, or
/// nothing.
///
/// What [`ControlLoop`](crate::ControlLoop) does for every controller is left to it: dropping old news, floor
/// and ceiling, and not to learn at all.
pub trait Controller {
    /// The limits that it starts from, where the operator has set `set`: what a law knows nothing of, it
    /// leaves free.
    fn start(&self, set: Limits) -> Limits {
        set
    }

    /// Whether it is told of calls that were granted before the last cut, too. Most have no use for them: a
    /// refusal was answered by that cut, and a success proves nothing about a level that has been refused
    /// since.
    fn hears_old_news(&self) -> bool {
        false
    }

    /// What became of a call that was granted under `limits` or older ones.
    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)>;

    /// Does what is due by `now`.
    fn wake(&mut self, limits: &Limits, now: Time) -> Option<(Limits, Reason)>;

    /// When it wants to be woken; `None`: it has no such wish.
    fn next_wake(&self) -> Option<Time>;
}

/// The name of a controller that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The limits that it starts with, for ever.
    Fixed,
    /// Additive increase, multiplicative decrease.
    Aimd,
    /// The send rate of the AWS SDKs' adaptive retry mode.
    AwsCubic,
    /// Netflix's limit on calls in flight by their latency.
    NetflixGradient,
    /// Netflix's limit on calls in flight by drops and latency.
    NetflixAimd,
    /// Inspect's adaptive connections.
    Inspect,
    /// Ours: reads limits off refusals, holds under them, and probes within a budget.
    Predictive,
}

/// Any of the controllers, with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnyController {
    /// See [`Fixed`].
    Fixed(Fixed),
    /// See [`Aimd`].
    Aimd(Aimd),
    /// See [`AwsCubic`].
    AwsCubic(AwsCubic),
    /// See [`NetflixGradient`].
    NetflixGradient(NetflixGradient),
    /// See [`NetflixAimd`].
    NetflixAimd(NetflixAimd),
    /// See [`Inspect`].
    Inspect(Inspect),
    /// See [`Predictive`]; boxed, as it remembers the most.
    Predictive(Box<Predictive>),
}

/// There is no controller of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no controller '{0}'")]
pub struct UnknownController(pub String);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Fixed,
        Self::Aimd,
        Self::AwsCubic,
        Self::NetflixGradient,
        Self::NetflixAimd,
        Self::Inspect,
        Self::Predictive,
    ];

    /// The name that configurations, tables and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Aimd => "aimd",
            Self::AwsCubic => "aws-cubic",
            Self::NetflixGradient => "netflix-gradient",
            Self::NetflixAimd => "netflix-aimd",
            Self::Inspect => "inspect",
            Self::Predictive => "predictive",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownController;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownController(name.to_owned()))
    }
}

impl AnyController {
    fn law(&self) -> &dyn Controller {
        match self {
            Self::Fixed(law) => law,
            Self::Aimd(law) => law,
            Self::AwsCubic(law) => law,
            Self::NetflixGradient(law) => law,
            Self::NetflixAimd(law) => law,
            Self::Inspect(law) => law,
            Self::Predictive(law) => law.as_ref(),
        }
    }

    fn law_mut(&mut self) -> &mut dyn Controller {
        match self {
            Self::Fixed(law) => law,
            Self::Aimd(law) => law,
            Self::AwsCubic(law) => law,
            Self::NetflixGradient(law) => law,
            Self::NetflixAimd(law) => law,
            Self::Inspect(law) => law,
            Self::Predictive(law) => law.as_mut(),
        }
    }
}

impl Controller for AnyController {
    fn start(&self, set: Limits) -> Limits {
        self.law().start(set)
    }

    fn hears_old_news(&self) -> bool {
        self.law().hears_old_news()
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        self.law_mut().observe(feedback, limits, now)
    }

    fn wake(&mut self, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        self.law_mut().wake(limits, now)
    }

    fn next_wake(&self) -> Option<Time> {
        self.law().next_wake()
    }
}
