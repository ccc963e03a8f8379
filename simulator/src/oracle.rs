//! The ceiling: the production limiter, told the provider's true limits at every moment.

use std::num::NonZeroU64;

use limiter_core::{Limits, Micros, Time};

use crate::provider::{Account, Foreign, TrueLimits};
use crate::scenario::{Provider, Steps};

/// How far it looks ahead: a call that is on its way when a limit falls is refused under the new one.
const LEAD: Micros = Micros::from_secs(1);
/// How often it looks at what changes all the time.
const LOOK: Micros = Micros::from_secs(10);
/// How often it looks at what others on the account do.
const LOOK_AT_OTHERS: Micros = Micros::from_secs(1);

/// Knows the provider's limits, now and to come, and what others on the account use of them.
#[derive(Clone, Copy, Debug)]
pub struct Oracle {
    next_look: Time,
}

impl Oracle {
    /// One that has not looked yet.
    pub const fn new() -> Self {
        Self { next_look: Time::ZERO }
    }

    /// When it wants to look again.
    pub const fn next_look(&self) -> Time {
        self.next_look
    }

    /// The limits to set at `now`.
    pub fn look(&mut self, account: &mut Account<'_>, pacing: Micros, now: Time) -> Limits {
        let model = account.model();
        let others = model.foreign.values().any(|rate| rate > 0.0);
        let changing = model.calls_diurnal.amplitude != 0.0;
        let next_step = [
            next_change(model.calls.as_ref(), now),
            next_change(model.concurrency.as_ref(), now),
            next_change(model.tokens.as_ref(), now),
        ];
        let next_step = next_step.into_iter().flatten().min().unwrap_or(Time::MAX);
        // Once before the step, to keep the lower of the two limits, and once at it.
        self.next_look = if next_step.since(now) > LEAD { next_step - LEAD } else { next_step };
        if changing {
            self.next_look = self.next_look.min(now + LOOK);
        }
        let mut taken = Foreign::default();
        if others {
            self.next_look = self.next_look.min(now + LOOK_AT_OTHERS);
            taken = account.foreign(now);
            // One more may come before the next look.
            taken.calls += 1;
            taken.in_flight += 1;
        }
        let now_and_soon = lowest(model, now, self.next_look.min(now + LOOK) + LEAD);
        Limits {
            version: 0,
            calls: now_and_soon.calls.map(|calls| at_least_one(calls.saturating_sub(taken.calls))),
            tokens: now_and_soon.tokens.map(|tokens| at_least_one(tokens.saturating_sub(taken.tokens))),
            concurrency: now_and_soon
                .concurrency
                .map(|most| at_least_one(most.saturating_sub(taken.in_flight))),
            pacing,
        }
    }
}

fn next_change<T: Copy>(steps: Option<&Steps<T>>, now: Time) -> Option<Time> {
    steps?.next_change(now)
}

/// The lowest limits from `now` until `soon`, looked at every second: steps and the diurnal part may cross.
fn lowest(model: &Provider, now: Time, soon: Time) -> TrueLimits {
    let lower = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.min(b));
    let mut lowest = TrueLimits::at(model, soon);
    let mut at = now;
    while at < soon {
        let then = TrueLimits::at(model, at);
        lowest = TrueLimits {
            calls: lower(lowest.calls, then.calls),
            concurrency: lower(lowest.concurrency, then.concurrency),
            tokens: lower(lowest.tokens, then.tokens),
        };
        at = at + LEAD;
    }
    lowest
}

fn at_least_one(limit: u64) -> NonZeroU64 {
    NonZeroU64::new(limit).unwrap_or(NonZeroU64::MIN)
}
