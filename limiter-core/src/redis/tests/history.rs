//! What happens to a pool: steps, and how they are drawn.

use std::num::NonZeroU64;

use proptest::prelude::*;

use crate::{Limits, Micros, Window};

/// How many processes there may be.
pub(super) const PROCESSES: usize = 3;

/// A pool and what is done to it.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) window: Window,
    pub(super) limits: Limits,
    pub(super) processes: usize,
    pub(super) steps: Vec<Step>,
}

/// One step; each takes place a microsecond after the one before. Processes are counted modulo how many there are, and where
/// there is nothing to pick nothing happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Pass(Micros),
    /// To so many microseconds (-1, 0 or 1) after one of the moments at which something may change.
    PassTo(Pick, i8),
    /// A request, with what has ended in its process.
    Acquire(Ask, Vec<Ending>),
    /// A request is repeated: its answer was lost, or may have been.
    AskAgain(Pick),
    /// The time of one who waits is up.
    Leave(Pick),
    /// What has ended in a process, with a heartbeat or without.
    Turn(usize, bool, Vec<Ending>),
    SetLimits(usize, Limits),
    /// A call is refused that was granted like that one, or so long ago.
    Cut(usize, Result<Pick, Micros>, Limits),
    Peek(usize),
    Reset(usize),
    /// A process goes, and comes again.
    Quit(usize),
}

/// Picks one of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick(pub(super) usize);

impl Pick {
    /// One of these, which must not be none.
    pub(super) fn of<T>(self, these: &[T]) -> &T {
        &these[self.0 % these.len()]
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) process: usize,
    pub(super) queues: bool,
    pub(super) tokens: u64,
    pub(super) level: u8,
    /// How long ago it came.
    pub(super) age: Micros,
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Completed(Pick, Option<u64>),
    Abandoned(Pick),
    /// One who waits is cancelled.
    Cancelled(Pick),
    /// One who was granted has gone before it heard of it.
    Unfetched(Pick),
}

pub(super) fn histories() -> impl Strategy<Value = History> {
    (windows(), some_limits(), 1..=PROCESSES, prop::collection::vec(steps(), 1..80))
        .prop_map(|(window, limits, processes, steps)| History { window, limits, processes, steps })
}

fn steps() -> impl Strategy<Value = Step> {
    let process = 0..PROCESSES;
    let index = picks;
    prop_oneof![
        2 => (0..20_000_000_u64).prop_map(|micros| Step::Pass(Micros::new(micros))),
        6 => (index(), -1..=1_i8).prop_map(|(index, offset)| Step::PassTo(index, offset)),
        10 => (asks(), prop::collection::vec(endings(), 0..2)).prop_map(|(ask, endings)| Step::Acquire(ask, endings)),
        1 => index().prop_map(Step::AskAgain),
        1 => index().prop_map(Step::Leave),
        6 => (process.clone(), any::<bool>(), prop::collection::vec(endings(), 0..4)).prop_map(|(process, beats, endings)| Step::Turn(process, beats, endings)),
        1 => (process.clone(), some_limits()).prop_map(|(process, limits)| Step::SetLimits(process, limits)),
        1 => (process.clone(), refused(), some_limits())
            .prop_map(|(process, refused, limits)| Step::Cut(process, refused, limits)),
        1 => process.clone().prop_map(Step::Peek),
        1 => process.clone().prop_map(Step::Reset),
        1 => process.prop_map(Step::Quit),
    ]
}

fn picks() -> impl Strategy<Value = Pick> {
    any::<usize>().prop_map(Pick)
}

fn asks() -> impl Strategy<Value = Ask> {
    let age = prop_oneof![3 => Just(0), 1 => 0..3_u64, 1 => 0..40_000_000_u64].prop_map(Micros::new);
    (0..PROCESSES, prop::bool::weighted(0.7), 0..60_u64, 0..3_u8, age).prop_map(
        |(process, queues, tokens, level, age)| Ask {
            process,
            queues,
            tokens,
            level,
            // Whoever does not wait has come just now.
            age: if queues { age } else { Micros::ZERO },
        },
    )
}

fn endings() -> impl Strategy<Value = Ending> {
    let index = picks;
    prop_oneof![
        4 => (index(), prop::option::of(0..150_u64)).prop_map(|(index, used)| Ending::Completed(index, used)),
        1 => index().prop_map(Ending::Abandoned),
        1 => index().prop_map(Ending::Cancelled),
        1 => index().prop_map(Ending::Unfetched),
    ]
}

fn refused() -> impl Strategy<Value = Result<Pick, Micros>> {
    prop_oneof![picks().prop_map(Ok), (0..60_000_000_u64).prop_map(|ago| Err(Micros::new(ago)))]
}

fn some_limits() -> impl Strategy<Value = Limits> {
    let limit = |most: u64| prop::option::of(1..=most).prop_map(|limit| limit.and_then(NonZeroU64::new));
    let pacing = prop_oneof![Just(0), 0..3_000_000_u64].prop_map(Micros::new);
    (limit(6), limit(100), limit(4), pacing).prop_map(|(calls, tokens, concurrency, pacing)| Limits {
        version: 0,
        calls,
        tokens,
        concurrency,
        pacing,
    })
}

fn windows() -> impl Strategy<Value = Window> {
    let guard = prop_oneof![1 => Just(0), 3 => 0..2_000_000_u64];
    (10_000..40_000_000_u64, guard)
        .prop_map(|(period, guard)| Window { period: Micros::new(period), guard: Micros::new(guard) })
}
