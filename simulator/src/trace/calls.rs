//! The calls of a trace, one after the other.

use std::path::PathBuf;
use std::vec;

use limiter_core::{Micros, Time};

use super::TraceCall;
use super::error::TraceError;
use super::rows::Calls;
use super::servegen::Sampled;

/// The calls of a [`Trace`](super::Trace) in the order of their arrival.
///
/// Ends after the first error: the file cannot be read any more, or is not the one that was checked.
pub struct TraceCalls {
    path: PathBuf,
    source: Source,
}

enum Source {
    /// Read as they are asked for.
    Recorded(Recorded),
    /// All in memory, because the file is not sorted.
    Sorted(vec::IntoIter<TraceCall>),
    /// Drawn as they are asked for.
    Sampled(Sampled),
    Ended,
}

/// The calls of a file that has been checked, counted from its origin.
pub(super) struct Recorded {
    pub(super) calls: Calls,
    /// On the file's own clock.
    pub(super) origin: Time,
    /// From the origin to the last arrival.
    pub(super) span: Micros,
    /// Calls that are still to come.
    pub(super) remaining: u64,
    /// Whether the calls come in the order of their arrival.
    pub(super) sorted: bool,
    /// The last call's arrival.
    pub(super) previous: Time,
}

impl TraceCalls {
    /// The calls of a file; an unsorted one is read into memory here and sorted, ties in the file's order.
    pub(super) fn recorded(path: PathBuf, mut recorded: Recorded) -> Result<Self, TraceError> {
        if recorded.sorted {
            return Ok(Self { path, source: Source::Recorded(recorded) });
        }
        let mut calls = Vec::new();
        while let Some(call) = recorded.next().map_err(|error| changed(&path, error))? {
            calls.push(call);
        }
        calls.sort_by_key(|call| call.arrival);
        Ok(Self { path, source: Source::Sorted(calls.into_iter()) })
    }

    /// Calls that are sampled from windows.
    pub(super) fn sampled(path: PathBuf, sampled: Sampled) -> Self {
        Self { path, source: Source::Sampled(sampled) }
    }
}

impl Iterator for TraceCalls {
    type Item = Result<TraceCall, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.source {
            Source::Recorded(recorded) => recorded.next(),
            Source::Sampled(sampled) => sampled.next().map_err(Failure::Read),
            Source::Sorted(calls) => Ok(calls.next()),
            Source::Ended => Ok(None),
        };
        match next {
            Ok(Some(call)) => Some(Ok(call)),
            Ok(None) => {
                self.source = Source::Ended;
                None
            }
            Err(failure) => {
                self.source = Source::Ended;
                Some(Err(changed(&self.path, failure)))
            }
        }
    }
}

/// Why a file that was checked does not give its calls.
enum Failure {
    Read(TraceError),
    Differs(&'static str),
}

impl Recorded {
    fn next(&mut self) -> Result<Option<TraceCall>, Failure> {
        let Some(call) = self.calls.next().map_err(Failure::Read)? else {
            return if self.remaining == 0 { Ok(None) } else { Err(Failure::Differs("fewer calls")) };
        };
        let arrival = Time::ZERO + call.arrival.since(self.origin);
        let within = call.arrival >= self.origin && arrival.since(Time::ZERO) <= self.span;
        if !within || (self.sorted && arrival < self.previous) {
            return Err(Failure::Differs("other arrivals"));
        }
        self.previous = arrival;
        self.remaining = self.remaining.checked_sub(1).ok_or(Failure::Differs("more calls"))?;
        Ok(Some(TraceCall { arrival, ..call }))
    }
}

/// Every row was right when the file was checked, so that a wrong one is another.
fn changed(file: &std::path::Path, failure: Failure) -> TraceError {
    let found = match failure {
        Failure::Read(error @ (TraceError::Io { .. } | TraceError::Denied { .. })) => return error,
        Failure::Read(error) => format!("found another row than before ({error})"),
        Failure::Differs(what) => format!("found {what} than before"),
    };
    TraceError::Changed { file: file.to_path_buf(), found }
}
