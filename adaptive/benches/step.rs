//! What a step of a controller costs, in the mix of news that it hears: nearly all calls are accepted, one in two
//! hundred fills the limit and is refused.
//!
//! `cargo bench -p adaptive`.

#![allow(clippy::expect_used, reason = "a bench that cannot run is to say so and stop")]

use std::hint::black_box;

use adaptive::{Feedback, Kind, Outcome, Settings, Signal};
use criterion::Criterion;
use limiter_core::{Micros, Seen, Time};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for kind in Kind::ALL {
        step(&mut criterion, kind);
    }
    criterion.final_summary();
}

fn step(criterion: &mut Criterion, kind: Kind) {
    let mut control = Settings::default().control_loop(kind).expect("the defaults are valid");
    let (mut now, mut call) = (Time::ZERO, 0_u64);
    criterion.bench_function(&format!("step of {kind}"), |b| {
        b.iter(|| {
            call += 1;
            now = now + Micros::from_millis(1_000);
            let limit = control.limits().calls.map_or(60, |calls| calls.get());
            // Demand presses, and calls overtake each other a little.
            let seen =
                Seen { calls: limit - (call % 3).min(limit - 1), tokens: 60_000, in_flight: 7, version: 0 };
            let refused = call.is_multiple_of(200) || limit > 90;
            let outcome =
                if refused { Outcome::Refused(Signal::RateOrConcurrency) } else { Outcome::Success };
            let granted_at = now - Micros::from_millis(500);
            let feedback = Feedback { granted_at, seen, seen_at_end: seen, outcome, hint: None };
            if control.next_wake().is_some_and(|due| due <= now) {
                black_box(control.wake(now));
            }
            black_box(control.observe(black_box(&feedback), now))
        });
    });
}
