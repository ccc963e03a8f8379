//! Every call ends exactly once, whatever the world: nothing is lost on the way, and nothing leaks.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;

use adaptive::Settings;
use limiter_core::{Micros, Time};
use proptest::prelude::*;
use ratepilot_tests::run;
use ratepilot_tests::world::{Demand, World};
use simulator::scenario::Scenario;
use simulator::trace::TraceCall;
use simulator::{Attempt, AttemptOutcome, Contender, Hour, Run};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// That a run comes back at all proves that no call waits for a permit for ever: it ends with its last event.
    #[test]
    fn every_call_ends_exactly_once(world in World::any(), seed in any::<u64>()) {
        let scenario = World { warmup_minutes: 0, ..world.clone() }.scenario();
        for contender in Contender::all() {
            let (run, attempts) = run::attempts(&scenario, None, &Settings::default(), contender, seed);
            let total = total(&run);
            check_attempts(&scenario, contender, &attempts, &total)?;
            check_events(&world, contender, &run, &total)?;
        }
    }

    /// The callers of open arrivals do not care who limits them.
    #[test]
    fn open_arrivals_all_become_calls(world in World::any(), calls_per_hour in 1_u64..3_000, seed in any::<u64>()) {
        let world = World { demand: Demand::Poisson(calls_per_hour), warmup_minutes: 0, ..world };
        let scenario = world.scenario();
        let demand = Scenario { provider: scenario.provider.unlimited(), ..scenario.clone() };
        let (_, arrivals) = run::attempts(&demand, None, &Settings::default(), Contender::None, seed);
        for contender in Contender::all() {
            let (run, _) = run::attempts(&scenario, None, &Settings::default(), contender, seed);
            prop_assert_eq!(total(&run).calls, arrivals.len() as u64, "{}", contender);
        }
    }

    #[test]
    fn every_row_of_a_trace_becomes_a_call(world in World::any(), calls in calls(), seed in any::<u64>()) {
        let mut scenario = World { warmup_minutes: 0, ..world }.scenario();
        let (trace, _file) = run::trace(&calls);
        scenario.horizon = Time::ZERO + trace.span() + Micros::new(1);
        for contender in Contender::all() {
            let (run, attempts) = run::attempts(&scenario, Some(&trace), &Settings::default(), contender, seed);
            let total = total(&run);
            prop_assert_eq!(total.calls, calls.len() as u64, "{}", contender);
            check_attempts(&scenario, contender, &attempts, &total)?;
            for attempt in attempts {
                let row = calls[attempt.call as usize];
                prop_assert_eq!(attempt.arrival, row.arrival);
                prop_assert_eq!(attempt.input_tokens, row.input_tokens.unwrap_or(attempt.input_tokens));
                prop_assert_eq!(attempt.output_tokens, row.output_tokens.unwrap_or(attempt.output_tokens));
            }
        }
    }
}

/// Calls in order, with or without tokens, latency and priority; many at the same moment, and monsters among them.
fn calls() -> impl Strategy<Value = Vec<TraceCall>> {
    let tokens = prop_oneof![Just(None), (0_u32..5_000).prop_map(Some), Just(Some(u32::MAX))];
    let latency = prop::option::of((0_u64..400_000_000).prop_map(Micros::new));
    let arrival = (0_u64..1_800).prop_map(|second| Time::from_micros(second * 1_000_000));
    let call = (arrival, tokens.clone(), tokens, latency, prop::option::of(0_u8..4)).prop_map(
        |(arrival, input_tokens, output_tokens, latency, priority)| TraceCall {
            arrival,
            input_tokens,
            output_tokens,
            latency,
            priority,
        },
    );
    prop::collection::vec(call, 1..300).prop_map(|mut calls| {
        calls.sort_by_key(|call| call.arrival);
        calls
    })
}

fn total(run: &Run) -> Hour {
    run.hours.iter().fold(Hour::default(), |sum, hour| Hour {
        calls: sum.calls + hour.calls,
        successes: sum.successes + hour.successes,
        lost: sum.lost + hour.lost,
        attempts: sum.attempts + hour.attempts,
        ..sum
    })
}

fn check_attempts(
    scenario: &Scenario,
    contender: Contender,
    attempts: &[Attempt],
    total: &Hour,
) -> Result<(), TestCaseError> {
    let clients = &scenario.clients;
    let unlimited = contender == Contender::None;
    let retries = if unlimited { clients.retries_without_limiter } else { clients.retries };
    let mut calls: BTreeMap<u64, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        calls.entry(attempt.call).or_default().push(attempt);
    }
    for attempts in calls.values() {
        check_call(attempts, retries, clients.deadline)?;
    }
    let ended_well = attempts.iter().filter(|attempt| attempt.outcome == AttemptOutcome::Success);
    prop_assert_eq!(ended_well.count() as u64, total.successes, "{}", contender);
    prop_assert_eq!(attempts.len() as u64, total.attempts, "{}", contender);
    if unlimited {
        prop_assert_eq!(calls.len() as u64, total.calls, "without a limiter every call reaches the provider");
    }
    // Who is willing to retry gives up nothing: what does not end well is lost.
    if retries > 0 {
        prop_assert_eq!(total.calls, total.successes + total.lost, "{}", contender);
    } else if unlimited {
        prop_assert_eq!((total.lost, total.attempts), (0, total.calls));
    }
    Ok(())
}

/// Attempts follow each other, at most one more than there are retries, and only after a refusal.
fn check_call(attempts: &[&Attempt], retries: u32, patience: Micros) -> Result<(), TestCaseError> {
    prop_assert!(attempts.len() as u64 <= u64::from(retries) + 1);
    for (number, attempt) in (1..).zip(attempts) {
        prop_assert_eq!(attempt.attempt, number);
        prop_assert!(
            attempt.arrival <= attempt.granted && attempt.granted <= attempt.reached,
            "{:?}",
            attempt
        );
        prop_assert!(attempt.reached <= attempt.finished, "{:?}", attempt);
        prop_assert!(attempt.granted <= attempt.arrival + patience, "{:?}", attempt);
    }
    for pair in attempts.windows(2) {
        let refused = matches!(pair[0].outcome, AttemptOutcome::Refused(_) | AttemptOutcome::Overload);
        prop_assert!(refused && pair[0].finished <= pair[1].granted, "{pair:?}");
        prop_assert_eq!((pair[0].process, pair[0].arrival), (pair[1].process, pair[1].arrival));
        prop_assert_eq!(pair[0].input_tokens, pair[1].input_tokens);
        prop_assert_eq!(pair[0].output_tokens, pair[1].output_tokens);
    }
    Ok(())
}

/// A dozen events an attempt, and two a second for whoever sets the limits: no run turns on the spot.
fn check_events(world: &World, contender: Contender, run: &Run, total: &Hour) -> Result<(), TestCaseError> {
    let seconds = world.minutes * 60;
    let others = 100 + 2 * world.provider.foreign * world.minutes;
    // The oracle looks at what others do once a second, and then those ask again who are too large for it.
    let asked_again = if contender == Contender::Oracle { world.clients.deadline_s as u64 } else { 0 };
    let bound = 12 * (total.calls + total.attempts) + 2 * seconds + others + 3 * asked_again * total.calls;
    prop_assert!(run.events <= bound, "{contender}: {} events for {total:?}", run.events);
    Ok(())
}
