//! `calls.csv`, counted again: by the provider's rule row by row, and against the files that sum it up.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};

use adaptive::Settings;
use proptest::prelude::*;
use ratepilot_tests::binary::Workplace;
use ratepilot_tests::row::Row;
use ratepilot_tests::world::World;
use ratepilot_tests::{rule, run};
use serde::Deserialize;
use simulator::Contender;

const MINUTE: u64 = 60_000_000;
/// Hits closer than this belong to one episode.
const EPISODE_GAP: u64 = 60_000_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_answer_is_the_one_that_the_rule_demands(world in World::countable(), seed in any::<u64>()) {
        let scenario = world.scenario();
        for contender in Contender::all() {
            let (_, rows) = run::rows(&scenario, &Settings::default(), contender, seed);
            let agrees = rule::check(&world.provider, &rows);
            prop_assert!(agrees.is_ok(), "{contender}: {}", agrees.unwrap_err());
        }
    }
}

proptest! {
    // Each case runs the binary, charts and all.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn the_files_that_the_binary_writes_agree_with_each_other(world in World::countable(), seed in any::<u64>()) {
        let place = Workplace::new();
        place.put("world.toml", format!("{world:?}"));
        let args = format!("simulate --scenario world.toml --controllers all --replications 2 --seed {seed} --calls");
        place.run(&args).ok();
        let summary: Summary = serde_json::from_str(&place.text("ratepilot-out/summary.json")).unwrap();
        let rows = by_run(Row::read_all(&place.text("ratepilot-out/calls.csv")));
        let minutes = by_run(minutes(&place.text("ratepilot-out/timeline.csv")));
        let controllers = &summary.scenarios[0].controllers;
        prop_assert_eq!(controllers.len(), Contender::all().count());
        for controller in controllers {
            let mut counted = Counted::default();
            for replication in 0..2 {
                let run = (controller.name.clone(), replication);
                let rows = rows.get(&run).map_or(&[][..], Vec::as_slice);
                let agrees = rule::check(&world.provider, rows);
                prop_assert!(agrees.is_ok(), "{run:?}: {}", agrees.unwrap_err());
                counted.add(rows, world.warmup_minutes * MINUTE);
                check_minutes(&world, rows, &minutes[&run])?;
            }
            check_summary(&world, controller, &counted)?;
        }
    }
}

#[derive(Deserialize)]
struct Summary {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    controllers: Vec<Controller>,
}

#[derive(Deserialize)]
struct Controller {
    name: String,
    calls: u64,
    attempts: u64,
    hits: u64,
    overloads: u64,
    lost: u64,
    hits_per_hour: Mean,
    episodes_per_hour: Mean,
    goodput_per_minute: Mean,
    success_rate: Option<f64>,
}

#[derive(Deserialize)]
struct Mean {
    mean: f64,
}

/// A row of `timeline.csv`.
#[derive(Debug, Deserialize)]
struct Minute {
    controller: String,
    replication: u32,
    minute: u64,
    true_limit_calls: Option<u64>,
    true_limit_concurrency: Option<u64>,
    granted: u64,
    accepted: u64,
    hits: u64,
    overloads: u64,
    in_flight: u64,
}

/// What the rows of a controller come to after the warm-up.
#[derive(Default)]
struct Counted {
    calls: u64,
    successes: u64,
    attempts: u64,
    hits: u64,
    overloads: u64,
    episodes: u64,
}

impl Counted {
    fn add(&mut self, rows: &[Row], warmup: u64) {
        let arrived = rows.iter().filter(|row| row.arrival() >= warmup);
        self.calls += arrived.clone().map(|row| row.call).collect::<BTreeSet<_>>().len() as u64;
        self.successes += arrived.filter(|row| row.outcome == "success").count() as u64;
        let mut last_hit = None;
        for row in rows.iter().filter(|row| row.reached() >= warmup) {
            self.attempts += 1;
            self.overloads += u64::from(row.is_overload());
            if row.is_hit() {
                self.hits += 1;
                self.episodes += u64::from(last_hit.is_none_or(|last| row.reached() - last >= EPISODE_GAP));
                last_hit = Some(row.reached());
            }
        }
    }
}

fn check_summary(world: &World, controller: &Controller, counted: &Counted) -> Result<(), TestCaseError> {
    let name = &controller.name;
    let said = (controller.attempts, controller.hits, controller.overloads);
    prop_assert_eq!(said, (counted.attempts, counted.hits, counted.overloads), "{}", name);
    let hours = 2.0 * (world.minutes - world.warmup_minutes) as f64 / 60.0;
    let rates = [
        (controller.hits_per_hour.mean, counted.hits as f64 / hours),
        (controller.episodes_per_hour.mean, counted.episodes as f64 / hours),
        (controller.goodput_per_minute.mean, counted.successes as f64 / hours / 60.0),
    ];
    for (said, counted) in rates {
        prop_assert!((said - counted).abs() < 1e-9 * (1.0 + counted), "{name}: {said} and {counted}");
    }
    let successes = controller.success_rate.unwrap_or(0.0) * controller.calls as f64;
    prop_assert!((successes - counted.successes as f64).abs() < 1e-6, "{name}: {successes} calls ended well");
    // A limiter's calls may lose their time before an attempt is made; without one, each reaches the provider.
    if name == "none" {
        prop_assert_eq!(controller.calls, counted.calls);
    } else {
        prop_assert!(controller.calls >= counted.calls, "{name}");
    }
    prop_assert!(controller.lost <= controller.calls - counted.successes, "{name}");
    Ok(())
}

fn check_minutes(world: &World, rows: &[Row], minutes: &[Minute]) -> Result<(), TestCaseError> {
    prop_assert_eq!(minutes.len() as u64, world.minutes);
    // What comes after the horizon belongs to the last minute.
    let minute_of = |at: u64| (at / MINUTE).min(world.minutes - 1) as usize;
    let mut counted = vec![(0, 0, 0, 0, 0); minutes.len()];
    for (index, row) in rows.iter().enumerate() {
        counted[minute_of(row.granted())].0 += 1;
        let minute = &mut counted[minute_of(row.reached())];
        minute.1 += u64::from(row.is_accepted());
        minute.2 += u64::from(row.is_hit());
        minute.3 += u64::from(row.is_overload());
        minute.4 = minute.4.max(rule::in_flight(&rows[..=index]));
    }
    for (minute, counted) in minutes.iter().zip(counted) {
        let said = (minute.granted, minute.accepted, minute.hits, minute.overloads, minute.in_flight);
        prop_assert_eq!(said, counted, "{:?}", minute);
        let at = minute.minute * MINUTE;
        let limits = (world.provider.calls_at(at), world.provider.concurrency_at(at));
        prop_assert_eq!((minute.true_limit_calls, minute.true_limit_concurrency), limits, "{:?}", minute);
    }
    Ok(())
}

trait OfRun {
    fn run(&self) -> (String, u32);
}

impl OfRun for Row {
    fn run(&self) -> (String, u32) {
        (self.controller.clone(), self.replication)
    }
}

impl OfRun for Minute {
    fn run(&self) -> (String, u32) {
        (self.controller.clone(), self.replication)
    }
}

fn minutes(text: &str) -> Vec<Minute> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

fn by_run<T: OfRun>(all: Vec<T>) -> BTreeMap<(String, u32), Vec<T>> {
    let mut runs: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for one in all {
        runs.entry(one.run()).or_default().push(one);
    }
    runs
}
