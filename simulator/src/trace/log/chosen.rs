//! The rows of a log that belong together.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{LogError, check_unit};
use super::{Log, Logged, Row};
use crate::trace::error::{Fault, TraceError, excerpt};

/// More runs than a file of any use holds.
const MOST_ORIGINS: usize = 10_000;

/// Which rows of a file to read, where it holds several runs or models; `None` takes the only one there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `scenario`, of a `calls.csv`.
    pub scenario: Option<String>,
    /// `controller`, of a `calls.csv`.
    pub controller: Option<String>,
    /// `replication`, of a `calls.csv`.
    pub replication: Option<u32>,
    /// `model`: limits are an account's for a model.
    pub model: Option<String>,
}

/// What rows of one file have in common when they tell of the same limits; what a row does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    scenario: String,
    controller: String,
    replication: String,
    model: String,
}

/// The rows of the choice so far, and what else there is.
pub(super) struct Gathered<'a> {
    path: &'a Path,
    choice: &'a Choice,
    replication: Option<String>,
    attempts: Vec<Logged>,
    /// Where all rows come from, and whether the choice takes them.
    origins: BTreeMap<Origin, bool>,
    /// The origin of the rows that are kept: the first that fits.
    kept: Option<Origin>,
    /// The last line.
    pub(super) line: u64,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(path: &'a Path, choice: &'a Choice) -> Self {
        let replication = choice.replication.map(|replication| replication.to_string());
        Self {
            path,
            choice,
            replication,
            attempts: Vec::new(),
            origins: BTreeMap::new(),
            kept: None,
            line: 0,
        }
    }

    /// The attempt, where its row is one of those asked for.
    pub(super) fn take(&mut self, row: &Row<'_>) -> Option<Logged> {
        if self.kept.as_ref().is_some_and(|kept| kept.is(row)) {
            return Some(row.logged);
        }
        let (origin, fits) = (Origin::of(row), self.fits(row));
        let first = fits && self.kept.is_none();
        if first {
            self.kept = Some(origin.clone());
        }
        if self.origins.len() < MOST_ORIGINS {
            self.origins.insert(origin, fits);
        }
        first.then_some(row.logged)
    }

    pub(super) fn keep(&mut self, attempt: Option<Logged>, line: u64) -> Result<(), LogError> {
        let Some(attempt) = attempt else { return Ok(()) };
        let order = [
            ("granted_s", attempt.granted, attempt.arrival, "a time not before `arrival_s`"),
            ("provider_s", attempt.reached, attempt.arrival, "a time not before `arrival_s`"),
            ("finished_s", attempt.finished, attempt.sent(), "a time not before the attempt was sent"),
        ];
        for (column, time, earliest, expected) in order {
            if let Some(time) = time.filter(|time| *time < earliest) {
                let found = format!("{:?}", time.as_secs_f64());
                let fault = Fault::field(column, found.as_bytes(), expected);
                return Err(fault.at(self.path.to_path_buf(), line).into());
            }
        }
        self.attempts.push(attempt);
        Ok(())
    }

    fn fits(&self, row: &Row<'_>) -> bool {
        let fits = |asked: Option<&String>, found: &str| asked.is_none_or(|asked| asked == found);
        fits(self.choice.scenario.as_ref(), row.scenario)
            && fits(self.choice.controller.as_ref(), row.controller)
            && fits(self.replication.as_ref(), row.replication)
            && fits(self.choice.model.as_ref(), row.model)
    }

    pub(super) fn finish(self) -> Result<Log, LogError> {
        let file = self.path.to_path_buf();
        if self.attempts.is_empty() {
            if self.origins.is_empty() {
                return Err(TraceError::NoCalls { file, line: self.line }.into());
            }
            return Err(LogError::NoSuchRun { file, found: self.told(false) });
        }
        if self.origins.values().filter(|fits| **fits).count() > 1 {
            return Err(LogError::SeveralRuns { file, found: self.told(true) });
        }
        check_unit(self.path, &self.attempts)?;
        Ok(Log { attempts: self.attempts })
    }
}

impl Gathered<'_> {
    /// The options that choose each origin, or each that fits; at most a few of them.
    fn told(&self, fitting: bool) -> String {
        const MOST: usize = 6;
        let told = self.origins.iter().filter(|(_, fits)| **fits || !fitting);
        let mut told: Vec<_> = told.map(|(origin, _)| origin.options()).collect();
        let more = told.len().saturating_sub(MOST);
        told.truncate(MOST);
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        told.join("; ")
    }
}

impl Origin {
    fn of(row: &Row<'_>) -> Self {
        let [scenario, controller, replication, model] =
            [row.scenario, row.controller, row.replication, row.model].map(str::to_owned);
        Self { scenario, controller, replication, model }
    }

    fn is(&self, row: &Row<'_>) -> bool {
        // The cheapest to compare first: this is asked of every row.
        self.replication == row.replication
            && self.controller == row.controller
            && self.scenario == row.scenario
            && self.model == row.model
    }

    /// The options that choose it.
    fn options(&self) -> String {
        let parts = [
            ("scenario", &self.scenario),
            ("controller", &self.controller),
            ("replication", &self.replication),
            ("model", &self.model),
        ];
        let named = parts.iter().filter(|(_, value)| !value.is_empty());
        let named: Vec<_> =
            named.map(|(option, value)| format!("--{option} {}", excerpt(value.as_bytes()))).collect();
        if named.is_empty() { "rows that name none".to_owned() } else { named.join(" ") }
    }
}
