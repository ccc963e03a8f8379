//! What can be compared: the controllers, and the two ends between which they lie.

use std::fmt;
use std::str::FromStr;

use adaptive::Kind;
use serde::{Deserialize, Serialize};

/// What stands between the clients and the provider in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Contender {
    /// No limiter at all.
    None,
    /// A controller.
    Controller(Kind),
    /// A limiter that knows the provider's limits: the ceiling.
    Oracle,
}

/// There is no controller of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no controller '{name}'{}; there are {}, and 'all' for all of them",
    nearest.map(|nearest| format!(" (did you mean '{nearest}'?)")).unwrap_or_default(),
    Contender::all().map(Contender::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownContender {
    name: String,
    nearest: Option<&'static str>,
}

impl Contender {
    /// All of them, in the order in which tables show them.
    pub fn all() -> impl Iterator<Item = Self> {
        let controllers = Kind::ALL.into_iter().map(Self::Controller);
        std::iter::once(Self::None).chain(controllers).chain(std::iter::once(Self::Oracle))
    }

    /// The name that the command line, tables and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Controller(kind) => kind.name(),
            Self::Oracle => "oracle",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Contender> for &'static str {
    fn from(contender: Contender) -> Self {
        contender.name()
    }
}

impl TryFrom<String> for Contender {
    type Error = UnknownContender;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl FromStr for Contender {
    type Err = UnknownContender;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::all().find(|contender| contender.name() == name).ok_or_else(|| {
            let nearest = settings::nearest(name, Self::all().map(Self::name));
            UnknownContender { name: name.escape_debug().to_string(), nearest }
        })
    }
}
