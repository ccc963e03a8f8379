//! How far each attempt was over a limit, were the limit this or that.
//!
//! The excess of an attempt is what it would have brought the count to, less the limit: above zero, a hard wall refuses.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use limiter_core::{Micros, Time};

use super::events::{Event, Sample};
use super::rule::{Dimension, Rule};
use crate::scenario::WindowKind;

/// What an event says about one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was within it.
    Accepted,
    /// It was over it.
    Refused,
    /// Nothing: it was refused for another limit.
    Nothing,
}

/// The limit from an event on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub from: usize,
    pub limit: f64,
}

/// A rule, and what it makes of a log's events.
#[derive(Debug)]
pub(super) struct Gauge<'a> {
    pub rule: Rule,
    sample: &'a Sample<'a>,
    /// What each event would have brought the count to. A bucket's level depends on its size, too; here it is the count
    /// in a sliding window of its span, which is between the size and twice the size when a full bucket runs empty.
    pub levels: Vec<u64>,
}

impl<'a> Gauge<'a> {
    /// Counts through the events of `sample`, and those before them that still counted then.
    pub fn new(rule: Rule, sample: &'a Sample<'a>) -> Self {
        let events = sample.events;
        let (count, back): (Count, _) = match (rule.dimension, rule.window.kind) {
            (Dimension::Concurrency, _) => (|_, events| in_flight(events), LONGEST_CALL),
            (_, WindowKind::Fixed) => (fixed, rule.window.span),
            (_, WindowKind::Sliding | WindowKind::TokenBucket) => (sliding, rule.window.span),
        };
        let mut levels = vec![0; events.len()];
        for range in sample.ranges.iter().filter(|range| !range.is_empty()) {
            let first = events[range.start].at;
            let from = events.partition_point(|event| event.at + back <= first);
            let counted = count(rule, &events[from..range.end]);
            levels[range.clone()].copy_from_slice(&counted[range.start - from..]);
        }
        Self { rule, sample, levels }
    }

    /// Whether its excess depends on more than count and limit.
    pub fn is_bucket(&self) -> bool {
        self.rule.dimension != Dimension::Concurrency && self.rule.window.kind == WindowKind::TokenBucket
    }

    /// Calls `each` with every event of the sample that tells something: its index, and its excess over each of `limits`,
    /// which rise. Accepted events within all of `limits` say nothing about which it is, and are left out.
    pub fn walk(&self, told: &[Told], limits: &[f64], each: impl FnMut(usize, &[f64])) {
        self.walk_within(&(0..told.len()), told, limits, each);
    }

    /// The same for those events only that lie in `range`.
    pub fn walk_within(
        &self,
        range: &Range<usize>,
        told: &[Told],
        limits: &[f64],
        mut each: impl FnMut(usize, &[f64]),
    ) {
        let mut excess = vec![0.0; limits.len()];
        let mut buckets = Buckets::new(self.rule, limits);
        let lowest = limits.first().copied().unwrap_or_default();
        for part in &self.sample.ranges {
            // What is in a bucket depends on what came before the range.
            let from = if self.is_bucket() { part.start } else { part.start.max(range.start) };
            #[expect(
                clippy::needless_range_loop,
                reason = "it is the index of events, levels and what they tell"
            )]
            for index in from..part.end.min(range.end) {
                if self.is_bucket() {
                    buckets.offer(&self.sample.events[index], told[index], &mut excess);
                    if index < range.start {
                        continue;
                    }
                }
                let level = self.levels[index] as f64;
                match told[index] {
                    Told::Nothing => continue,
                    Told::Accepted if !self.is_bucket() && level <= lowest => continue,
                    _ if self.is_bucket() => {}
                    _ => excess.iter_mut().zip(limits).for_each(|(excess, limit)| *excess = level - limit),
                }
                each(index, &excess);
            }
        }
    }

    /// The excess of every event of the sample over the limit in force; of others, zero.
    pub fn along(&self, told: &[Told], steps: &[Step]) -> Vec<f32> {
        let mut all = vec![0.0; told.len()];
        let mut buckets = Buckets::new(self.rule, &[0.0]);
        let mut excess = [0.0];
        let mut next = 0;
        for index in self.sample.indices() {
            while let Some(step) = steps.get(next).filter(|step| step.from <= index) {
                buckets.resize(step.limit);
                next += 1;
            }
            if self.is_bucket() {
                buckets.offer(&self.sample.events[index], told[index], &mut excess);
            } else {
                excess[0] = self.levels[index] as f64 - buckets.sizes[0];
            }
            all[index] = excess[0] as f32;
        }
        all
    }
}

/// What each event brings a count to.
type Count = fn(Rule, &[Event]) -> Vec<u64>;

/// How far back a call may have begun that is still in flight where a sample begins.
const LONGEST_CALL: Micros = Micros::from_secs(3_600);

/// What a call weighs in a window, accepted or refused.
fn weight(rule: Rule, event: &Event) -> u64 {
    match (event.refused, rule.dimension) {
        (true, Dimension::Calls) => u64::from(rule.window.counts_refused),
        (true, _) => 0,
        (false, Dimension::Tokens) => event.tokens,
        (false, _) => 1,
    }
}

fn own(rule: Rule, event: &Event) -> u64 {
    if rule.dimension == Dimension::Tokens { event.tokens } else { 1 }
}

fn sliding(rule: Rule, events: &[Event]) -> Vec<u64> {
    let mut counted: VecDeque<(Time, u64)> = VecDeque::new();
    let mut sum = 0;
    let level = |event: &Event| {
        while let Some((_, weight)) = counted.front().filter(|(at, _)| *at + rule.window.span <= event.at) {
            sum -= weight;
            counted.pop_front();
        }
        let level = sum + own(rule, event);
        let weight = weight(rule, event);
        if weight > 0 {
            counted.push_back((event.at, weight));
            sum += weight;
        }
        level
    };
    events.iter().map(level).collect()
}

fn fixed(rule: Rule, events: &[Event]) -> Vec<u64> {
    let span = rule.window.span.get().max(1);
    let (mut window, mut sum) = (0, 0);
    let level = |event: &Event| {
        // A span earlier, so that a phase never makes it negative.
        let current = (event.at.as_micros() + span - rule.window.phase.get()) / span;
        if current != window {
            (window, sum) = (current, 0);
        }
        let level = sum + own(rule, event);
        sum += weight(rule, event);
        level
    };
    events.iter().map(level).collect()
}

fn in_flight(events: &[Event]) -> Vec<u64> {
    let mut until: BinaryHeap<Reverse<Time>> = BinaryHeap::new();
    let level = |event: &Event| {
        while until.peek().is_some_and(|Reverse(done)| *done <= event.at) {
            until.pop();
        }
        if !event.refused {
            until.push(Reverse(event.done));
            return until.len() as u64;
        }
        until.len() as u64 + 1
    };
    events.iter().map(level).collect()
}

/// A bucket of each size, and what is taken out of it.
struct Buckets {
    rule: Rule,
    sizes: Vec<f64>,
    taken: Vec<f64>,
    at: Time,
}

impl Buckets {
    fn new(rule: Rule, sizes: &[f64]) -> Self {
        Self { rule, sizes: sizes.to_vec(), taken: vec![0.0; sizes.len()], at: Time::ZERO }
    }

    /// The first bucket is of that size from now on.
    fn resize(&mut self, size: f64) {
        if let Some(first) = self.sizes.first_mut() {
            *first = size;
        }
    }

    fn offer(&mut self, event: &Event, told: Told, excess: &mut [f64]) {
        let share = event.at.since(self.at).as_secs_f64() / self.rule.window.span.as_secs_f64();
        self.at = event.at;
        let own = own(self.rule, event) as f64;
        let weight = weight(self.rule, event) as f64;
        for ((taken, size), excess) in self.taken.iter_mut().zip(&self.sizes).zip(excess) {
            *taken = (*taken - size * share).max(0.0);
            *excess = *taken + own - size;
            // What the provider answered says what was in it: so a bucket of the right size is soon in the right state,
            // wherever the log begins and whatever its size was before.
            if told == Told::Refused {
                *taken = taken.max(size - own);
            }
            *taken = (*taken + weight).clamp(0.0, *size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::events::Suspects;
    use crate::calibrate::rule::Window;

    fn event(second: u64, lasts: u64, refused: bool) -> Event {
        let at = Time::from_micros(second * 1_000_000);
        let done = at + Micros::from_secs(lasts);
        Event { at, done, tokens: 100, refused, may_be: Suspects::Any }
    }

    fn levels(rule: Rule, events: &[Event]) -> Vec<u64> {
        let sample = Sample { events, ranges: std::iter::once(0..events.len()).collect() };
        Gauge::new(rule, &sample).levels
    }

    /// Accepted at 0, 5 and 9 s, refused at 9 s, accepted at 10 and 12 s; each in flight for 6 s.
    #[test]
    fn counts_by_hand() {
        let seconds = [(0, false), (5, false), (9, false), (9, true), (10, false), (12, false)];
        let events: Vec<_> =
            seconds.map(|(at, refused)| event(at, if refused { 0 } else { 6 }, refused)).into();
        let of = |dimension, kind, counts_refused| {
            let window = Window { kind, span: Micros::from_secs(10), counts_refused, ..Window::MINUTE };
            levels(Rule { dimension, window }, &events)
        };
        assert_eq!(of(Dimension::Calls, WindowKind::Sliding, false), [1, 2, 3, 4, 3, 4]);
        assert_eq!(of(Dimension::Calls, WindowKind::Sliding, true), [1, 2, 3, 4, 4, 5]);
        assert_eq!(of(Dimension::Calls, WindowKind::Fixed, false), [1, 2, 3, 4, 1, 2]);
        assert_eq!(of(Dimension::Tokens, WindowKind::Sliding, false), [100, 200, 300, 400, 300, 400]);
        assert_eq!(levels(Rule::CONCURRENCY, &events), [1, 2, 2, 3, 3, 3]);
    }

    /// A bucket of 2 calls filled in 10 s: empty after two, it has one again after 5 s.
    #[test]
    fn a_bucket_by_hand() {
        let events: Vec<_> =
            [(0, false), (0, false), (4, true), (5, false)].map(|(at, no)| event(at, 0, no)).into();
        let sample = Sample { events: &events, ranges: std::iter::once(0..4).collect() };
        let window = Window { kind: WindowKind::TokenBucket, span: Micros::from_secs(10), ..Window::MINUTE };
        let gauge = Gauge::new(Rule { dimension: Dimension::Calls, window }, &sample);
        let told = [Told::Accepted, Told::Accepted, Told::Refused, Told::Accepted];
        let excess = gauge.along(&told, &[Step { from: 0, limit: 2.0 }]);
        for (excess, by_hand) in excess.iter().zip([-1.0, 0.0, 0.2, 0.0]) {
            assert!((excess - by_hand).abs() < 1e-6, "{excess}, not {by_hand}");
        }
    }
}
