//! What can be wrong with a log, beyond what can be wrong with a trace.

use std::path::{Path, PathBuf};

use super::Logged;
use crate::trace::TraceError;

/// Why a file is no log that can be calibrated on.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// What can be wrong with any trace.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It does not say what became of the calls.
    #[error(
        "{}:{line}: found no `outcome`, without which nothing can be told of the limits; record for each attempt \
         `outcome` (success, refused, overload, timeout or failed), the provider's `code`, when it was sent \
         (`granted_s`) and how long it took (`latency_s`)",
        file.display()
    )]
    NoOutcome {
        /// The log.
        file: PathBuf,
        /// The header's line, or that of the first row without one.
        line: u64,
    },
    /// Rows that do not tell of the same limits.
    #[error("{}: found rows of several runs or models, expected one of them; choose with {found}", file.display())]
    SeveralRuns {
        /// The log.
        file: PathBuf,
        /// The options that choose each.
        found: String,
    },
    /// No row is what was asked for.
    #[error("{}: found no row of that run or model; the file holds {found}", file.display())]
    NoSuchRun {
        /// The log.
        file: PathBuf,
        /// The options that choose each run there is.
        found: String,
    },
    /// Times that can only be milliseconds.
    #[error("{}: found {found}, which cannot be seconds; are they milliseconds? Divide them by 1,000", file.display())]
    Milliseconds {
        /// The log.
        file: PathBuf,
        /// What cannot be.
        found: String,
    },
}

/// Refuses times that are a thousand times too long: no scenario is longer than a year, and no answer usually takes
/// longer than a quarter of an hour.
pub(super) fn check_unit(path: &Path, attempts: &[Logged]) -> Result<(), LogError> {
    const YEAR_S: f64 = 366.0 * 86_400.0;
    const LONGEST_ANSWER_S: f64 = 900.0;
    let wrong = |found: String| LogError::Milliseconds { file: path.to_path_buf(), found };
    let first = attempts.iter().map(|attempt| attempt.arrival).min().unwrap_or_default();
    let last = attempts.iter().map(|attempt| attempt.arrival).max().unwrap_or_default();
    let span_s = last.since(first).as_secs_f64();
    if span_s > YEAR_S {
        return Err(wrong(format!("arrivals that span {:.0} days", span_s / 86_400.0)));
    }
    let mut answers: Vec<_> = attempts.iter().filter_map(Logged::took).collect();
    if answers.is_empty() {
        return Ok(());
    }
    let middle = answers.len() / 2;
    let median_s = answers.select_nth_unstable(middle).1.as_secs_f64();
    if median_s > LONGEST_ANSWER_S {
        return Err(wrong(format!("answers that take {median_s:.0} s, half of them or more")));
    }
    Ok(())
}
