//! A point of the sweep: a controller, and what it is set to.

use std::collections::BTreeMap;
use std::fmt;

use adaptive::Settings;
use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::sweep::{GridError, Value, setting};

/// A controller and the settings that it is tried with; all others are those of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// The controller.
    pub controller: Contender,
    /// By path. Settings that make no difference to this controller are not among them.
    pub settings: BTreeMap<String, Value>,
}

impl Point {
    /// The configuration that it stands for.
    ///
    /// # Errors
    /// Where there is no such setting.
    pub fn settings(&self, base: &Settings) -> Result<Settings, GridError> {
        setting::with(base, &self.settings)
            .map_err(|source| GridError::Unreadable { point: self.clone(), source })
    }
}

/// `predictive with limiter.max_calls_per_minute = 60, limiter.max_concurrency = 5`.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.controller)?;
        for (place, (path, value)) in self.settings.iter().enumerate() {
            write!(f, "{}{path} = {value}", if place == 0 { " with " } else { ", " })?;
        }
        Ok(())
    }
}
