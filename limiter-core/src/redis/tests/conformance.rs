//! The scripts decide as the pure rules do: random histories, compared step by step and to the microsecond.

use std::cell::RefCell;
use std::num::NonZeroU64;

use proptest::test_runner::{Config, TestRunner};

use super::history::{Ask, Ending, History, Pick, Step, histories};
use super::stage::Stage;
use super::twins::Twins;
use crate::{Limits, Micros, Window};

/// A failing case is kept in `proptest-regressions/` and tried first from then on (commit it);
/// `PROPTEST_CASES=20000 cargo test -p limiter-core --lib the_store_decides` looks harder.
#[test]
fn the_store_decides_as_the_pure_rules_do() {
    // One server for all cases: to start one takes longer than a case.
    let stage = RefCell::new(Stage::new());
    let config = Config { source_file: Some(file!()), ..Config::default() };
    let result = TestRunner::new(config).run(&histories(), |history| {
        run(&mut stage.borrow_mut(), &history);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}\nto see it again: cargo test -p limiter-core --lib the_store_decides");
    }
}

/// Where the store once decided otherwise, cut down to what it takes.
#[test]
fn the_store_decides_so_where_it_once_did_not() {
    let ask = |process, queues| Ask { process, queues, tokens: 0, level: 1, age: Micros::ZERO };
    let acquire = |ask| Step::Acquire(ask, Vec::new());
    let one_at_a_time = Limits { concurrency: NonZeroU64::new(1), ..Limits::default() };
    let paced = Limits { pacing: Micros::from_secs(3), ..Limits::default() };
    let now_and_then_queued = || vec![acquire(ask(0, false)), acquire(ask(0, true))];
    let cases = [
        // Without a guard a call that is abandoned is out of the way at once.
        (one_at_a_time, [now_and_then_queued(), vec![Step::Turn(0, true, vec![Ending::Abandoned(Pick(0))])]]),
        // Of two that came in the same moment, the one that was heard of first goes first, whatever they are called.
        (
            paced,
            [
                vec![acquire(ask(0, false)), acquire(Ask { age: Micros::new(1), ..ask(1, true) })],
                vec![acquire(Ask { age: Micros::new(2), ..ask(0, true) })],
            ],
        ),
        // The head of the queue is still told when to come where a cut comes too late.
        (
            one_at_a_time,
            [
                vec![Step::Cut(0, Ok(Pick(0)), paced), acquire(ask(0, false)), acquire(ask(0, true))],
                vec![Step::Cut(0, Err(Micros::from_secs(60)), paced)],
            ],
        ),
    ];
    let mut stage = Stage::new();
    for (limits, steps) in cases {
        let window = Window { period: Micros::from_secs(10), guard: Micros::ZERO };
        run(&mut stage, &History { window, limits, processes: 2, steps: steps.concat() });
    }
}

fn run(stage: &mut Stage, history: &History) {
    let mut twins = Twins::new(stage, history);
    for step in &history.steps {
        twins.step(step);
    }
    twins.finish();
}
