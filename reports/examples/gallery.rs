//! Draws every chart and the page from made-up results, so that their looks can be judged:
//!
//!     cargo run --release -p reports --example gallery -- [FOLDER]
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;

use adaptive::Reason;
use limiter_core::Dimension;
use reports::{Artifact, Files, charts, export, meaning, page, read};
use simulator::results::{
    Adjustments, Change, ControllerSummary, Estimate, Minute, PairedDifference, Results, ScenarioSummary,
    Summary, Timeline, WaitCurve, WaitPoint, WaitSummary,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("ratepilot-gallery"), PathBuf::from);
    let four = ["none", "aimd", "predictive", "oracle"];
    let all = [
        "none",
        "fixed",
        "aimd",
        "aws-cubic",
        "netflix-gradient",
        "netflix-aimd",
        "inspect",
        "predictive",
        "oracle",
    ];
    let many: Vec<World> = (0..17)
        .map(|place| World {
            calls: 10.0 * f64::from(place + 1),
            refusing: 10_f64.powf(f64::from(place) / 4.0 - 3.5),
            ..World::new(&format!("scenario-{place}"), 240, 5)
        })
        .collect();
    let galleries = [
        ("headline", results(&[World::new("knowledge-base", 1_440, 30)], &four)),
        ("nine-controllers", results(&[World::new("step-down", 1_440, 3)], &all)),
        (
            "two-weeks",
            results(&[World { warmup_hours: 24.0, ..World::new("diurnal", 14 * 1_440, 2) }], &four),
        ),
        ("ten-minutes", results(&[World::new("ten minutes", 10, 1)], &four)),
        ("one-minute", results(&[World::new("one minute", 1, 1)], &["none", "fixed"])),
        (
            "calm",
            results(
                &[World { refusing: 0.0, limited: false, ..World::new("no limits", 720, 5) }],
                &["none", "fixed"],
            ),
        ),
        ("idle", results(&[World { calls: 0.0, ..World::new("no calls", 300, 5) }], &["none", "aimd"])),
        (
            "flood",
            results(&[World { calls: 4_000.0, refusing: 1.0, ..World::new("flood", 1_440, 2) }], &four),
        ),
        ("league", results(&many, &all)),
        ("tokens", results(&[World { tokens: true, ..World::new("token-limit", 1_440, 3) }], &four)),
        (
            "names",
            results(
                &[
                    World::new("高峰 <script>alert('1302')</script>", 600, 2),
                    World::new(&"a very long name of a scenario that nobody cut ".repeat(5), 600, 2),
                ],
                &["none", "inspect"],
            ),
        ),
    ];
    for (name, results) in galleries {
        let charts = charts(&results)?;
        let page = page(&results, &charts)?;
        let files = export(&results)?;
        let content =
            |name: &str| files.iter().find(|file| file.name == name).map_or(&[][..], |file| &file.bytes);
        let again = read(Files {
            summary: content(reports::SUMMARY_FILE),
            timeline: content(reports::TIMELINE_FILE),
            waits: content(reports::WAITS_FILE),
            adjustments: content(reports::ADJUSTMENTS_FILE),
        })?;
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for Artifact { name, bytes } in charts.iter().chain([&page]).chain(&files) {
            std::fs::write(folder.join(name), bytes)?;
        }
        println!("{}: {} charts and the page", folder.display(), charts.len());
        println!("    read back: {}", if again == results { "the same" } else { "SOMETHING ELSE" });
        for scenario in &results.summary.scenarios {
            println!("    {}", meaning(scenario));
        }
    }
    Ok(())
}

/// What the made-up runs have in common.
struct World {
    name: String,
    minutes: u32,
    warmup_hours: f64,
    replications: u32,
    calls: f64,
    refusing: f64,
    limited: bool,
    tokens: bool,
}

impl World {
    fn new(name: &str, minutes: u32, replications: u32) -> Self {
        let name = name.to_owned();
        Self {
            name,
            minutes,
            warmup_hours: 0.0,
            replications,
            calls: 30.0,
            refusing: 0.004,
            limited: true,
            tokens: false,
        }
    }
}

fn results(worlds: &[World], controllers: &[&str]) -> Results {
    let mut results = Results {
        summary: Summary {
            version: "0.1.0".to_owned(),
            config_sha256: "3b0c4f2d9a77e61f0c5a8d4be2f19c6d7e8f90a1b2c3d4e5f60718293a4b5c6d".to_owned(),
            trace_sha256: None,
            seed: 1,
            scenarios: Vec::new(),
        },
        timelines: Vec::new(),
        waits: Vec::new(),
        adjustments: Vec::new(),
    };
    for world in worlds {
        let mut summaries = Vec::new();
        for (place, controller) in controllers.iter().enumerate() {
            // From 0 for whoever knows nothing to nearly 1 for whoever knows all.
            let skill = place as f64 / controllers.len() as f64;
            let first = results.timelines.len();
            for replication in 0..world.replications {
                results.timelines.push(timeline(world, controller, skill, replication));
            }
            results.adjustments.extend(adjustments(&results.timelines[first]));
            let curve = waits(world, controller, skill);
            summaries.push(summary(world, controller, skill, &results.timelines[first..], &curve));
            results.waits.push(curve);
        }
        results.summary.scenarios.push(ScenarioSummary {
            name: world.name.clone(),
            hours: f64::from(world.minutes) / 60.0,
            warmup_hours: world.warmup_hours,
            differences: differences(&summaries),
            controllers: summaries,
        });
    }
    results
}

fn timeline(world: &World, controller: &str, skill: f64, replication: u32) -> Timeline {
    let mut dice = Dice(u64::from(replication) * 977 + (skill * 1000.0) as u64);
    let (mut limit, mut minutes) = (40.0_f64, Vec::new());
    for minute in 0..world.minutes {
        let hour = f64::from(minute) / 60.0;
        let truth = if hour % 24.0 < 6.0 { 60.0 } else { 38.0 + (8.0 * (hour / 3.8).sin()).floor() }
            * world.calls.max(1.0)
            / 30.0;
        let demand =
            world.calls * (0.7 + 0.5 * (hour / 24.0 * std::f64::consts::TAU).sin() + 0.6 * dice.roll());
        let limiter = match controller {
            "none" => None,
            "fixed" => Some(60.0),
            "oracle" => Some(truth),
            _ => Some(limit),
        };
        let granted = demand.min(limiter.unwrap_or(f64::INFINITY)).floor();
        let excess = (granted - truth).max(0.0);
        let chance = world.refusing * (1.0 - skill) * (1.0 + excess);
        let hits =
            if granted > 0.0 && dice.roll() < chance { (1.0 + excess * dice.roll()).floor() } else { 0.0 };
        limit = if hits > 0.0 {
            limit * 0.8
        } else {
            (limit + 0.25 * (1.0 + skill)).min(truth * (0.8 + 0.2 * skill) + 3.0)
        };
        let wall = if hour % 24.0 > 9.0 { 4 } else { 5 };
        let known = |limit: u64| world.limited.then_some(limit);
        minutes.push(Minute {
            minute,
            true_limit_calls: known(truth as u64),
            true_limit_concurrency: known(wall),
            limit_calls: limiter.map(|limit| limit as u64),
            limit_concurrency: known(wall - u64::from(minute / 97 % 4 == 1)).filter(|_| limiter.is_some()),
            granted: granted as u32,
            accepted: (granted - hits).max(0.0) as u32,
            hits: hits as u32,
            overloads: u32::from(minute % 400 == 399),
            waiting: (demand - granted) as u32,
            in_flight: ((granted / 9.0 + 2.0 * dice.roll()) as u32).min(7),
            true_limit_tokens: known(80_000).filter(|_| world.tokens),
            limit_tokens: known(65_000 + u64::from(minute / 200 % 3) * 5_000)
                .filter(|_| world.tokens && limiter.is_some()),
            tokens: (granted * 1_400.0) as u64,
        });
    }
    Timeline { scenario: world.name.clone(), controller: controller.to_owned(), replication, minutes }
}

/// Every change of the limits from one minute to the next, as if a refusal or its absence had been behind it.
fn adjustments(timeline: &Timeline) -> Option<Adjustments> {
    let mut changes = Vec::new();
    for pair in timeline.minutes.windows(2) {
        let limits = |minute: &Minute| [minute.limit_calls, minute.limit_concurrency];
        let moved = limits(&pair[0]).into_iter().zip(limits(&pair[1]));
        for (dimension, (from, to)) in [Dimension::Calls, Dimension::Concurrency].into_iter().zip(moved) {
            let reason = match (pair[0].hits, pair[1].minute % 3) {
                (0, 0) => Reason::Probed(dimension),
                (0, 1) => Reason::Climbed(dimension),
                (0, _) => Reason::Unrefused,
                (1, _) => Reason::Refused(dimension),
                _ => Reason::Revealed(dimension),
            };
            let time_s = f64::from(pair[1].minute) * 60.0;
            if from != to {
                changes.push(Change { time_s, dimension, from, to, reason, adjustments: 1 });
            }
        }
    }
    let learns = !["none", "fixed", "oracle"].contains(&timeline.controller.as_str());
    (learns && !changes.is_empty()).then(|| Adjustments {
        scenario: timeline.scenario.clone(),
        controller: timeline.controller.clone(),
        replication: timeline.replication,
        changes,
    })
}

fn waits(world: &World, controller: &str, skill: f64) -> WaitCurve {
    let points = (1..=200).filter(|_| world.calls > 0.0).map(|step| {
        let share = f64::from(step) / 200.0;
        let unlimited = controller == "none" || share < 0.3 + 0.5 * skill;
        let wait_s = if unlimited { 0.0 } else { 0.02 * ((share - 0.3) * 11.0 * (1.4 - skill)).exp() };
        WaitPoint { share, wait_s }
    });
    WaitCurve { scenario: world.name.clone(), controller: controller.to_owned(), points: points.collect() }
}

fn summary(
    world: &World,
    controller: &str,
    skill: f64,
    timelines: &[Timeline],
    curve: &WaitCurve,
) -> ControllerSummary {
    let sum = |value: fn(&Minute) -> u32| -> u64 {
        timelines.iter().flat_map(|timeline| &timeline.minutes).map(|minute| u64::from(value(minute))).sum()
    };
    let (attempts, hits, overloads) = (sum(|m| m.granted), sum(|m| m.hits), sum(|m| m.overloads));
    let minutes = f64::from(world.minutes) * f64::from(world.replications);
    let quantile =
        |share: f64| curve.points.iter().find(|point| point.share >= share).map_or(0.0, |point| point.wait_s);
    let calls = attempts - hits / 2;
    let per_hour = hits as f64 / minutes * 60.0;
    ControllerSummary {
        name: controller.to_owned(),
        replications: world.replications,
        calls,
        attempts,
        hits,
        overloads,
        lost: hits / 3,
        hits_per_hour: estimate(per_hour, world.replications),
        episodes_per_hour: estimate(per_hour / 1.7, world.replications),
        success_rate: (calls > 0).then(|| 1.0 - (hits / 3) as f64 / calls as f64),
        success_rate_ci95: (calls > 0).then_some([0.97, 0.995]),
        goodput_per_minute: estimate((attempts - hits) as f64 / minutes, world.replications),
        goodput_vs_oracle: world.limited.then_some(0.9 + 0.1 * skill),
        goodput_vs_oracle_ci95: world.limited.then_some([0.88 + 0.1 * skill, 0.92 + 0.1 * skill]),
        added_wait_s: WaitSummary {
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: quantile(1.0),
        },
        utilisation: world.limited.then_some(0.61 + 0.2 * skill),
        highest_limit_calls: (controller != "none").then_some(60),
        highest_in_flight: 7,
    }
}

fn differences(summaries: &[ControllerSummary]) -> Vec<PairedDifference> {
    let less = |one: Estimate, other: Estimate| {
        let mean = one.mean - other.mean;
        Estimate { mean, ci95: one.ci95.map(|_| [mean - 0.3, mean + 0.3]) }
    };
    let pairs = summaries
        .iter()
        .enumerate()
        .flat_map(|(place, later)| summaries[..place].iter().map(move |earlier| (later, earlier)));
    let difference = |(later, earlier): (&ControllerSummary, &ControllerSummary)| PairedDifference {
        controller: later.name.clone(),
        baseline: earlier.name.clone(),
        hits_per_hour: less(later.hits_per_hour, earlier.hits_per_hour),
        goodput_per_minute: less(later.goodput_per_minute, earlier.goodput_per_minute),
    };
    pairs.map(difference).collect()
}

fn estimate(mean: f64, replications: u32) -> Estimate {
    let half = mean * 0.6 / f64::from(replications).sqrt();
    Estimate { mean, ci95: (replications > 1).then_some([mean - half, mean + half]) }
}

/// A small generator: the gallery should look the same every time.
struct Dice(u64);

impl Dice {
    /// A number in [0, 1): SplitMix64 (Steele, Lea and Flood, 2014).
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
