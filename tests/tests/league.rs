//! `predictive` on every built-in scenario, a day of each: its numbers, and bounds that they keep to whatever they are.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use adaptive::{Kind, Settings};
use limiter_core::{Micros, Time};
use simulator::scenario::{Scenario, builtin};
use simulator::{Contender, Plan, summarise};

const CONTENDERS: [Contender; 2] = [Contender::Controller(Kind::Predictive), Contender::Oracle];
const REPLICATIONS: u32 = 2;
const HOURS: u64 = 24;
const SEED: u64 = 1;

/// Refusals in all, and thousandths of the oracle's goodput. After a change that is meant to change them, copy what
/// the failing test prints.
const GOLDEN: [(&str, u64, u64); 17] = [
    ("knowledge-base", 16, 1000),
    ("constant", 20, 1000),
    ("step-down", 30, 1000),
    ("step-up", 28, 991),
    ("diurnal", 38, 966),
    ("peak-hours", 28, 976),
    ("small-concurrency", 30, 953),
    ("soft-wall", 37, 999),
    ("token-limit", 37, 914),
    ("overload", 21, 997),
    ("foreign-traffic", 40, 709),
    ("fleet", 29, 988),
    ("flash-crowd", 1, 1000),
    ("token-bucket-provider", 45, 964),
    ("fixed-window-provider", 30, 987),
    ("counted-refusals", 30, 999),
    ("hard-day", 39, 926),
];
/// A mathematics library of another platform may round a draw otherwise, and one call's luck changes that of others;
/// so many refusals and thousandths may differ.
const TOLERANCE: (u64, u64) = (8, 40);
/// A day's refusals at most: the budget of 0.7 an hour, three that are there at the start, and the ten by which falls may
/// overdraw it.
const MOST_HITS: f64 = 0.7 * HOURS as f64 + 3.0 + 10.0;
/// What the day keeps of the oracle's goodput at least, in thousandths, a day of learning included.
const LEAST_SHARE: u64 = 600;

#[test]
fn the_league_is_the_golden_one() {
    let found: Vec<_> = builtin::all().map(|(name, toml)| league(name, toml)).collect();
    let shown: String =
        found.iter().map(|(name, hits, share)| format!("    (\"{name}\", {hits}, {share}),\n")).collect();
    for (name, hits, share) in &found {
        let most = MOST_HITS * f64::from(REPLICATIONS);
        assert!((*hits as f64) <= most, "{name}: {hits} refusals, {most} at most");
        // A limiter may meet a provider's window better than the oracle's, which always slides.
        assert!((LEAST_SHARE..=1_100).contains(share), "{name}: {share} thousandths");
    }
    assert_eq!(found.len(), GOLDEN.len(), "all:\n{shown}");
    for ((name, hits, share), (golden, golden_hits, golden_share)) in found.iter().zip(GOLDEN) {
        assert_eq!(*name, golden);
        let (may_hit, may_share) = TOLERANCE;
        let is_near = hits.abs_diff(golden_hits) <= may_hit && share.abs_diff(golden_share) <= may_share;
        assert!(is_near, "{name}: {hits} and {share}, not {golden_hits} and {golden_share}; all:\n{shown}");
    }
}

fn league(name: &'static str, toml: &str) -> (&'static str, u64, u64) {
    let mut scenario = Scenario::parse(name, toml).unwrap();
    // The first day of each: learning is part of it.
    scenario.horizon = Time::ZERO + Micros::from_secs(HOURS * 3_600);
    scenario.warmup = Time::ZERO;
    let plan = Plan {
        scenario: &scenario,
        trace: None,
        settings: &Settings::default(),
        contenders: &CONTENDERS,
        replications: REPLICATIONS,
        seed: SEED,
    };
    let (fields, _) = plan.simulate(|_, _| (), || {}).unwrap();
    let predictive = &summarise(&scenario, &fields).0.controllers[0];
    (name, predictive.hits, (1_000.0 * predictive.goodput_vs_oracle.unwrap()).round() as u64)
}
