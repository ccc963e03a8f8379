//! A scenario as it is written, and how it becomes one that cannot be wrong.
//!
//! Each file holds the keys of one table with their defaults, and the rules that they must keep.

mod arrivals;
mod clients;
mod log_normal;
mod provider;
mod sessions;
mod stepped;

use std::ops::Bound::{Excluded, Included};

use limiter_core::Time;
use serde::Deserialize;
use settings::{Cursor, Document, SettingsError};

use super::Scenario;

/// The longest horizon, in hours: a leap year.
const MAX_HOURS: f64 = 24.0 * 366.0;

/// Moments and periods beyond this many hours are taken for slips; it is more than a century.
const MAX_HOUR: f64 = 1e6;

/// The most calls that a scenario may ask for in all, so that every run ends.
const MAX_CALLS: f64 = 1e9;

/// Why a text is not a scenario: the key, the line, what is there, and what may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ScenarioError(#[from] SettingsError);

impl ScenarioError {
    /// The key at fault, its place and what is wrong there, apart.
    pub fn detail(&self) -> &SettingsError {
        &self.0
    }
}

impl Scenario {
    /// Reads a scenario; `origin` (a file's name, or that of a built-in scenario) is what errors call the text.
    ///
    /// # Errors
    /// Where the text is not TOML, a key is unknown, missing or of another type, or a value breaks a rule.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ScenarioError> {
        let document = Document::parse(origin, text)?;
        let raw: RawScenario = document.read()?;
        Ok(raw.resolve(&document.root())?)
    }
}

/// The top of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: String,
    #[serde(default)]
    description: String,
    hours: f64,
    #[serde(default)]
    warmup_hours: f64,
    arrivals: arrivals::RawArrivals,
    #[serde(default)]
    clients: clients::RawClients,
    #[serde(default)]
    provider: provider::RawProvider,
}

impl RawScenario {
    fn resolve(self, at: &Cursor<'_>) -> Result<Scenario, SettingsError> {
        if self.name.is_empty() {
            return Err(at.key("name").reject("must not be empty"));
        }
        one_line(&self.name, 100, &at.key("name"))?;
        one_line(&self.description, 1_000, &at.key("description"))?;

        let hours = at.key("hours").within(self.hours, (Excluded(0.0), Included(MAX_HOURS)), "")?;
        let horizon = after_hours(hours);
        if horizon == Time::ZERO {
            return Err(at.key("hours").reject("must be at least a microsecond"));
        }
        let warmup_hours = at.key("warmup_hours");
        let before_the_end = "the statistics need what comes after it";
        warmup_hours.within(self.warmup_hours, 0.0..hours, before_the_end)?;
        let warmup = after_hours(self.warmup_hours);
        if warmup >= horizon {
            return Err(warmup_hours.reject("must end at least a microsecond before `hours`"));
        }

        let clients = self.clients.resolve(&at.key("clients"))?;
        Ok(Scenario {
            name: self.name,
            description: self.description,
            horizon,
            warmup,
            arrivals: self.arrivals.resolve(&at.key("arrivals"), hours, &clients)?,
            clients,
            provider: self.provider.resolve(&at.key("provider"), hours)?,
        })
    }
}

/// The moment that lies `hours` after the start.
fn after_hours(hours: f64) -> Time {
    Time::from_secs_f64(hours * 3_600.0)
}

fn one_line(text: &str, longest: usize, at: &Cursor<'_>) -> Result<(), SettingsError> {
    if text.chars().count() > longest {
        return Err(at.reject(format!("must have at most {longest} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(at.reject("must not hold line breaks or other control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
