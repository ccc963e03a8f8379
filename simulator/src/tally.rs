//! What happened in one run, counted while it happens: by hour for the statistics, by minute for the charts.

use adaptive::Adjustment;
use hdrhistogram::Histogram;
use limiter_core::{Limits, Micros, Time};

use crate::attempt::{Attempt, AttemptOutcome};
use crate::journal::Journal;
use crate::provider::TrueLimits;
use crate::results::{Change, Minute};
use crate::scenario::Scenario;

const MINUTE: Micros = Micros::from_secs(60);
const HOUR: Micros = Micros::from_secs(3_600);
/// Hits closer than this belong to one episode.
const EPISODE_GAP: Micros = Micros::from_secs(60);

/// One controller on one replication of a scenario.
#[derive(Clone, Debug)]
pub struct Run {
    /// Hour by hour from the end of the warm-up; the last one may be cut short by the horizon, and holds what
    /// came in after it.
    pub hours: Vec<Hour>,
    /// Hours that the statistics cover.
    pub measured_hours: f64,
    /// The waits that the limiter and retries added, in microseconds.
    pub waits: Histogram<u64>,
    /// The longest of them.
    pub longest_wait: Micros,
    /// Minute by minute from the start; the last one holds what came in after the horizon.
    pub minutes: Vec<Minute>,
    /// What the controller did with the limits.
    pub changes: Vec<Change>,
    /// The share used of the provider's tightest limit.
    pub utilisation: Option<f64>,
    /// The highest limit on calls that was in force.
    pub highest_limit_calls: Option<u64>,
    /// The most calls in flight at the provider.
    pub highest_in_flight: u64,
    /// Events that were simulated.
    pub events: u64,
}

/// Counts of one hour. Calls by their arrival, attempts by when they reached the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// Calls that arrived.
    pub calls: u64,
    /// Of these, those that ended well.
    pub successes: u64,
    /// Of these, those that did not end well although the client was willing to retry.
    pub lost: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts answered with 1302 or 1303.
    pub hits: u64,
    /// Attempts answered with 1305.
    pub overloads: u64,
    /// Episodes of hits that began.
    pub episodes: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered.
    Success,
    /// Given up without a retry, as the client does not retry.
    GivenUp,
    /// Out of retries or of time.
    Lost,
}

/// The limits in force, theirs and ours, and who waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    /// The limiter's, if there is one.
    pub limits: Limits,
    /// Calls waiting for a permit.
    pub waiting: u32,
}

/// Counts a run.
pub struct Tally<'a> {
    scenario: &'a Scenario,
    hours: Vec<Hour>,
    waits: Histogram<u64>,
    longest_wait: Micros,
    minutes: Vec<Minute>,
    journal: Journal,
    minute_ends: Time,
    last_hit: Option<Time>,
    busy: Micros,
    accepted: u64,
    tokens: u64,
    highest_limit_calls: Option<u64>,
    highest_in_flight: u64,
}

impl<'a> Tally<'a> {
    /// An empty one.
    pub fn new(scenario: &'a Scenario) -> Self {
        let measured = scenario.horizon.since(scenario.warmup);
        let hours = measured.get().div_ceil(HOUR.get()).max(1) as usize;
        // The longest wait is bounded by the longest deadline, a day; a thousandth is as exact as anyone reads.
        let waits = Histogram::new_with_bounds(1, 2 * 86_400 * 1_000_000, 3);
        Self {
            scenario,
            hours: vec![Hour::default(); hours],
            waits: waits.unwrap_or_else(|_| unreachable!("the bounds are constants, and in order")),
            longest_wait: Micros::ZERO,
            minutes: Vec::new(),
            journal: Journal::default(),
            minute_ends: Time::ZERO,
            last_hit: None,
            busy: Micros::ZERO,
            accepted: 0,
            tokens: 0,
            highest_limit_calls: None,
            highest_in_flight: 0,
        }
    }

    /// Whether minutes have ended by `now` that [`Tally::roll`] has not been told of.
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.minute_ends
    }

    /// Ends the minutes that have ended by `now`, with what was in force until then, and begins the next ones.
    pub fn roll(&mut self, now: Time, gauge: Gauge) {
        while now >= self.minute_ends && self.minute_ends < self.scenario.horizon {
            if let Some(last) = self.minutes.last_mut() {
                last.waiting = gauge.waiting;
            }
            let truth = TrueLimits::at(&self.scenario.provider, self.minute_ends);
            self.minutes.push(Minute {
                minute: self.minutes.len() as u32,
                true_limit_calls: truth.calls,
                true_limit_concurrency: truth.concurrency,
                true_limit_tokens: truth.tokens,
                limit_calls: gauge.limits.calls.map(|limit| limit.get()),
                limit_concurrency: gauge.limits.concurrency.map(|limit| limit.get()),
                limit_tokens: gauge.limits.tokens.map(|limit| limit.get()),
                ..Minute::default()
            });
            self.minute_ends = self.minute_ends + MINUTE;
        }
        if self.minute_ends >= self.scenario.horizon {
            self.minute_ends = Time::MAX;
        }
        self.limits_changed(&gauge.limits);
    }

    /// New limits are in force.
    pub fn limits_changed(&mut self, limits: &Limits) {
        self.highest_limit_calls = self.highest_limit_calls.max(limits.calls.map(|limit| limit.get()));
    }

    /// A controller has changed the limits.
    pub fn adjusted(&mut self, adjustment: &Adjustment) {
        self.journal.note(adjustment);
    }

    /// The limiter granted an attempt, or there is none and it was made.
    pub fn granted(&mut self) {
        if let Some(minute) = self.minutes.last_mut() {
            minute.granted += 1;
        }
    }

    /// An attempt reached the provider, where now so many are in flight.
    pub fn attempt(&mut self, attempt: &Attempt, in_flight: u64) {
        let at = attempt.reached;
        let hit = matches!(attempt.outcome, AttemptOutcome::Refused(_));
        let overload = attempt.outcome == AttemptOutcome::Overload;
        let accepted = !hit && !overload;
        let tokens = u64::from(attempt.input_tokens) + u64::from(attempt.output_tokens);
        self.highest_in_flight = self.highest_in_flight.max(in_flight);
        if let Some(minute) = self.minutes.last_mut() {
            minute.accepted += u32::from(accepted);
            minute.hits += u32::from(hit);
            minute.overloads += u32::from(overload);
            minute.in_flight = minute.in_flight.max(u32::try_from(in_flight).unwrap_or(u32::MAX));
            minute.tokens += if accepted { tokens } else { 0 };
        }
        if at < self.scenario.warmup {
            return;
        }
        let begins = hit && self.last_hit.is_none_or(|last| at.since(last) >= EPISODE_GAP);
        if hit {
            self.last_hit = Some(at);
        }
        if accepted {
            self.accepted += 1;
            self.busy = self.busy + attempt.finished.since(at);
            self.tokens += tokens;
        }
        let hour = self.hour(at);
        hour.attempts += 1;
        hour.hits += u64::from(hit);
        hour.overloads += u64::from(overload);
        hour.episodes += u64::from(begins);
    }

    /// A call ended; it arrived at `arrival` and its last attempt left after `wait`.
    pub fn call_ended(&mut self, arrival: Time, wait: Micros, ending: Ending) {
        if arrival < self.scenario.warmup {
            return;
        }
        // In range: no call waits beyond its deadline, and that is at most a day.
        self.waits.saturating_record(wait.get());
        self.longest_wait = self.longest_wait.max(wait);
        let hour = self.hour(arrival);
        hour.calls += 1;
        hour.successes += u64::from(ending == Ending::Success);
        hour.lost += u64::from(ending == Ending::Lost);
    }

    /// The run is over.
    pub fn finish(mut self, gauge: Gauge, events: u64) -> Run {
        self.roll(self.scenario.horizon, gauge);
        let measured = self.scenario.horizon.since(self.scenario.warmup);
        Run {
            utilisation: self.utilisation(),
            hours: self.hours,
            measured_hours: measured.as_secs_f64() / 3_600.0,
            waits: self.waits,
            longest_wait: self.longest_wait,
            minutes: self.minutes,
            changes: self.journal.into_changes(),
            highest_limit_calls: self.highest_limit_calls,
            highest_in_flight: self.highest_in_flight,
            events,
        }
    }

    fn hour(&mut self, at: Time) -> &mut Hour {
        let index = (at.since(self.scenario.warmup).get() / HOUR.get()) as usize;
        let last = self.hours.len() - 1;
        &mut self.hours[index.min(last)]
    }

    /// What was used of each limit, over what the provider would have allowed in the same minutes; the highest.
    fn utilisation(&self) -> Option<f64> {
        let model = &self.scenario.provider;
        let windows_a_minute = MINUTE.as_secs_f64() / model.window_span.as_secs_f64();
        let (mut calls, mut concurrency, mut tokens) = (0.0, 0.0, 0.0);
        for minute in 0..self.minutes.len() as u64 {
            let at = Time::ZERO + Micros::new(minute * MINUTE.get());
            if at < self.scenario.warmup {
                continue;
            }
            let share = (self.scenario.horizon.since(at).as_secs_f64() / MINUTE.as_secs_f64()).min(1.0);
            let truth = TrueLimits::at(model, at);
            calls += truth.calls.unwrap_or(0) as f64 * windows_a_minute * share;
            concurrency += truth.concurrency.unwrap_or(0) as f64 * MINUTE.as_secs_f64() * share;
            tokens += truth.tokens.unwrap_or(0) as f64 * windows_a_minute * share;
        }
        let used = [
            (self.accepted as f64, calls),
            (self.busy.as_secs_f64(), concurrency),
            (self.tokens as f64, tokens),
        ];
        used.into_iter()
            .filter(|(_, allowed)| *allowed > 0.0)
            .map(|(used, allowed)| used / allowed)
            .reduce(f64::max)
    }
}
