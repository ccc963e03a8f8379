//! Traces of calls, in every format that users have them in.
//!
//! [`Trace::open`] checks the whole file once; [`Trace::calls`] then streams it, as often as there are replications.
//! Formats are told by what a file holds, never by its name. Arrivals of our own format count from the trace's start
//! as they are written; those of all others from the first call, or the first window.

mod azure;
mod burstgpt;
mod calls;
mod error;
mod format;
mod lines;
mod log;
mod mooncake;
mod number;
mod ratepilot;
mod rows;
mod servegen;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod write;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use limiter_core::{Micros, Time};

pub use self::calls::TraceCalls;
pub use self::error::TraceError;
pub use self::format::{Format, ParseFormatError};
pub use self::log::{Choice, Log, LogError, Logged, LoggedOutcome};
pub use self::write::write_csv;

use self::calls::Recorded;
use self::format::Layout;
use self::lines::Lines;
use self::number::TEN_YEARS;
use self::rows::{Calls, Rows};
use self::servegen::{Sampled, Windows};

/// One call, as far as the trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceCall {
    /// When it arrives, counted from the trace's start.
    pub arrival: Time,
    /// Tokens of its prompt.
    pub input_tokens: Option<u32>,
    /// Tokens of its answer.
    pub output_tokens: Option<u32>,
    /// How long the provider took for it.
    pub latency: Option<Micros>,
    /// How urgent it is.
    pub priority: Option<u8>,
}

impl TraceCall {
    /// A call of which nothing is known but its arrival.
    pub const fn at(arrival: Time) -> Self {
        Self { arrival, input_tokens: None, output_tokens: None, latency: None, priority: None }
    }
}

/// A trace file of which every row has been checked.
#[derive(Clone, Debug)]
pub struct Trace {
    path: PathBuf,
    layout: Layout,
    version: Version,
    sha256: String,
    scan: Scan,
}

impl Trace {
    /// Reads the file at `path` once, in `format`, or in the one that its first line tells, and checks every row.
    ///
    /// # Errors
    /// What cannot be read, is empty, or is not what the format has in that place.
    pub fn open(path: impl AsRef<Path>, format: Option<Format>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let layout = format::layout(path, Lines::open(path)?, format)?;
        let lines = Lines::open(path)?.hashed();
        let version = Version::of(lines.metadata());
        let (scan, sha256) = match Rows::new(path, lines, layout)? {
            Rows::Calls(mut calls) => {
                (Scan::of_calls(path, &mut calls, layout.format)?, calls.lines().sha256())
            }
            Rows::Windows(mut windows) => (Scan::of_windows(path, &mut windows)?, windows.lines().sha256()),
        };
        let path = path.to_path_buf();
        Ok(Self { path, layout, version, sha256: sha256.unwrap_or_default(), scan })
    }

    /// Streams the calls in the order of their arrival. `seed` matters only where calls are sampled
    /// ([`Format::is_sampled`]): the same seed gives the same calls, each window from a stream of its own.
    ///
    /// Memory is bounded, but for an unsorted file, which is read and sorted here.
    ///
    /// # Errors
    /// What cannot be read any more, or has changed since it was opened.
    pub fn calls(&self, seed: u64) -> Result<TraceCalls, TraceError> {
        let lines = Lines::open(&self.path)?;
        if Version::of(lines.metadata()) != self.version {
            let found = "found another length or time of change".to_owned();
            return Err(TraceError::Changed { file: self.path.clone(), found });
        }
        let path = self.path.clone();
        match Rows::new(&self.path, lines, self.layout)? {
            Rows::Calls(calls) => {
                let Scan { origin, span, calls: remaining, was_unsorted, .. } = self.scan;
                let sorted = !was_unsorted;
                TraceCalls::recorded(
                    path,
                    Recorded { calls, origin, span, remaining, sorted, previous: Time::ZERO },
                )
            }
            Rows::Windows(windows) => {
                Ok(TraceCalls::sampled(path, Sampled::new(windows, self.scan.window, seed)))
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format it is in.
    pub fn format(&self) -> Format {
        self.layout.format
    }

    /// SHA-256 of the file's bytes, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The number of calls; where they are sampled, the expected one.
    pub fn call_count(&self) -> u64 {
        self.scan.calls
    }

    /// From the trace's start to the last arrival; where calls are sampled, to the last window's end.
    pub fn span(&self) -> Micros {
        self.scan.span
    }

    /// Whether the file's rows are not in the order of their arrival; [`Trace::calls`] sorts them.
    pub fn was_unsorted(&self) -> bool {
        self.scan.was_unsorted
    }
}

/// What tells one state of a file from another, as far as that can be told without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    bytes: u64,
    /// `None` on a file system that does not say.
    modified: Option<SystemTime>,
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// What one reading of a whole file finds.
#[derive(Clone, Copy, Debug)]
struct Scan {
    calls: u64,
    /// Where the trace starts on the file's own clock.
    origin: Time,
    span: Micros,
    was_unsorted: bool,
    /// The length of a window, where calls are sampled.
    window: Micros,
}

impl Scan {
    fn of_calls(path: &Path, calls: &mut Calls, format: Format) -> Result<Self, TraceError> {
        let mut count = 0;
        let mut was_unsorted = false;
        let mut previous = Time::ZERO;
        let (mut origin, mut last) = (Time::MAX, Time::ZERO);
        if format == Format::Ratepilot {
            origin = Time::ZERO;
        }
        while let Some(call) = calls.next()? {
            count += 1;
            was_unsorted |= call.arrival < previous;
            previous = call.arrival;
            origin = origin.min(call.arrival);
            last = last.max(call.arrival);
            check_span(path, calls.lines(), last.since(origin))?;
        }
        if count == 0 {
            return Err(no_calls(path, calls.lines()));
        }
        Ok(Self { calls: count, origin, span: last.since(origin), was_unsorted, window: Micros::ZERO })
    }

    fn of_windows(path: &Path, windows: &mut Windows) -> Result<Self, TraceError> {
        let mut calls_per_second = 0.0;
        let mut end = Time::ZERO;
        while let Some(window) = windows.next()? {
            calls_per_second += window.calls_per_second();
            end = window.end(windows.length());
            check_span(path, windows.lines(), end.since(Time::ZERO))?;
        }
        if calls_per_second == 0.0 {
            return Err(no_calls(path, windows.lines()));
        }
        let window = windows.length();
        // Bounded by ten years at the highest rate allowed, so that the cast is exact.
        let calls = (calls_per_second * window.as_secs_f64()).round() as u64;
        Ok(Self { calls, origin: Time::ZERO, span: end.since(Time::ZERO), was_unsorted: false, window })
    }
}

fn check_span(path: &Path, lines: &Lines, span: Micros) -> Result<(), TraceError> {
    if span <= TEN_YEARS {
        return Ok(());
    }
    let found_days = span.as_secs_f64() / 86_400.0;
    Err(TraceError::TooLong { file: path.to_path_buf(), line: lines.number(), found_days })
}

fn no_calls(path: &Path, lines: &Lines) -> TraceError {
    TraceError::NoCalls { file: path.to_path_buf(), line: lines.number() }
}
