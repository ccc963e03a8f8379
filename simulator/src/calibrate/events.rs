//! A log as the provider saw it: what reached it when, and what it answered.

use std::ops::Range;

use limiter_core::{Micros, Time};

use super::rule::Dimension;
use crate::trace::{Log, Logged, LoggedOutcome};

/// An attempt that says something about limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When it reached the provider, as well as the log tells.
    pub at: Time,
    /// Until when it was in flight; `at` for a refusal.
    pub done: Time,
    /// Input and output together.
    pub tokens: u64,
    /// Whether it was refused for a limit; else it was accepted.
    pub refused: bool,
    /// Which limits a refusal may be for.
    pub may_be: Suspects,
}

/// The limits that a refusal's code leaves possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspects {
    /// GLM's 1302: too many calls in flight, or too densely.
    Count,
    /// GLM's 1303: too many tokens, or calls too often.
    Frequency,
    /// Any other code, or none.
    Any,
}

/// How exactly the log says when attempts reached the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// `provider_s`: exactly.
    Reached,
    /// `granted_s`: but for the network's delay.
    Granted,
    /// `arrival_s` only: but for all that a call waited before it was sent.
    Arrived,
}

/// The events of a log in the order in which they reached the provider, and what is known of them.
#[derive(Debug)]
pub(super) struct Events {
    pub all: Vec<Event>,
    pub timing: Timing,
    /// The network's delays, both ways, that are part of the log's times, as far as they show; sorted.
    pub round_trips: Vec<Micros>,
    /// Whether most accepted attempts say when they ended.
    pub knows_ends: bool,
    /// Whether most accepted attempts say their tokens.
    pub knows_tokens: bool,
    /// Whether they were not in this order in the log.
    pub were_unsorted: bool,
}

impl Suspects {
    fn of(code: Option<u16>) -> Self {
        match code {
            Some(1302) => Self::Count,
            Some(1303) => Self::Frequency,
            _ => Self::Any,
        }
    }

    /// Whether the refusal may be for that limit.
    pub fn contain(self, dimension: Dimension) -> bool {
        match self {
            Self::Count => dimension != Dimension::Tokens,
            Self::Frequency => dimension != Dimension::Concurrency,
            Self::Any => true,
        }
    }
}

impl Events {
    /// Those of `log`, counted from its origin. Overloads and failures say nothing about limits and are left out.
    pub fn of(log: &Log) -> Self {
        let accepted = || log.attempts.iter().filter(|attempt| is_accepted(attempt));
        let most = |has: &dyn Fn(&&Logged) -> bool| 2 * accepted().filter(has).count() > accepted().count();
        let timing = if most(&|attempt| attempt.reached.is_some()) {
            Timing::Reached
        } else if most(&|attempt| attempt.granted.is_some()) {
            Timing::Granted
        } else {
            Timing::Arrived
        };
        let (answers, output) = accepted()
            .filter_map(|attempt| attempt.output_tokens)
            .fold((0_u64, 0_u64), |(n, sum), tokens| (n + 1, sum + u64::from(tokens)));
        // What a refused call would have been answered is not known; providers do not know it either.
        let expected = output / answers.max(1);
        let origin = log.origin();
        let round_trips = if timing == Timing::Granted { round_trips(log) } else { Vec::new() };
        let one_way = Micros::new(middle(&round_trips).get() / 2);
        let event = |attempt: &Logged| {
            let at = Time::ZERO + attempt.sent().since(origin) + one_way;
            let refused = match attempt.outcome {
                LoggedOutcome::Success | LoggedOutcome::Timeout => None,
                LoggedOutcome::Refused(code) => Some(Suspects::of(code)),
                LoggedOutcome::Overload | LoggedOutcome::Failed => return None,
            };
            let ended = attempt.ended().map_or(at, |ended| Time::ZERO + ended.since(origin) - one_way);
            let output = attempt.output_tokens.map_or(expected, u64::from);
            Some(Event {
                at,
                done: if refused.is_some() { at } else { ended.max(at) },
                tokens: attempt.input_tokens.map_or(0, u64::from) + output,
                refused: refused.is_some(),
                may_be: refused.unwrap_or(Suspects::Any),
            })
        };
        let mut all: Vec<_> = log.attempts.iter().filter_map(event).collect();
        let were_unsorted = !all.is_sorted_by_key(|event| event.at);
        all.sort_by_key(|event| event.at);
        Self {
            all,
            timing,
            round_trips,
            knows_ends: most(&|attempt| attempt.ended().is_some()),
            knows_tokens: most(&|attempt| attempt.input_tokens.is_some() && attempt.output_tokens.is_some()),
            were_unsorted,
        }
    }

    /// The network's usual delay, both ways, that is part of the log's times; zero where it does not show.
    pub fn round_trip(&self) -> Micros {
        middle(&self.round_trips)
    }

    /// All of them.
    pub fn whole(&self) -> Sample<'_> {
        Sample { events: &self.all, ranges: std::iter::once(0..self.all.len()).collect() }
    }

    /// At most so many of them: the beginning, where a bucket is full, and in each further one of `parts` of the log the
    /// run in which answers change most often.
    pub fn sample(&self, parts: usize, most: usize) -> Sample<'_> {
        if self.all.len() <= most {
            return self.whole();
        }
        let part = self.all.len() / parts;
        let range = |number: usize| most_telling(&self.all, number * part..(number + 1) * part, most / parts);
        let ranges = std::iter::once(0..most / parts).chain((1..parts).map(range));
        Sample { events: &self.all, ranges: ranges.collect() }
    }
}

/// The events that are looked at. What came between still counts in windows and in flight.
#[derive(Clone, Debug)]
pub(super) struct Sample<'a> {
    pub events: &'a [Event],
    /// In order, and apart.
    pub ranges: Vec<Range<usize>>,
}

impl Sample<'_> {
    /// The events' indices, in order.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// How many of them there are, and how many are refusals.
    pub fn counts(&self) -> (u64, u64) {
        let count = |(all, refused), index: usize| (all + 1, refused + u64::from(self.events[index].refused));
        self.indices().fold((0, 0), count)
    }
}

/// The first run of so many events in which as often as in any an acceptance follows a refusal, or the reverse.
fn most_telling(events: &[Event], within: Range<usize>, run: usize) -> Range<usize> {
    let run = run.min(within.len());
    let differs = |index: usize| i64::from(index > 0 && events[index].refused != events[index - 1].refused);
    let mut telling: i64 = (within.start..within.start + run).map(differs).sum();
    let (mut most, mut best) = (telling, within.start);
    for from in within.start + 1..=within.end - run {
        telling += differs(from + run - 1) - differs(from - 1);
        if telling > most {
            (most, best) = (telling, from);
        }
    }
    best..best + run
}

/// A refusal takes a provider no time: what it takes the client is the network's, both ways.
fn round_trips(log: &Log) -> Vec<Micros> {
    let refused =
        |attempt: &&Logged| matches!(attempt.outcome, LoggedOutcome::Refused(_) | LoggedOutcome::Overload);
    let took = |attempt: &Logged| attempt.ended().map(|ended| ended.since(attempt.sent()));
    let mut took: Vec<Micros> = log.attempts.iter().filter(refused).filter_map(took).collect();
    took.sort_unstable();
    took
}

fn middle(sorted: &[Micros]) -> Micros {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn is_accepted(attempt: &Logged) -> bool {
    matches!(attempt.outcome, LoggedOutcome::Success | LoggedOutcome::Timeout)
}
