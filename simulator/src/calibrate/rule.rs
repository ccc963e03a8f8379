//! The rules by which a provider may count what counts against a limit: the candidates that a log chooses from.

use std::fmt;

use limiter_core::Micros;
use serde::Serialize;

use super::events::Events;
use crate::scenario::WindowKind;

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Calls in a window.
    Calls,
    /// Calls in flight.
    Concurrency,
    /// Tokens in a window.
    Tokens,
}

/// How the provider counts towards one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub dimension: Dimension,
    /// Of no meaning for concurrency.
    pub window: Window,
}

/// A window as a provider may keep one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kind: WindowKind,
    pub span: Micros,
    /// Where a fixed window begins on the log's clock, below `span`.
    pub phase: Micros,
    /// Whether refused calls use it up.
    pub counts_refused: bool,
}

/// The lengths that providers use, in seconds.
const SPANS_S: [u64; 13] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1_800, 3_600];

/// Nobody saves up for longer.
const LONGEST_BUCKET: Micros = Micros::from_secs(600);

impl Rule {
    pub const CONCURRENCY: Self = Self { dimension: Dimension::Concurrency, window: Window::MINUTE };

    /// All that `events` could tell of.
    pub fn candidates(events: &Events) -> Vec<Self> {
        let may_be =
            |dimension| events.all.iter().any(|event| event.refused && event.may_be.contain(dimension));
        let length = events.all.last().map_or(Micros::ZERO, |last| last.at.since(events.all[0].at));
        let mut rules = Vec::new();
        if events.knows_ends && may_be(Dimension::Concurrency) {
            rules.push(Self::CONCURRENCY);
        }
        let spans = SPANS_S.map(Micros::from_secs);
        // A window is told from a total only where it ends within the log.
        for span in spans.into_iter().filter(|span| span.get() <= length.get().max(120_000_000) / 2) {
            let phase = phase(events, span);
            for kind in [WindowKind::Sliding, WindowKind::Fixed, WindowKind::TokenBucket] {
                let phase = if kind == WindowKind::Fixed { phase } else { Micros::ZERO };
                if kind == WindowKind::TokenBucket && span > LONGEST_BUCKET {
                    continue;
                }
                for counts_refused in [false, true] {
                    let window = Window { kind, span, phase, counts_refused };
                    if may_be(Dimension::Calls) {
                        rules.push(Self { dimension: Dimension::Calls, window });
                    }
                    if may_be(Dimension::Tokens) && events.knows_tokens && !counts_refused {
                        rules.push(Self { dimension: Dimension::Tokens, window });
                    }
                }
            }
        }
        rules
    }

    /// Whether one provider can keep both: it has one kind of window, and one limit of a kind.
    pub fn goes_with(&self, other: &Self) -> bool {
        let windows = self.dimension != Dimension::Concurrency && other.dimension != Dimension::Concurrency;
        let same = (self.window.kind, self.window.span) == (other.window.kind, other.window.span);
        self.dimension != other.dimension && (!windows || same)
    }

    /// What speaks against it before the log is read, in nats: providers slide more often than not, and count by the
    /// minute. It decides only where the log does not.
    pub fn prior_cost(&self) -> f64 {
        if self.dimension == Dimension::Concurrency {
            return 0.0;
        }
        let kind = match self.window.kind {
            WindowKind::Sliding => 0.0,
            WindowKind::TokenBucket => 0.7,
            WindowKind::Fixed => 1.0,
        };
        let span = if self.window.span == Window::MINUTE.span { 0.0 } else { 2.0 };
        kind + span + if self.window.counts_refused { 1.5 } else { 0.0 }
    }
}

impl Window {
    /// What is taken for granted where a log does not tell.
    pub const MINUTE: Self = Self {
        kind: WindowKind::Sliding,
        span: Micros::from_secs(60),
        phase: Micros::ZERO,
        counts_refused: false,
    };
}

/// Where fixed windows of `span` begin: between a refusal and the next acceptance lies a beginning, where the limit on
/// calls refused, so it is where most such gaps lie on each other. The log's own start is preferred among equals.
fn phase(events: &Events, span: Micros) -> Micros {
    let span = span.get();
    // Where a gap begins and where it ends, each modulo the span.
    let mut edges: Vec<(u64, i32)> = Vec::new();
    let mut over_the_start = 0;
    let mut refused: Option<u64> = None;
    for event in &events.all {
        let at = event.at.as_micros();
        if event.refused {
            refused = Some(at);
        } else if let Some(from) = refused.take().filter(|from| at - from < span && at > *from) {
            let (begin, end) = (from % span, at % span);
            edges.extend([(begin, 1), (end, -1)]);
            over_the_start += i32::from(end < begin);
        }
    }
    edges.sort_unstable();
    let (mut held, mut most, mut best) = (over_the_start, over_the_start, 0);
    for pair in edges.windows(2) {
        held += pair[0].1;
        if held > most {
            (most, best) = (held, u64::midpoint(pair[0].0, pair[1].0));
        }
    }
    Micros::new(best)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dimension {
            Dimension::Concurrency => f.write_str("calls in flight"),
            Dimension::Calls => write!(f, "calls in {}", self.window),
            Dimension::Tokens => write!(f, "tokens in {}", self.window),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            WindowKind::Sliding => "a sliding window",
            WindowKind::Fixed => "a fixed window",
            WindowKind::TokenBucket => "a bucket filled in",
        };
        let counted = if self.counts_refused { ", refused ones counted" } else { "" };
        write!(f, "{kind} of {} s{counted}", self.span.as_secs_f64())
    }
}
