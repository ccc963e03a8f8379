//! The provider's model: what an account's limits do to the calls that reach it.
//!
//! A call is refused for a count (1302) when the calls in the window or in flight are at their limit, for its
//! tokens (1303) when they would exceed theirs, and only then, at random, for an overload of the platform
//! (1305): so with a hard wall the refusals for limits are exactly those that the limits demand.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use limiter_core::{Micros, Time};

use crate::scenario::{Overload, Provider, WindowKind};

/// One attempt, as it reaches the provider.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Input and output together.
    pub tokens: u64,
    /// How long it takes to serve.
    pub service: Micros,
    /// When the client hangs up, as the provider sees it; then the provider is done with it.
    pub hangs_up: Time,
    /// Whether it comes from somebody else on the account.
    pub foreign: bool,
    /// Draws from [0, 1): for a soft wall on calls, on concurrency, and for an overload.
    pub chance: [f64; 3],
}

/// What the provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is served until then.
    Accepted(Time),
    /// Too many calls, in the window or in flight: 1302.
    RefusedForCount,
    /// Too many tokens: 1303.
    RefusedForTokens,
    /// The platform is overloaded: 1305.
    Overloaded,
}

/// The limits at one moment; absent where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrueLimits {
    /// Calls a window.
    pub calls: Option<u64>,
    /// Calls in flight.
    pub concurrency: Option<u64>,
    /// Tokens a window.
    pub tokens: Option<u64>,
}

/// What others on the account use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// Calls in the window.
    pub calls: u64,
    /// Tokens in the window.
    pub tokens: u64,
    /// Calls in flight.
    pub in_flight: u64,
}

/// An account at the provider: its limits, and what it has sent.
#[derive(Debug)]
pub struct Account<'a> {
    model: &'a Provider,
    used: Usage,
    /// When the calls in flight will be done, and whose they are.
    in_flight: BinaryHeap<Reverse<(Time, bool)>>,
    foreign_in_flight: u64,
}

/// What counts against the limits on calls and tokens.
#[derive(Debug)]
enum Usage {
    /// `foreign`: the calls and tokens of others among them.
    Sliding {
        counted: VecDeque<Counted>,
        tokens: u64,
        foreign: (u64, u64),
    },
    Fixed {
        window: u64,
        calls: u64,
        tokens: u64,
    },
    /// What is left in the buckets; absent until the first call, when they are full.
    Buckets {
        at: Time,
        calls_left: Option<f64>,
        tokens_left: Option<f64>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    at: Time,
    tokens: u32,
    foreign: bool,
}

impl TrueLimits {
    /// The limits of `model` at `at`.
    pub fn at(model: &Provider, at: Time) -> Self {
        let diurnal = &model.calls_diurnal;
        let calls = model.calls.as_ref().map(|steps| {
            let mut limit = steps.at(at);
            if diurnal.amplitude != 0.0 {
                let hour = at.as_secs_f64() / 3_600.0;
                let turns = (hour + diurnal.phase_hours) / diurnal.period_hours;
                limit += diurnal.amplitude * (std::f64::consts::TAU * turns).sin();
            }
            limit.floor() as u64
        });
        Self {
            calls,
            concurrency: model.concurrency.as_ref().map(|steps| steps.at(at).get()),
            tokens: model.tokens.as_ref().map(|steps| steps.at(at).get()),
        }
    }
}

impl<'a> Account<'a> {
    /// An account that has sent nothing yet.
    pub fn new(model: &'a Provider) -> Self {
        let used = match model.window {
            WindowKind::Sliding => Usage::Sliding { counted: VecDeque::new(), tokens: 0, foreign: (0, 0) },
            WindowKind::Fixed => Usage::Fixed { window: 0, calls: 0, tokens: 0 },
            WindowKind::TokenBucket => Usage::Buckets { at: Time::ZERO, calls_left: None, tokens_left: None },
        };
        Self { model, used, in_flight: BinaryHeap::new(), foreign_in_flight: 0 }
    }

    /// The account's model.
    pub fn model(&self) -> &'a Provider {
        self.model
    }

    /// An attempt reaches the provider at `at`; offers must come in the order of their times.
    pub fn offer(&mut self, offer: &Offer, at: Time) -> (Verdict, TrueLimits) {
        let limits = TrueLimits::at(self.model, at);
        self.advance(at, &limits);
        let verdict = self.judge(offer, at, &limits);
        match verdict {
            Verdict::Accepted(done) => {
                self.used.charge(at, offer);
                self.in_flight.push(Reverse((done, offer.foreign)));
                self.foreign_in_flight += u64::from(offer.foreign);
            }
            Verdict::RefusedForCount | Verdict::RefusedForTokens if self.model.counts_refused => {
                self.used.charge(at, &Offer { tokens: 0, ..*offer });
            }
            _ => {}
        }
        (verdict, limits)
    }

    /// Our calls in flight at `at`.
    pub fn in_flight(&mut self, at: Time) -> u64 {
        self.finish(at);
        self.in_flight.len() as u64 - self.foreign_in_flight
    }

    /// What others on the account use at `at`; of a window only where it slides.
    pub fn foreign(&mut self, at: Time) -> Foreign {
        self.advance(at, &TrueLimits::at(self.model, at));
        let (calls, tokens) = match &self.used {
            Usage::Sliding { foreign, .. } => *foreign,
            _ => (0, 0),
        };
        Foreign { calls, tokens, in_flight: self.foreign_in_flight }
    }

    fn judge(&self, offer: &Offer, at: Time, limits: &TrueLimits) -> Verdict {
        let [calls_chance, concurrency_chance, overload_chance] = offer.chance;
        let in_flight = self.in_flight.len() as f64;
        let over_calls = self.used.calls_over(limits);
        let over_concurrency = limits.concurrency.map_or(-1.0, |limit| in_flight + 1.0 - limit as f64);
        if self.hits_wall(over_calls, calls_chance) || self.hits_wall(over_concurrency, concurrency_chance) {
            return Verdict::RefusedForCount;
        }
        if self.used.tokens_over(limits, offer.tokens) > 0.0 {
            return Verdict::RefusedForTokens;
        }
        if self.overload_at(at).is_some_and(|overload| overload_chance < overload.refuse) {
            return Verdict::Overloaded;
        }
        Verdict::Accepted((at + offer.service).min(offer.hangs_up.max(at)))
    }

    /// Whether a call that is `over` calls beyond the limit is refused.
    fn hits_wall(&self, over: f64, chance: f64) -> bool {
        over > 0.0 && (self.model.soft_wall == 0.0 || chance < over / self.model.soft_wall)
    }

    fn overload_at(&self, at: Time) -> Option<&Overload> {
        let started = self.model.overloads.partition_point(|overload| overload.from <= at);
        self.model.overloads[..started].last().filter(|overload| at < overload.until)
    }

    fn finish(&mut self, at: Time) {
        while let Some(Reverse((_, foreign))) = self.in_flight.peek().filter(|Reverse((done, _))| *done <= at)
        {
            self.foreign_in_flight -= u64::from(*foreign);
            self.in_flight.pop();
        }
    }

    fn advance(&mut self, at: Time, limits: &TrueLimits) {
        self.finish(at);
        let span = self.model.window_span;
        if let Usage::Buckets { at: mut from, .. } = self.used {
            // A bucket fills at the rate of its time, so a gap is filled piece by piece.
            while let Some(next) = self.bucket_changes(from).filter(|next| *next < at) {
                self.used.advance(next, span, &TrueLimits::at(self.model, from));
                from = next;
            }
            self.used.advance(at, span, &TrueLimits::at(self.model, from));
        }
        self.used.advance(at, span, limits);
    }

    /// When the size of a bucket changes after `at`; the diurnal part is taken in pieces.
    fn bucket_changes(&self, at: Time) -> Option<Time> {
        let piece = Micros::new(self.model.window_span.get() / 16).max(Micros::from_secs(1));
        let diurnal = (self.model.calls_diurnal.amplitude != 0.0).then(|| at + piece);
        let calls = self.model.calls.as_ref().and_then(|steps| steps.next_change(at));
        let tokens = self.model.tokens.as_ref().and_then(|steps| steps.next_change(at));
        [diurnal, calls, tokens].into_iter().flatten().min()
    }
}

impl Usage {
    fn advance(&mut self, now: Time, span: Micros, limits: &TrueLimits) {
        match self {
            Self::Sliding { counted, tokens, foreign } => {
                // What was accepted in (now - span, now] counts.
                while let Some(oldest) = counted.front().filter(|oldest| oldest.at + span <= now) {
                    *tokens -= u64::from(oldest.tokens);
                    if oldest.foreign {
                        *foreign = (foreign.0 - 1, foreign.1 - u64::from(oldest.tokens));
                    }
                    counted.pop_front();
                }
            }
            Self::Fixed { window, calls, tokens } => {
                let current = now.as_micros() / span.get().max(1);
                if current != *window {
                    (*window, *calls, *tokens) = (current, 0, 0);
                }
            }
            Self::Buckets { at, calls_left, tokens_left } => {
                let share = now.since(*at).as_secs_f64() / span.as_secs_f64();
                refill(calls_left, limits.calls, share);
                refill(tokens_left, limits.tokens, share);
                *at = now;
            }
        }
    }

    fn charge(&mut self, now: Time, offer: &Offer) {
        match self {
            Self::Sliding { counted, tokens, foreign } => {
                // Validated scenarios and traces stay far below: an answer of 4 billion tokens does not exist.
                let charged = u32::try_from(offer.tokens).unwrap_or(u32::MAX);
                *tokens += u64::from(charged);
                if offer.foreign {
                    *foreign = (foreign.0 + 1, foreign.1 + u64::from(charged));
                }
                counted.push_back(Counted { at: now, tokens: charged, foreign: offer.foreign });
            }
            Self::Fixed { calls, tokens, .. } => {
                *calls += 1;
                *tokens += offer.tokens;
            }
            Self::Buckets { calls_left, tokens_left, .. } => {
                // A refused call cannot take what is not there.
                if let Some(left) = calls_left {
                    *left = (*left - 1.0).max(0.0);
                }
                if let Some(left) = tokens_left {
                    *left = (*left - offer.tokens as f64).max(0.0);
                }
            }
        }
    }

    /// By how many calls one more would be over the limit; not above zero where it fits.
    fn calls_over(&self, limits: &TrueLimits) -> f64 {
        let Some(limit) = limits.calls else { return -1.0 };
        match self {
            Self::Sliding { counted, .. } => counted.len() as f64 + 1.0 - limit as f64,
            Self::Fixed { calls, .. } => *calls as f64 + 1.0 - limit as f64,
            Self::Buckets { calls_left, .. } => 1.0 - calls_left.unwrap_or(limit as f64),
        }
    }

    /// The same for `more` tokens.
    fn tokens_over(&self, limits: &TrueLimits, more: u64) -> f64 {
        let Some(limit) = limits.tokens else { return -1.0 };
        match self {
            Self::Sliding { tokens, .. } | Self::Fixed { tokens, .. } => {
                (*tokens as f64 + more as f64) - limit as f64
            }
            Self::Buckets { tokens_left, .. } => more as f64 - tokens_left.unwrap_or(limit as f64),
        }
    }
}

/// Fills a bucket by a share of its size, up to its size.
fn refill(left: &mut Option<f64>, size: Option<u64>, share: f64) {
    *left = size.map(|size| {
        let size = size as f64;
        left.map_or(size, |left| (left + share * size).min(size))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    /// 60 calls a minute, then 30: empty at second 3590, a bucket holds 10 at the step, and 15 ten seconds later.
    #[test]
    fn a_bucket_fills_at_the_rate_of_its_time() {
        let text = "name = 'bucket'\nhours = 2\n[arrivals]\nprocess = 'poisson'\ncalls_per_hour = 1\n\
                    [provider]\nwindow = 'token-bucket'\ncalls_per_minute = [[0, 60], [1, 30]]\n";
        let scenario = Scenario::parse("bucket", text).unwrap();
        let mut account = Account::new(&scenario.provider);
        let offer = Offer {
            tokens: 1,
            service: Micros::from_secs(1),
            hangs_up: Time::MAX,
            foreign: false,
            chance: [0.0; 3],
        };
        let mut accepted = |second: f64, offered: usize| {
            let at = Time::from_secs_f64(second);
            (0..offered).filter(|_| matches!(account.offer(&offer, at).0, Verdict::Accepted(_))).count()
        };
        assert_eq!(accepted(3_590.0, 100), 60);
        assert_eq!(accepted(3_610.0, 100), 15);
    }
}
