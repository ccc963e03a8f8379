//! What must hold in every world, whatever the numbers.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};

use adaptive::{Kind, Settings};
use proptest::prelude::*;
use ratepilot_tests::run;
use ratepilot_tests::world::{Clients, Demand, Provider, Window, World};
use simulator::{Attempt, AttemptOutcome, Contender};

const AIMD: Contender = Contender::Controller(Kind::Aimd);
const FIXED: Contender = Contender::Controller(Kind::Fixed);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Let calls be independent, and let each take what it takes. Number the places (in flight, or in the window),
    /// and give each accepted call the first that is free: then the first `c` places see the same calls, whether there
    /// are `c` of them or more, as a further place only takes what they refused. So nobody is refused under the
    /// higher limit who was not refused under the lower one: not on average, but call by call.
    ///
    /// This is not so with a limit on tokens (a large call in takes the place of two small ones), nor with two
    /// limits at once, nor where refused calls count or come again.
    #[test]
    fn more_places_never_refuse_a_call_that_fewer_accept(
        world in World::independent(),
        (few, more) in (1_u64..30, 0_u64..10),
        in_flight in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let refused = |limit: u64| {
            let limit = Some(vec![(0, limit)]);
            let (calls, concurrency) = if in_flight { (None, limit) } else { (limit, None) };
            let provider = Provider { calls, concurrency, ..world.provider.clone() };
            refused_calls(&World { provider, ..world.clone() }, seed)
        };
        let (with_few, with_more) = (refused(few), refused(few + more));
        prop_assert!(with_more.is_subset(&with_few), "{:?}", with_more.difference(&with_few));
    }

    /// A larger bucket may be emptier at a moment, because it gave more before, and so refuse a call that a smaller
    /// one accepts; but it never has refused more in all. (The calls accepted so far and those in the bucket are
    /// together at least as many as those of the smaller one.)
    #[test]
    fn a_larger_bucket_never_refuses_more_calls(
        world in World::independent(),
        (few, more) in (1_u64..30, 0_u64..10),
        seed in any::<u64>(),
    ) {
        let refused = |limit: u64| {
            let calls = Some(vec![(0, limit)]);
            let provider = Provider { calls, window: Window::TokenBucket, ..world.provider.clone() };
            refused_calls(&World { provider, ..world.clone() }, seed).len()
        };
        let (with_few, with_more) = (refused(few), refused(few + more));
        prop_assert!(with_more <= with_few, "{with_few} refused by {few}, {with_more} by {}", few + more);
    }

    /// The oracle is the ceiling only if it is not refused itself. The guard of 0.2 s is all it has against a network
    /// that holds one call up longer than another, so slow networks are left out. It looks now and then, and not
    /// any more after the horizon, so one in a thousand may slip through.
    #[test]
    fn one_who_knows_the_limits_is_hardly_ever_refused(
        world in World::countable(),
        network_ms in 0_u64..10,
        seed in any::<u64>(),
    ) {
        let world = World {
            clients: Clients { network_ms, deadline_s: 120.0, ..world.clients },
            provider: Provider { window: Window::Sliding, overload: None, ..world.provider },
            ..world
        };
        let scenario = world.scenario();
        let (_, attempts) = run::attempts(&scenario, None, &Settings::default(), Contender::Oracle, seed);
        let until_the_horizon = attempts.iter().filter(|attempt| attempt.reached < scenario.horizon);
        let hits = until_the_horizon.filter(|attempt| is_hit(attempt)).count();
        prop_assert!(hits <= 1 + attempts.len() / 1_000, "{hits} hits in {} attempts", attempts.len());
    }

    #[test]
    fn aimd_stays_between_floor_and_ceiling(
        world in World::any(),
        (floor, span) in (1_u64..20, 0_u64..40),
        (least, room) in (1_u64..5, 0_u64..6),
        seed in any::<u64>(),
    ) {
        let mut settings = Settings::default();
        let controller = &mut settings.controller;
        (controller.floor_calls_per_minute, controller.ceiling_calls_per_minute) = (floor, floor + span);
        (controller.floor_concurrency, controller.ceiling_concurrency) = (least, least + room);
        controller.aimd.slow_start_per_minute = 1.0;
        let (run, _) = run::attempts(&world.scenario(), None, &settings, AIMD, seed);
        prop_assert!(run.highest_limit_calls <= Some(floor + span));
        for minute in run.minutes {
            let calls = minute.limit_calls.unwrap();
            let concurrency = minute.limit_concurrency.unwrap();
            prop_assert!((floor..=floor + span).contains(&calls), "{minute:?}");
            prop_assert!((least..=least + room).contains(&concurrency), "{minute:?}");
        }
    }

    #[test]
    fn one_that_does_not_learn_is_a_fixed_limit(world in World::any(), seed in any::<u64>()) {
        let mut watching = Settings::default();
        watching.controller.learn = false;
        let scenario = world.scenario();
        let (run, attempts) = run::attempts(&scenario, None, &watching, AIMD, seed);
        let (_, under_fixed) = run::attempts(&scenario, None, &Settings::default(), FIXED, seed);
        prop_assert_eq!(attempts, under_fixed);
        prop_assert_eq!(run.highest_limit_calls, Some(Settings::default().limiter.max_calls_per_minute));
    }

    /// Common random numbers: who limits them changes nothing about the calls themselves.
    #[test]
    fn a_call_is_the_same_under_every_controller(
        world in World::any(),
        calls_per_hour in 10_u64..2_000,
        seed in any::<u64>(),
    ) {
        let scenario = World { demand: Demand::Poisson(calls_per_hour), ..world }.scenario();
        let mut known = BTreeMap::new();
        for contender in Contender::all() {
            let (_, attempts) = run::attempts(&scenario, None, &Settings::default(), contender, seed);
            for attempt in attempts {
                let call = (attempt.process, attempt.arrival, attempt.input_tokens, attempt.output_tokens);
                prop_assert_eq!(*known.entry(attempt.call).or_insert(call), call, "{}", contender);
            }
        }
    }
}

fn is_hit(attempt: &Attempt) -> bool {
    matches!(attempt.outcome, AttemptOutcome::Refused(_))
}

fn refused_calls(world: &World, seed: u64) -> BTreeSet<u64> {
    let (_, attempts) = run::attempts(&world.scenario(), None, &Settings::default(), Contender::None, seed);
    attempts.into_iter().filter(is_hit).map(|attempt| attempt.call).collect()
}
