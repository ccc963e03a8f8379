//! Simulated events a second on one core, beside the bare event queue that they rest on.
//!
//! `cargo bench -p simulator`. The two are measured in turn, so that a machine that slows down slows both.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::expect_used, reason = "a bench that cannot run is to say so and stop")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Instant;

use adaptive::{Kind, Settings};
use simulator::scenario::{Scenario, builtin};
use simulator::{Contender, Plan};

/// Every part of the model at once.
const FULL: &str = r#"
name = "full"
hours = 24
[arrivals]
process = "poisson"
calls_per_hour = [[0, 6000], [8, 12000], [18, 6000]]
[clients]
processes = 4
[provider]
calls_per_minute = [[0, 150], [12, 120]]
calls_per_minute_diurnal = { amplitude = 15, period_hours = 24 }
concurrency = [[0, 60], [12, 50]]
tokens_per_minute = 400000
soft_wall = 10
counts_refused = true
foreign_calls_per_minute = 10
[[provider.overload]]
at_hour = 9
minutes = 12
refuse = 0.7
"#;

const ROUNDS: usize = 9;
/// Events that wait in the bare queue, as in a busy simulation.
const PENDING: u64 = 100;
const POPS: u64 = 2_000_000;

fn main() {
    let full = Scenario::parse("full", FULL).expect("the scenario is valid");
    let headline = builtin::find("knowledge-base").expect("it is built in");
    let headline = Scenario::parse("knowledge-base", headline).expect("it is valid");
    let aimd = Contender::Controller(Kind::Aimd);
    let cases =
        [("full model", &full, aimd), ("full model", &full, Contender::None), ("headline", &headline, aimd)];
    println!(
        "{:<12} {:<10} {:>14} {:>14} {:>8}",
        "scenario", "controller", "events/s", "bare queue/s", "ratio"
    );
    for (name, scenario, contender) in cases {
        let mut rounds: Vec<(f64, f64)> =
            (0..ROUNDS).map(|_| (simulated(scenario, contender), bare())).collect();
        rounds.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (events, queue) = rounds[ROUNDS / 2];
        println!(
            "{name:<12} {:<10} {:>12.2} M {:>12.2} M {:>8.2}",
            contender.name(),
            events / 1e6,
            queue / 1e6,
            queue / events
        );
    }
    println!(
        "Medians of {ROUNDS} pairs. Ratio: the cost of a simulated event over that of a pop and a push."
    );
}

/// Simulated events a second.
fn simulated(scenario: &Scenario, contender: Contender) -> f64 {
    let settings = Settings::default();
    let contenders = [contender];
    let plan = Plan {
        scenario,
        trace: None,
        settings: &settings,
        contenders: &contenders,
        replications: 1,
        seed: 1,
    };
    let mut events = 0;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 0.2 {
        events += plan.run(contender, 0, (), || {}).expect("it runs").0.events;
    }
    events as f64 / start.elapsed().as_secs_f64()
}

/// Pops and pushes of a queue of plain numbers a second.
fn bare() -> f64 {
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> =
        (0..PENDING).map(|n| Reverse((n * 977 % 1_009, n))).collect();
    let start = Instant::now();
    for number in PENDING..PENDING + POPS {
        if let Some(Reverse((at, _))) = heap.pop() {
            // Some soon, some late, as events come; a multiplicative hash is as cheap as chance gets.
            heap.push(Reverse((at + 1 + (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54), number)));
        }
    }
    black_box(&heap);
    POPS as f64 / start.elapsed().as_secs_f64()
}
