//! Points made by hand, for tests.

use crate::contender::Contender;
use crate::results::{ControllerSummary, Estimate, WaitSummary};
use crate::summarise::controller;
use crate::sweep::{Counts, Measured};

/// A point with these refusals an hour (and an interval of 0.1 to both sides), goodput a minute and added wait (p95).
pub fn measured(hits: f64, goodput: f64, wait: f64) -> Measured {
    let estimate = |mean: f64, half| Estimate { mean, ci95: Some([mean - half, mean + half]) };
    let summary = ControllerSummary {
        calls: 1_000,
        hits_per_hour: estimate(hits, 0.1),
        goodput_per_minute: estimate(goodput, 1.0),
        added_wait_s: WaitSummary { p50: wait / 2.0, p95: wait, p99: wait, max: wait },
        ..controller(Contender::None, &[], None)
    };
    Measured { summary, hours: 24.0, replications: vec![Counts { hits: 0, successes: 0 }; 2] }
}
