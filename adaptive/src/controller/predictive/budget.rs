//! Refusals that may be spent.

use limiter_core::{Micros, Time};
use serde::{Deserialize, Serialize};

/// Refusals that the budget is overdrawn by at most, and that it saves up at most.
const CREDIT: (f64, f64) = (-10.0, 3.0);
/// The share of the budget that is spent where nothing changes…
const CALM_SHARE: f64 = 0.65;
/// …and what of the rest is spent with each change an hour.
const TURBULENT_SHARE: f64 = 1.5;
/// In a steady world, probes alone must stay within the budget: the longest hold is 2.5 times the first.
const FIRST_HOLD: f64 = 0.7;

/// Refusals are saved up by the hour; every one that comes is charged, and only probes ask whether one is left. So
/// those that cannot be chosen are paid for by fewer probes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    hits_per_hour: f64,
    credit: f64,
    credited: Time,
}

impl Budget {
    pub(super) fn new(hits_per_hour: f64) -> Self {
        // What a start teaches is worth what it costs.
        Self { hits_per_hour, credit: CREDIT.1, credited: Time::ZERO }
    }

    /// How long a limit is held before the first probe.
    pub(super) fn first_hold(&self) -> Micros {
        Micros::from_secs_f64(FIRST_HOLD * 3_600.0 / self.hits_per_hour)
    }

    /// Saves up until `now`, where limits change so many times an hour.
    pub(super) fn save_up(&mut self, changes: f64, now: Time) {
        let hours = now.since(self.credited).as_secs_f64() / 3_600.0;
        let restless = (TURBULENT_SHARE * changes).min(1.0 - CALM_SHARE);
        // Who is in debt has met more than calm.
        let share = if self.credit < 0.0 { 1.0 } else { CALM_SHARE + restless };
        self.credit = (self.credit + hours * self.hits_per_hour * share).min(CREDIT.1);
        self.credited = self.credited.max(now);
    }

    /// A refusal has come.
    pub(super) fn charge(&mut self) {
        self.credit = (self.credit - 1.0).max(CREDIT.0);
    }

    /// Whether there is one to spare.
    pub(super) fn allows_one(&self) -> bool {
        self.credit >= 1.0
    }
}
