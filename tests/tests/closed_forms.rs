//! The simulator against what queueing theory knows, and against small cases that were worked out by hand.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use adaptive::{Kind, Settings};
use limiter_core::{Micros, Time};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use ratepilot_tests::run;
use simulator::scenario::Scenario;
use simulator::trace::TraceCall;
use simulator::{Attempt, AttemptOutcome, Contender};

const SERVERS: u64 = 5;
const MEAN_SERVICE_S: f64 = 10.0;
const CALLS_PER_S: f64 = 0.35;
/// Calls offered in the time of a service: 3.5 for 5 servers.
const LOAD: f64 = CALLS_PER_S * MEAN_SERVICE_S;
/// Replications, and the length of each; the queue forgets that it began empty within some hundreds of seconds.
const REPLICATIONS: u64 = 20;
const HORIZON_S: f64 = 40_000.0;
const WARMUP_S: f64 = 4_000.0;
/// A mean of replications that errs by this many standard errors by chance is met once in 16,000 times; seeds are
/// fixed, so it is met never or always.
const STANDARD_ERRORS: f64 = 4.0;
/// A comparison proves little where its standard error is a larger share of what is compared.
const SHARPNESS: f64 = 0.03;

/// The limiter with `max_concurrency = c` and nothing else is M/M/c: Erlang's C is the share of calls that wait, and
/// `C / (c mu - lambda)` is their mean wait, those included that do not wait.
#[test]
fn waits_for_a_permit_are_those_of_a_queue_with_as_many_servers() {
    let mut settings = Settings::default();
    settings.limiter.max_calls_per_minute = 1_000_000;
    settings.limiter.max_concurrency = SERVERS;
    let (mut shares, mut means) = (Vec::new(), Vec::new());
    for seed in 0..REPLICATIONS {
        let (trace, _file) = run::trace(&memoryless_calls(seed));
        let scenario = world("");
        let fixed = Contender::Controller(Kind::Fixed);
        let (_, attempts) = run::attempts(&scenario, Some(&trace), &settings, fixed, seed);
        let waits: Vec<f64> = measured(&attempts).map(|attempt| wait(attempt).as_secs_f64()).collect();
        let calls = waits.len() as f64;
        shares.push(waits.iter().filter(|wait| **wait > 0.0).count() as f64 / calls);
        means.push(waits.iter().sum::<f64>() / calls);
    }
    let waiting = erlang_c(SERVERS, LOAD);
    assert_agrees("the share of calls that wait", &shares, waiting);
    let mean = waiting / (SERVERS as f64 / MEAN_SERVICE_S - CALLS_PER_S);
    assert_agrees("the mean wait in seconds", &means, mean);
}

/// A provider that allows `c` calls in flight, without a limiter, is M/M/c/c: Erlang's B is the share refused.
#[test]
fn refusals_are_those_of_a_system_that_loses_what_it_cannot_serve() {
    let scenario = world(&format!("concurrency = {SERVERS}"));
    let shares: Vec<_> = (0..REPLICATIONS)
        .map(|seed| {
            let (trace, _file) = run::trace(&memoryless_calls(seed));
            let (_, attempts) =
                run::attempts(&scenario, Some(&trace), &Settings::default(), Contender::None, seed);
            share_refused(&attempts)
        })
        .collect();
    assert_agrees("the share refused", &shares, erlang_b(SERVERS, LOAD));
}

/// Erlang's B knows the mean service only, so a heavy-tailed service changes nothing. Here the scenario's own arrivals
/// and latencies are at work.
#[test]
fn refusals_do_not_depend_on_how_services_are_distributed() {
    // The mean of a log-normal is its median times exp(sigma^2 / 2).
    let sigma = 1.0_f64;
    let median = MEAN_SERVICE_S / (sigma * sigma / 2.0).exp();
    let scenario = world(&format!(
        "concurrency = {SERVERS}\nlatency = {{ base_s = {median}, tokens_per_s = 1e9, sigma = {sigma} }}"
    ));
    let shares: Vec<_> = (0..REPLICATIONS)
        .map(|seed| {
            let (_, attempts) = run::attempts(&scenario, None, &Settings::default(), Contender::None, seed);
            share_refused(&attempts)
        })
        .collect();
    assert_agrees("the share refused", &shares, erlang_b(SERVERS, LOAD));
}

/// What was accepted in `(t - window, t]` counts: a call exactly a window later does not see it any more.
#[test]
fn a_sliding_window_by_hand() {
    let provider = "window = \"sliding\"\nwindow_s = 10\ncalls_per_minute = 2";
    assert_answers(
        provider,
        &[
            (0.0, "ok"),
            (4.0, "ok"),
            (5.0, "1302"),
            (9.999_999, "1302"),
            (10.0, "ok"), // the first has left the window at this moment
            (10.0, "1302"),
            (13.999_999, "1302"),
            (14.0, "ok"),
            (20.0, "ok"),
            (30.0, "ok"),
            (30.0, "ok"),
            (30.0, "1302"),
        ],
    );
}

#[test]
fn refused_calls_use_up_the_window_where_the_provider_counts_them() {
    let provider = "window = \"sliding\"\nwindow_s = 10\ncalls_per_minute = 2\ncounts_refused = true";
    assert_answers(
        provider,
        &[
            (0.0, "ok"),
            (4.0, "ok"),
            (5.0, "1302"),
            (10.0, "1302"), // 4 and 5 count
            (14.0, "1302"), // 5 and 10 count
            (15.0, "1302"), // 10 and 14 count
            (24.0, "ok"),   // only 15 counts
            (25.0, "ok"),
        ],
    );
}

/// A window that begins at every multiple of its length, however late the calls of the last one came.
#[test]
fn a_fixed_window_by_hand() {
    let provider = "window = \"fixed\"\nwindow_s = 10\ncalls_per_minute = 2";
    assert_answers(
        provider,
        &[
            (9.0, "ok"),
            (9.5, "ok"),
            (9.999_999, "1302"),
            (10.0, "ok"),
            (10.1, "ok"),
            (10.2, "1302"),
            (19.999_999, "1302"),
            (20.0, "ok"),
        ],
    );
}

/// Two calls in eight seconds are one in four; the bucket holds two, and is full at the start.
#[test]
fn a_token_bucket_by_hand() {
    let provider = "window = \"token-bucket\"\nwindow_s = 8\ncalls_per_minute = 2";
    assert_answers(
        provider,
        &[
            (0.0, "ok"),
            (0.0, "ok"),
            (0.0, "1302"),
            (3.0, "1302"),
            (4.0, "ok"), // exactly one has come back
            (6.0, "1302"),
            (9.0, "ok"), // a quarter is left
            (11.0, "1302"),
            (12.0, "ok"),
            (90.0, "ok"), // full again, and no fuller
            (90.0, "ok"),
            (90.0, "1302"),
        ],
    );
}

/// Every call has 40 tokens of prompt and 20 of answer.
#[test]
fn tokens_by_hand() {
    let provider = "window = \"sliding\"\nwindow_s = 10\ntokens_per_minute = 120\ncounts_refused = true";
    assert_answers(
        provider,
        &[
            (0.0, "ok"),
            (1.0, "ok"), // 120 are not more than 120
            (2.0, "1303"),
            (10.0, "ok"), // a refused call has used no tokens
            (10.5, "1303"),
            (11.0, "ok"),
        ],
    );
}

/// Every call takes three seconds.
#[test]
fn concurrency_by_hand() {
    assert_answers_with(
        "concurrency = [[0, 2], [0.01, 1]]",
        Micros::from_secs(3),
        &[
            (0.0, "ok"),
            (1.0, "ok"),
            (2.999_999, "1302"),
            (3.0, "ok"), // the first is done at this moment
            (3.5, "1302"),
            (4.0, "ok"),
            (35.0, "ok"),
            (36.0, "1302"), // 36 s are a hundredth of an hour
            (38.0, "ok"),
            (39.0, "1302"),
        ],
    );
}

fn assert_answers(provider: &str, expected: &[(f64, &str)]) {
    assert_answers_with(provider, Micros::ZERO, expected);
}

/// Replays calls at the given seconds, without delays or limiter, and compares what became of each.
#[track_caller]
fn assert_answers_with(provider: &str, service: Micros, expected: &[(f64, &str)]) {
    let call = |at: &f64| TraceCall {
        input_tokens: Some(40),
        output_tokens: Some(20),
        latency: Some(service),
        ..TraceCall::at(Time::from_secs_f64(*at))
    };
    let (trace, _file) = run::trace(&expected.iter().map(|(at, _)| call(at)).collect::<Vec<_>>());
    let (_, attempts) =
        run::attempts(&world(provider), Some(&trace), &Settings::default(), Contender::None, 1);
    let answers: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            let answer = match attempt.outcome {
                AttemptOutcome::Success => "ok".to_owned(),
                AttemptOutcome::Refused(code) => code.to_string(),
                other => format!("{other:?}"),
            };
            (attempt.reached.as_secs_f64(), answer)
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(at, answer)| (*at, (*answer).to_owned())).collect();
    assert_eq!(answers, expected);
}

/// No delays, patience without end, and nothing but what `provider` says.
fn world(provider: &str) -> Scenario {
    let text = format!(
        "name = \"closed-form\"
         hours = {hours}
         [arrivals]
         process = \"poisson\"
         calls_per_hour = {per_hour}
         output_tokens = {{ median = 1, sigma = 0 }}
         [clients]
         network_delay_ms = {{ median = 0, sigma = 0 }}
         store_delay_ms = 0
         deadline_s = 86400
         [provider]
         {provider}",
        hours = HORIZON_S / 3_600.0,
        per_hour = CALLS_PER_S * 3_600.0,
    );
    Scenario::parse("closed-form.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// Poisson arrivals with exponential services.
fn memoryless_calls(seed: u64) -> Vec<TraceCall> {
    let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = || -> f64 { Exp1.sample(&mut chance) };
    let mut calls = Vec::new();
    let mut at = draw() / CALLS_PER_S;
    while at < HORIZON_S {
        let latency = Some(Micros::from_secs_f64(draw() * MEAN_SERVICE_S));
        calls.push(TraceCall { latency, ..TraceCall::at(Time::from_secs_f64(at)) });
        at += draw() / CALLS_PER_S;
    }
    calls
}

fn measured(attempts: &[Attempt]) -> impl Iterator<Item = &Attempt> {
    attempts.iter().filter(|attempt| attempt.arrival.as_secs_f64() >= WARMUP_S)
}

fn wait(attempt: &Attempt) -> Micros {
    attempt.granted.since(attempt.arrival)
}

fn share_refused(attempts: &[Attempt]) -> f64 {
    let refused = measured(attempts).filter(|attempt| attempt.outcome == AttemptOutcome::Refused(1302));
    refused.count() as f64 / measured(attempts).count() as f64
}

#[track_caller]
fn assert_agrees(what: &str, replications: &[f64], theory: f64) {
    let n = replications.len() as f64;
    let mean = replications.iter().sum::<f64>() / n;
    let variance = replications.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    let found = format!("{what}: {mean:.5} with a standard error of {error:.5}, and {theory:.5} in theory");
    assert!((mean - theory).abs() < STANDARD_ERRORS * error, "{found}");
    assert!(error < SHARPNESS * theory, "{found}: too blunt to prove anything");
}

/// `B(0) = 1`, `B(c) = a B(c-1) / (c + a B(c-1))`.
fn erlang_b(servers: u64, load: f64) -> f64 {
    (1..=servers).fold(1.0, |b, c| load * b / (c as f64 + load * b))
}

/// `C = B / (1 - a/c (1 - B))`.
fn erlang_c(servers: u64, load: f64) -> f64 {
    let b = erlang_b(servers, load);
    b / (1.0 - load / servers as f64 * (1.0 - b))
}

/// Values from the tables of Erlang's formulas.
#[test]
fn the_formulas_are_erlangs() {
    assert!((erlang_b(5, 3.0) - 0.110_054).abs() < 1e-6);
    assert!((erlang_b(10, 5.0) - 0.018_385).abs() < 1e-6);
    assert!((erlang_c(5, 4.0) - 0.554_113).abs() < 1e-6);
    assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
}
