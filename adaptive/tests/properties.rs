//! What every controller keeps to, whatever the world does. A failing case is printed, and kept to be run again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::num::NonZeroU64;

use adaptive::{Bounds, ControlLoop, Feedback, Kind, Outcome, Settings, Signal};
use limiter_core::{Limits, Micros, Seen, Time};
use proptest::prelude::*;

/// One call's end, as a loop is told of it, and how long after the one before.
#[derive(Clone, Debug)]
struct End {
    after: Micros,
    took: Micros,
    counts: (u64, u64, u64),
    more_at_end: u64,
    outcome: Outcome,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let signals = [
        Signal::Rate,
        Signal::Concurrency,
        Signal::RateOrConcurrency,
        Signal::Tokens,
        Signal::Ramp,
        Signal::Overload,
    ];
    prop_oneof![
        6 => Just(Outcome::Success),
        2 => prop::sample::select(signals.to_vec()).prop_map(Outcome::Refused),
        1 => Just(Outcome::Failed),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let spans = (0..7_200_000_000_u64, 0..120_000_000_u64);
    let counts = (1..200_u64, 0..100_000_u64, 1..50_u64);
    (spans, counts, 0..20_u64, outcome()).prop_map(|((after, took), counts, more_at_end, outcome)| End {
        after: Micros::new(after),
        took: Micros::new(took),
        counts,
        more_at_end,
        outcome,
    })
}

fn ends() -> impl Strategy<Value = Vec<End>> {
    prop::collection::vec(end(), 1..200)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

fn feedback(end: &End, now: Time) -> Feedback {
    let (calls, tokens, in_flight) = end.counts;
    let seen = Seen { calls, tokens, in_flight, version: 0 };
    let seen_at_end = Seen { calls: calls + end.more_at_end, ..seen };
    Feedback { granted_at: now - end.took, seen, seen_at_end, outcome: end.outcome, hint: None }
}

/// Tells a loop of all ends, waking it as it wishes, and hands every adjustment to `check`.
fn turn(control: &mut ControlLoop, ends: &[End], mut check: impl FnMut(&Limits, &Limits, Option<&End>)) {
    let mut now = Time::ZERO + Micros::from_secs(3_600);
    for end in ends {
        now = now + end.after;
        // It may want to be woken each minute for two hours: bounded, as a driver's queue would be.
        for _ in 0..1_000 {
            let Some(due) = control.next_wake().filter(|due| *due <= now) else { break };
            if let Some(adjustment) = control.wake(due) {
                check(&adjustment.from, &adjustment.to, None);
            }
        }
        if let Some(adjustment) = control.observe(&feedback(end, now), now) {
            assert!(!adjustment.reason.to_string().is_empty());
            check(&adjustment.from, &adjustment.to, Some(end));
        }
    }
}

fn bounded() -> Settings {
    let mut settings = Settings::default();
    settings.controller.floor_calls_per_minute = 5;
    settings.controller.ceiling_calls_per_minute = 90;
    settings.controller.floor_concurrency = 2;
    settings.controller.ceiling_concurrency = 12;
    settings
}

fn within(limits: &Limits, bounds: &Bounds) -> bool {
    let inside = |limit: Option<NonZeroU64>, (least, most): (NonZeroU64, NonZeroU64)| {
        limit.is_none_or(|limit| (least..=most).contains(&limit))
    };
    inside(limits.calls, bounds.calls) && inside(limits.concurrency, bounds.concurrency)
}

proptest! {
    #[test]
    fn floor_and_ceiling_are_kept(kind in kind(), ends in ends()) {
        let settings = bounded();
        let bounds = settings.controller.bounds().unwrap();
        let mut control = settings.control_loop(kind).unwrap();
        prop_assert!(within(control.limits(), &bounds));
        turn(&mut control, &ends, |_, to, _| assert!(within(to, &bounds), "{to:?}"));
    }

    #[test]
    fn a_loop_that_only_watches_changes_nothing(kind in kind(), ends in ends()) {
        let mut settings = Settings::default();
        settings.controller.learn = false;
        let mut control = settings.control_loop(kind).unwrap();
        turn(&mut control, &ends, |from, to, _| panic!("from {from:?} to {to:?}"));
    }

    #[test]
    fn a_state_that_was_stored_goes_on_as_if_it_had_not_been(
        kind in kind(),
        before in ends(),
        after in ends(),
    ) {
        let mut live = Settings::default().control_loop(kind).unwrap();
        turn(&mut live, &before, |_, _, _| {});
        let stored = serde_json::to_string(&live).unwrap();
        let mut restored: ControlLoop = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&restored, &live);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        turn(&mut live, &after, |_, to, _| a.push(*to));
        turn(&mut restored, &after, |_, to, _| b.push(*to));
        prop_assert_eq!(a, b);
    }

    /// A refusal lowers what it is blamed on and raises nothing; a limit that was not there may appear.
    #[test]
    fn a_refusal_never_raises(kind in prop::sample::select(vec![Kind::Aimd, Kind::Predictive]), ends in ends()) {
        let mut control = Settings::default().control_loop(kind).unwrap();
        turn(&mut control, &ends, |from, to, end| {
            if end.is_some_and(|end| matches!(end.outcome, Outcome::Refused(_))) {
                let raised = |a: Option<NonZeroU64>, b: Option<NonZeroU64>| a.zip(b).is_some_and(|(a, b)| b > a);
                let raises = [
                    raised(from.calls, to.calls),
                    raised(from.tokens, to.tokens),
                    raised(from.concurrency, to.concurrency),
                ];
                assert_eq!(raises, [false; 3], "from {from:?} to {to:?}");
            }
        });
    }

    /// Nothing grows for calls that leave room under every limit.
    #[test]
    fn without_pressure_nothing_grows(
        kind in prop::sample::select(vec![Kind::Aimd, Kind::Predictive]),
        spans in prop::collection::vec(1..7_200_000_000_u64, 1..200),
    ) {
        let mut control = Settings::default().control_loop(kind).unwrap();
        let calm = |after: &u64| End {
            after: Micros::new(*after),
            took: Micros::from_secs(1),
            counts: (40, 1_000, 5),
            more_at_end: 0,
            outcome: Outcome::Success,
        };
        let ends: Vec<_> = spans.iter().map(calm).collect();
        turn(&mut control, &ends, |from, to, _| panic!("from {from:?} to {to:?}"));
    }
}
