//! The laws by which limits are tuned: one algorithm a file, its settings beside it.

mod aimd;
mod fixed;

use std::fmt;
use std::str::FromStr;

use limiter_core::{Limits, Time};
use serde::{Deserialize, Serialize};

pub use aimd::{Aimd, AimdSettings};
pub use fixed::Fixed;

use crate::adjustment::Reason;
use crate::outcome::Feedback;

/// How much may be sent. Told what became of calls and what time it is, it answers with new limits, or nothing.
///
/// What [`ControlLoop`](crate::ControlLoop) does for every controller is left to it: refusals that are old
/// news, floor and ceiling, and not to learn at all.
pub trait Controller {
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
}

/// Any of the controllers, with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnyController {
    /// See [`Fixed`].
    Fixed(Fixed),
    /// See [`Aimd`].
    Aimd(Aimd),
}

/// There is no controller of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no controller '{0}'")]
pub struct UnknownController(pub String);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Fixed, Self::Aimd];

    /// The name that configurations, tables and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Aimd => "aimd",
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

impl Controller for AnyController {
    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        match self {
            Self::Fixed(controller) => controller.observe(feedback, limits, now),
            Self::Aimd(controller) => controller.observe(feedback, limits, now),
        }
    }

    fn wake(&mut self, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        match self {
            Self::Fixed(controller) => controller.wake(limits, now),
            Self::Aimd(controller) => controller.wake(limits, now),
        }
    }

    fn next_wake(&self) -> Option<Time> {
        match self {
            Self::Fixed(controller) => controller.next_wake(),
            Self::Aimd(controller) => controller.next_wake(),
        }
    }
}
