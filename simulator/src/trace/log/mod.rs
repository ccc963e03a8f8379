//! A log of live calls: our own format with what became of each attempt, or one run of a `calls.csv`.
//!
//! A trace says what was asked; a log also says when each attempt was sent and ended, and how. Every row needs an
//! `arrival_s` and an `outcome`; the rest is optional, and what is missing cannot be estimated.

mod chosen;
mod columns;
mod error;
mod json;
#[cfg(test)]
mod tests;

use std::path::Path;

use limiter_core::{Micros, Time};

pub use self::chosen::Choice;
pub use self::error::LogError;

use self::chosen::Gathered;
use self::columns::Columns;
use super::error::{Fault, TraceError};
use super::format::is_json;
use super::lines::Lines;
use super::rows::{Table, fault_error, row_error};

/// The attempts of one account, one model and one run.
#[derive(Clone, Debug)]
pub struct Log {
    /// In the order of the file's rows; never empty.
    pub attempts: Vec<Logged>,
}

/// One attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When its call arrived at the client, on the log's clock.
    pub arrival: Time,
    /// When it was allowed to leave.
    pub granted: Option<Time>,
    /// When it reached the provider.
    pub reached: Option<Time>,
    /// When the provider was done with it, or when its answer had ended.
    pub finished: Option<Time>,
    /// How long its answer took.
    pub latency: Option<Micros>,
    /// Tokens of its prompt.
    pub input_tokens: Option<u32>,
    /// Tokens of its answer.
    pub output_tokens: Option<u32>,
    /// The call that it is an attempt of.
    pub call: Option<u64>,
    /// From 1.
    pub attempt: Option<u32>,
    /// What became of it.
    pub outcome: LoggedOutcome,
}

/// What became of a logged attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedOutcome {
    /// Served, and answered.
    Success,
    /// Served, and not answered in time.
    Timeout,
    /// Refused for a limit, with this code where it is a number.
    Refused(Option<u16>),
    /// Refused because the platform was overloaded.
    Overload,
    /// Anything that says nothing about limits: a network error, no balance, a quota of days.
    Failed,
}

impl Logged {
    /// When it left, as well as the log tells.
    pub fn sent(&self) -> Time {
        self.reached.or(self.granted).unwrap_or(self.arrival)
    }

    /// When it ended, where the log tells.
    pub fn ended(&self) -> Option<Time> {
        self.finished.or_else(|| self.latency.map(|latency| self.sent() + latency))
    }

    /// How long its answer took, where it had one and the log tells.
    pub fn took(&self) -> Option<Micros> {
        let answered = self.outcome == LoggedOutcome::Success;
        let took = self.latency.or_else(|| self.finished.map(|finished| finished.since(self.sent())));
        took.filter(|_| answered)
    }
}

impl LoggedOutcome {
    /// What a row's `outcome` and `code` mean together. GLM's codes and HTTP's say which refusals are none for a
    /// limit: an overload of the platform, or what waiting a minute does not cure.
    fn new(word: &str, code: Option<u16>) -> Option<Self> {
        Some(match (word, code) {
            ("success", _) => Self::Success,
            ("timeout", _) => Self::Timeout,
            ("failed", _) => Self::Failed,
            ("overload", _) | ("refused", Some(1305 | 1312 | 503 | 529)) => Self::Overload,
            ("refused", Some(402 | 1113 | 1211 | 1234 | 1301 | 1304 | 1308..=1311 | 1313 | 1316..=1321)) => {
                Self::Failed
            }
            ("refused", code) => Self::Refused(code),
            _ => return None,
        })
    }
}

/// A row with where it comes from, as a reader of either layout hands it out.
struct Row<'a> {
    logged: Logged,
    scenario: &'a str,
    controller: &'a str,
    replication: &'a str,
    model: &'a str,
}

impl Log {
    /// Reads the rows of the file at `path` that are the `choice`, and checks all of them. CSV and JSONL are told by the
    /// first line.
    ///
    /// # Errors
    /// What cannot be read, is empty, or is no log; a choice that fits no row, or more than one run or model.
    pub fn open(path: impl AsRef<Path>, choice: &Choice) -> Result<Self, LogError> {
        let path = path.as_ref();
        let mut gathered = Gathered::new(path, choice);
        if begins_as_json(path)? {
            read_json(path, &mut gathered)?;
        } else {
            read_csv(path, &mut gathered)?;
        }
        gathered.finish()
    }

    /// From the log's start, or from its first arrival where that is years later, as in seconds since 1970.
    pub fn origin(&self) -> Time {
        const YEARS: Time = Time::from_micros(100_000_000_000_000);
        let first = self.attempts.iter().map(|attempt| attempt.arrival).min().unwrap_or(Time::ZERO);
        if first >= YEARS { first } else { Time::ZERO }
    }
}

fn begins_as_json(path: &Path) -> Result<bool, LogError> {
    let (mut lines, mut first) = (Lines::open(path)?, Vec::new());
    if !lines.next_line(&mut first).map_err(|error| row_error(path, &lines, error))? {
        return Err(TraceError::Empty { file: path.to_path_buf() }.into());
    }
    if first.contains(&0) || std::str::from_utf8(&first).is_err() {
        let found = super::error::excerpt(&first);
        return Err(TraceError::Binary { file: path.to_path_buf(), line: lines.number(), found }.into());
    }
    Ok(is_json(&first))
}

fn read_csv(path: &Path, gathered: &mut Gathered<'_>) -> Result<(), LogError> {
    let mut table = Table::new(path, Lines::open(path)?);
    let header = table.next(Columns::new)?.ok_or_else(|| TraceError::Empty { file: path.to_path_buf() })?;
    if !header.has_outcome() {
        return Err(LogError::NoOutcome { file: path.to_path_buf(), line: table.lines().number() });
    }
    while let Some(kept) = table.next(|row| header.read(row).map(|row| gathered.take(&row)))? {
        gathered.keep(kept, table.lines().number())?;
    }
    gathered.line = table.lines().number();
    Ok(())
}

fn read_json(path: &Path, gathered: &mut Gathered<'_>) -> Result<(), LogError> {
    let (mut lines, mut line) = (Lines::open(path)?, Vec::new());
    while lines.next_line(&mut line).map_err(|error| row_error(path, &lines, error))? {
        let at = |fault: Fault| fault_error(path, &lines, fault);
        let row: json::Row = serde_json::from_slice(&line).map_err(|error| at(Fault::json(&line, &error)))?;
        if row.has_no_outcome() {
            return Err(LogError::NoOutcome { file: path.to_path_buf(), line: lines.number() });
        }
        let kept = row.read(|row| gathered.take(&row)).map_err(at)?;
        gathered.keep(kept, lines.number())?;
    }
    gathered.line = lines.number();
    Ok(())
}
