//! What is simulated, recorded and calibrated is found again.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use adaptive::{Kind, Settings};
use limiter_core::Time;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use ratepilot_tests::binary::Workplace;
use ratepilot_tests::run;
use simulator::calibrate::{Calibration, DemandProcess, Dimension, Limit, calibrate};
use simulator::scenario::{Scenario, builtin};
use simulator::trace::{Choice, Log};
use simulator::{Contender, Run, TrueLimits};

const NONE: Contender = Contender::None;
const AIMD: Contender = Contender::Controller(Kind::Aimd);
const PREDICTIVE: Contender = Contender::Controller(Kind::Predictive);

/// A built-in scenario, cut to so many hours.
fn scenario(name: &str, hours: u64) -> Scenario {
    let text = builtin::find(name).unwrap();
    let mut scenario = Scenario::parse(name, text).unwrap();
    scenario.horizon = Time::from_micros(hours * 3_600_000_000);
    scenario
}

fn calibrated(scenario: &Scenario, contender: Contender, seed: u64) -> (Run, Calibration) {
    let (run, file) = run::log(scenario, &Settings::default(), contender, seed);
    let log = Log::open(file.path(), &Choice::default()).unwrap();
    (run, calibrate(&log).unwrap())
}

fn limit(found: &Calibration, dimension: Dimension) -> &Limit {
    let limit = found.limits.iter().find(|limit| limit.dimension == dimension);
    limit.unwrap_or_else(|| panic!("no limit on {dimension:?}: {found:#?}"))
}

/// The limits of a run of steps, and the hours that they begin at, are these.
#[track_caller]
fn assert_steps(found: &Limit, expected: &[(f64, f64)]) {
    assert_eq!(found.steps.len(), expected.len(), "{found:#?}");
    for (step, (hour, value)) in found.steps.iter().zip(expected) {
        assert!(step.limit.holds(*value), "{value} is not in {step:?}");
        let slack = 0.01;
        assert!(step.from_hour.low <= hour + slack, "{hour} is not in {step:?}");
        assert!(step.from_hour.high.is_none_or(|high| hour - slack <= high), "{hour} is not in {step:?}");
    }
}

#[test]
fn a_constant_limit_is_found_and_so_are_window_latency_and_callers() {
    for contender in [AIMD, PREDICTIVE] {
        let (_, found) = calibrated(&scenario("constant", 12), contender, 3);
        assert_steps(limit(&found, Dimension::Calls), &[(0.0, 60.0)]);
        assert_eq!(found.limits.len(), 1);
        let window = found.window.unwrap();
        assert_eq!((window.kind, window.span_s), ("sliding", 60.0));
        assert_eq!(found.soft_wall.unwrap().estimate, 0.0);
        let latency = found.latency.unwrap();
        // Three standard errors, where the interval has two.
        for (interval, truth) in
            [(latency.base_s, 0.5), (latency.tokens_per_s.unwrap(), 60.0), (latency.sigma, 0.3)]
        {
            let half = 0.5 * (interval.high.unwrap() - interval.low);
            assert!((interval.estimate - truth).abs() < 1.6 * half, "{truth} is not in {interval:?}");
        }
        let DemandProcess::Saturated { workers, think_s } = &found.demand.process else {
            panic!("{:?}", found.demand)
        };
        assert_eq!(*workers, 20);
        assert!((think_s.estimate - 1.0).abs() < 0.02, "{think_s:?}");
        let network = found.demand.network_ms.unwrap();
        assert!((network.median.estimate - 30.5).abs() < 0.5, "{network:?}");
    }
}

#[test]
fn a_step_is_found_when_it_happened() {
    for contender in [AIMD, PREDICTIVE] {
        let (_, found) = calibrated(&scenario("step-down", 12), contender, 1);
        assert_steps(limit(&found, Dimension::Calls), &[(0.0, 60.0), (6.0, 38.0)]);
    }
}

#[test]
fn small_limits_in_flight_are_found_although_each_is_half_of_the_last() {
    let (_, found) = calibrated(&scenario("small-concurrency", 24), PREDICTIVE, 1);
    let steps = [(0.0, 5.0), (6.0, 2.0), (12.0, 1.0), (18.0, 5.0)];
    assert_steps(limit(&found, Dimension::Concurrency), &steps);
    assert_eq!(found.window, None);
}

/// Of the calls, that they are limited too, is felt by those only who make them without end.
#[test]
fn a_limit_on_tokens_is_found_and_one_on_calls_beside_it() {
    let (_, found) = calibrated(&scenario("token-limit", 12), PREDICTIVE, 1);
    let [step] = limit(&found, Dimension::Tokens).steps[..] else { panic!("{found:#?}") };
    assert!(step.limit.holds(60_000.0), "{step:?}");
    assert!(step.limit.high.unwrap() - step.limit.low < 5_000.0, "{step:?}");

    let (_, found) = calibrated(&scenario("token-limit", 1), NONE, 1);
    assert_steps(limit(&found, Dimension::Calls), &[(0.0, 60.0)]);
    let [step] = limit(&found, Dimension::Tokens).steps[..] else { panic!("{found:#?}") };
    assert!(step.limit.holds(60_000.0) && step.limit.high.unwrap() - step.limit.low < 200.0, "{step:?}");
}

#[test]
fn a_soft_wall_is_told_from_a_hard_one() {
    let (_, found) = calibrated(&scenario("soft-wall", 1), NONE, 1);
    assert_steps(limit(&found, Dimension::Concurrency), &[(0.0, 9.0)]);
    let softness = found.soft_wall.unwrap();
    assert!((9.0..=11.0).contains(&softness.estimate), "{softness:?}");
}

#[test]
fn windows_are_told_apart_by_callers_of_every_kind() {
    for (name, kind) in [("fixed-window-provider", "fixed"), ("token-bucket-provider", "token-bucket")] {
        for (contender, hours) in [(NONE, 1), (PREDICTIVE, 24)] {
            let (_, found) = calibrated(&scenario(name, hours), contender, 2);
            let window = found.window.unwrap();
            assert_eq!((window.kind, window.span_s), (kind, 60.0), "{contender}");
            assert_steps(limit(&found, Dimension::Calls), &[(0.0, 60.0)]);
        }
    }
}

#[test]
fn refused_calls_that_count_are_noticed_where_there_are_enough_of_them() {
    let mut counted = scenario("counted-refusals", 4);
    assert!(counted.provider.counts_refused);
    // Callers that pause are let in again, now and then.
    let text = "process = 'poisson'\ncalls_per_hour = 3000";
    let poisson = format!("name = 'p'\nhours = 4\n[arrivals]\n{text}");
    counted.arrivals = Scenario::parse("p", &poisson).unwrap().arrivals;
    for counts in [true, false] {
        counted.provider.counts_refused = counts;
        let (_, found) = calibrated(&counted, NONE, 1);
        assert_eq!(found.window.unwrap().counts_refused, Some(counts));
    }
}

#[test]
fn overloads_are_found_and_are_no_limits() {
    let (_, found) = calibrated(&scenario("overload", 17), PREDICTIVE, 1);
    assert_steps(limit(&found, Dimension::Calls), &[(0.0, 60.0)]);
    let expected = [(9.0, 12.0, 0.7), (15.0, 40.0, 0.3)];
    assert_eq!(found.overloads.periods.len(), expected.len(), "{:?}", found.overloads);
    for (period, (hour, minutes, share)) in found.overloads.periods.iter().zip(expected) {
        assert!((period.from_hour.estimate - hour).abs() < 0.02, "{period:?}");
        assert!((period.until_hour.estimate - hour - minutes / 60.0).abs() < 0.03, "{period:?}");
        assert!((period.refuse.estimate - share).abs() < 0.06, "{period:?}");
    }
}

/// The 95% intervals of limits hold the truth about as often as they say: in 30 worlds nobody has looked at.
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let mut chance = Xoshiro256PlusPlus::seed_from_u64(1_302);
    let (mut held, mut of, mut ambiguous, mut missed) = (0, 0, 0, Vec::new());
    for world in 0..30 {
        let text = random_world(&mut chance);
        let scenario = Scenario::parse("world", &text).unwrap();
        let contender = [NONE, AIMD][world % 2];
        let (_, found) = calibrated(&scenario, contender, world as u64);
        // An interval is of a limit on what is counted; where the log does not tell what that is, it says so.
        if found.untold.iter().any(|sentence| sentence.starts_with("Not separable")) {
            ambiguous += 1;
            continue;
        }
        for limit in &found.limits {
            for (index, step) in limit.steps.iter().enumerate() {
                let until = limit.steps.get(index + 1).map_or(found.hours, |next| next.from_hour.estimate);
                let middle = Time::from_secs_f64((step.from_hour.estimate + until) / 2.0 * 3_600.0);
                let truth = TrueLimits::at(&scenario.provider, middle);
                let truth = match limit.dimension {
                    Dimension::Calls => truth.calls,
                    Dimension::Concurrency => truth.concurrency,
                    Dimension::Tokens => truth.tokens,
                };
                of += 1;
                if truth.is_some_and(|truth| step.limit.holds(truth as f64)) {
                    held += 1;
                } else {
                    missed.push(format!("{contender} in\n{text}{step:?}, not {truth:?}"));
                }
            }
        }
    }
    assert!(
        of >= 20 && ambiguous < 12,
        "{of} intervals and {ambiguous} logs that do not tell are no judgement"
    );
    let share = f64::from(held) / f64::from(of);
    assert!(share >= 0.9, "{held} of {of} held, {ambiguous} ambiguous\n{}", missed.join("\n"));
}

fn random_world(chance: &mut impl rand::Rng) -> String {
    let kind = ["sliding", "fixed", "token-bucket"][chance.random_range(0..3)];
    let span = [10, 30, 60][chance.random_range(0..3)];
    let mut steps = |range: std::ops::Range<u32>| {
        let first = chance.random_range(range.clone());
        let then = chance.random_range(range);
        if chance.random() { format!("{first}") } else { format!("[[0, {first}], [1, {then}]]") }
    };
    let (calls, concurrency, tokens) = (steps(5..40), steps(2..9), steps(10_000..40_000));
    let limit = match chance.random_range(0..3) {
        0 => format!("calls_per_minute = {calls}"),
        1 => format!("concurrency = {concurrency}"),
        _ => format!("tokens_per_minute = {tokens}"),
    };
    let workers = chance.random_range(12..20);
    format!(
        "name = 'world'\nhours = 2\n[arrivals]\nprocess = 'saturated'\nworkers = {workers}\nthink_s = 5\n[provider]\n\
         window = '{kind}'\nwindow_s = {span}\n{limit}\n"
    )
}

#[test]
fn the_command_writes_a_scenario_that_simulate_takes_and_says_what_it_cannot_tell() {
    let place = Workplace::new();
    place.run("simulate --scenario constant --hours 2 --controllers none,aimd --replications 1 --calls --out run").ok();
    let several = place.run("calibrate --log run/calls.csv");
    assert_eq!(several.code, Some(2));
    assert!(several.stderr.contains("--controller aimd"), "{}", several.stderr);

    let said = place.run("calibrate --log run/calls.csv --controller none --out found.toml").ok();
    assert!(said.contains("sliding, 60 s") && said.contains("What the log cannot tell"), "{said}");
    for row in said.lines().take_while(|line| !line.starts_with("The scenario is in")) {
        assert!(row.chars().count() <= 100, "{row}");
    }
    let again = place.run("calibrate --log run/calls.csv --controller none --out found.toml --json").ok();
    let document: serde_json::Value = serde_json::from_str(&again).unwrap();
    let step = &document["calibration"]["limits"][0]["steps"][0];
    assert_eq!(step["limit"]["estimate"], 60.0, "{document}");
    let simulate =
        "simulate --scenario found.toml --hours 1 --replications 1 --controllers none,oracle --out copy";
    place.run(simulate).ok();
}

#[test]
fn a_log_that_tells_little_or_nothing_says_so_and_leaves_no_file() {
    let place = Workplace::new();
    let rows = |outcome: &str| {
        let rows = (0..40).map(|second| format!("{second},{second},1.5,{outcome}\n"));
        format!("arrival_s,granted_s,latency_s,outcome\n{}", rows.collect::<String>())
    };
    place
        .put("refused.csv", rows("refused"))
        .put("silent.csv", "arrival_s\n1\n")
        .put("fine.csv", rows("success"));
    for (log, code, expected) in [
        ("refused.csv", 1, "found no accepted attempt among 40"),
        ("silent.csv", 1, "found no `outcome`"),
        ("absent.csv", 2, "there is no such file"),
    ] {
        let said = place.run(&format!("calibrate --log {log}"));
        assert_eq!(said.code, Some(code), "{}", said.stderr);
        assert!(said.stderr.contains(expected), "{}", said.stderr);
        assert!(!place.path("calibrated.toml").exists());
    }
    let said = place.run("calibrate --log fine.csv").ok();
    for part in ["No attempt was refused", "at least 40", "a limit on tokens cannot be told"] {
        assert!(said.contains(part), "{said}");
    }
    let text = place.text("calibrated.toml");
    assert!(!text.contains("\ncalls_per_minute =") && Scenario::parse("calibrated", &text).is_ok(), "{text}");
}

/// What a client can know: when it sent, how long each attempt took, and no time of the provider's.
#[test]
fn a_clients_own_record_tells_of_limits_in_flight_but_for_the_delay() {
    let (_, file) = run::log(&scenario("small-concurrency", 8), &Settings::default(), NONE, 1);
    let mut reader = csv::Reader::from_path(file.path()).unwrap();
    let mut text = "arrival_s,granted_s,latency_s,outcome,code\n".to_owned();
    for row in reader.records().map(Result::unwrap) {
        let time = |column: usize| row[column].parse::<f64>().unwrap();
        // The way back takes as long as the way there.
        let took = time(9) - time(7) + (time(8) - time(7));
        text += &format!("{},{},{took:.6},{},{}\n", &row[6], &row[7], &row[10], &row[11]);
    }
    let place = Workplace::new();
    place.put("client.csv", text);
    let log = Log::open(place.path("client.csv"), &Choice::default()).unwrap();
    let found = calibrate(&log).unwrap();
    let limit = limit(&found, Dimension::Concurrency);
    for (step, truth) in [(limit.steps[0], 5.0), (limit.steps[limit.steps.len() - 1], 2.0)] {
        assert!((step.limit.estimate - truth).abs() <= 1.0, "{limit:#?}");
    }
    let network = found.demand.network_ms.unwrap().median.estimate;
    assert!((network - 30.0).abs() < 3.0, "{network} ms");
}

/// The closing check: in the calibrated scenario, callers are refused and served as in the one that was recorded.
#[test]
fn a_calibrated_scenario_is_simulated_as_its_original() {
    for (name, hours) in [("step-down", 9), ("overload", 17)] {
        let original = scenario(name, hours);
        let (_, found) = calibrated(&original, PREDICTIVE, 1);
        let copy = Scenario::parse("copy", &found.scenario("copy")).unwrap();
        let total = |scenario: &Scenario, contender: Contender| {
            let runs = (11..15).map(|seed| {
                let settings = Settings::default();
                run::attempts(scenario, None, &settings, contender, seed).0
            });
            runs.fold((0.0, 0.0), |(hits, goodput), run| {
                let hours =
                    run.hours.iter().fold((0, 0), |sum, hour| (sum.0 + hour.hits, sum.1 + hour.successes));
                (hits + hours.0 as f64, goodput + hours.1 as f64)
            })
        };
        for contender in [NONE, AIMD] {
            let ((hits, goodput), (copied_hits, copied_goodput)) =
                (total(&original, contender), total(&copy, contender));
            assert!((goodput / copied_goodput - 1.0).abs() < 0.02, "{name}: {goodput}, not {copied_goodput}");
            // Hits of a controller are few, so the bound is three standard deviations of two counts.
            let bound = (0.02 * hits).max(3.0 * (2.0 * hits).sqrt());
            assert!((hits - copied_hits).abs() <= bound, "{name} {contender}: {hits}, not {copied_hits}");
        }
    }
}
