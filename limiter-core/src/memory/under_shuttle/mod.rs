//! A pool in memory under the scheduler of shuttle, which tries another order of its callers' steps in each of
//! thousands of runs.
//!
//! What runs is the sources of the store themselves, on another [`runtime`]. A test fails on a count that must not be,
//! and on a waiter whom nobody wakes or a driver that nobody sends home, which is a deadlock here. It prints the schedule of its failure, and
//! `RATEPILOT_SCHEDULE='...' cargo test -p limiter-core --lib NAME` runs that alone.

#![allow(clippy::duplicate_mod, reason = "the store is compiled a second time, on another runtime")]
#![allow(dead_code, reason = "not all that the store does is tried here")]

#[path = "../driver.rs"]
mod driver;
#[path = "../entry.rs"]
mod entry;
#[path = "../gate.rs"]
mod gate;
#[path = "../queue.rs"]
mod queue;
mod runtime;

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

use crate::decision::{Grant, Request, Seen};
use crate::error::AcquireError;
use crate::limits::{Limits, Window};
use crate::time::{Micros, Time};
use entry::Entry;
use gate::{Gate, Place};
use queue::Answer;
use runtime::{Clock, sleep};

/// Schedules that each of both schedulers tries of a test.
const RUNS: usize = 3_000;
/// How deep the faults lie that PCT looks for: it takes the turn from whoever has it one time less.
const DEPTH: usize = 3;

const GUARD: Micros = Micros::from_millis(5);
const WINDOW: Window = Window { period: Micros::from_millis(95), guard: GUARD };
const TOKENS: u64 = 10;

fn explore(scenario: fn()) {
    match std::env::var("RATEPILOT_SCHEDULE") {
        Ok(schedule) => run(ReplayScheduler::new_from_encoded(&schedule), scenario),
        Err(_) => {
            run(RandomScheduler::new(RUNS), scenario);
            run(PctScheduler::new(DEPTH, RUNS), scenario);
        }
    }
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = Config::new();
    // That statics are dropped after each run is what is wanted here.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scenario);
}

/// One pool, and what its callers know of it.
struct Site {
    gate: Arc<Gate>,
    concurrency: Option<u64>,
    in_flight: AtomicU64,
    /// When each call was granted whose caller heard of it.
    granted: Mutex<Vec<Time>>,
}

/// A call under way, which ends when this is dropped.
struct Call {
    site: Arc<Site>,
    grant: Grant,
}

impl Site {
    fn new(limits: Limits) -> Arc<Self> {
        runtime::let_time_pass();
        Arc::new(Self {
            gate: Arc::new(Gate::new("test".into(), Clock, WINDOW, limits)),
            concurrency: limits.concurrency.map(NonZeroU64::get),
            in_flight: AtomicU64::new(0),
            granted: Mutex::default(),
        })
    }

    async fn enter(&self, tokens: u64, timeout: Option<Duration>) -> Result<Grant, AcquireError> {
        let request = Request { tokens, ..Request::default() };
        Ok(Entry::new(Arc::clone(&self.gate), request, timeout, None).await?.grant)
    }

    async fn call(self: &Arc<Self>, timeout: Option<Duration>) -> Result<Call, AcquireError> {
        let grant = self.enter(TOKENS, timeout).await?;
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(self.concurrency.is_none_or(|limit| in_flight <= limit), "{in_flight} in flight");
        self.granted.lock().expect("no panic").push(grant.at);
        Ok(Call { site: Arc::clone(self), grant })
    }

    /// In the order of time.
    fn granted(&self) -> Vec<Time> {
        let mut granted = self.granted.lock().expect("no panic").clone();
        granted.sort_unstable();
        granted
    }

    fn served(&self) -> u64 {
        self.granted().len() as u64
    }

    /// What is charged once nobody is left who waits or calls.
    fn at_rest(&self) -> Seen {
        let (seen, waiting, _) = self.gate.status();
        assert_eq!((seen.in_flight, waiting), (0, 0), "in flight, waiting");
        seen
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.site.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.site.gate.complete(self.grant.id, None);
    }
}

fn concurrency(limit: u64) -> Limits {
    Limits { concurrency: NonZeroU64::new(limit), ..Limits::default() }
}

fn calls(limit: u64) -> Limits {
    Limits { calls: NonZeroU64::new(limit), ..Limits::default() }
}

fn finish(task: JoinHandle<()>) {
    block_on(task).expect("not cancelled");
}

/// Everybody gets in as a place becomes free, and nobody else gets in with them.
#[test]
fn a_permit_given_back_wakes_the_next() {
    explore(|| {
        let site = Site::new(concurrency(2));
        let callers = [(); 4].map(|()| {
            let site = Arc::clone(&site);
            spawn(async move {
                for _ in 0..2 {
                    let call = site.call(None).await.expect("no timeout");
                    yield_now().await;
                    drop(call);
                }
            })
        });
        callers.into_iter().for_each(finish);
        assert_eq!(site.at_rest().calls, 8);
    });
}

#[test]
fn one_who_is_cancelled_passes_on_its_place_and_its_grant() {
    explore(|| {
        let site = Site::new(concurrency(1));
        let callers = [(); 4].map(|()| {
            let site = Arc::clone(&site);
            spawn(async move {
                let call = site.call(None).await.expect("no timeout");
                yield_now().await;
                drop(call);
            })
        });
        callers[1].abort();
        callers[2].abort();
        for (number, caller) in callers.into_iter().enumerate() {
            assert!(block_on(caller).is_ok() || [1, 2].contains(&number));
        }
        // A grant that nobody fetched is charged as a call, but no tokens.
        assert_eq!(site.at_rest().tokens, site.served() * TOKENS);
    });
}

/// A grant that comes as the time runs out is fetched by one, and lost by nobody.
#[test]
fn a_timeout_loses_no_grant() {
    explore(|| {
        const PATIENCE: Duration = Duration::from_millis(10);
        let site = Site::new(concurrency(1));
        let holder = Arc::clone(&site);
        let holder = spawn(async move {
            let call = holder.call(None).await.expect("no timeout");
            sleep(PATIENCE).await;
            drop(call);
        });
        let callers = [(); 3].map(|()| {
            let site = Arc::clone(&site);
            spawn(async move {
                match site.call(Some(PATIENCE)).await {
                    Ok(call) => drop(call),
                    Err(AcquireError::Timeout { waited, .. }) => assert!(waited >= PATIENCE),
                    Err(error) => unreachable!("{error}"),
                }
            })
        });
        finish(holder);
        callers.into_iter().for_each(finish);
        assert_eq!(site.at_rest().calls, site.served());
    });
}

#[test]
fn new_limits_reach_all_who_wait() {
    explore(|| {
        let site = Site::new(concurrency(1));
        block_on(site.enter(TOKENS, None)).expect("the first");
        let callers = [TOKENS, 100, TOKENS].map(|tokens| {
            let site = Arc::clone(&site);
            spawn(async move {
                let entered = site.enter(tokens, None).await;
                assert_eq!(entered.is_ok(), tokens == TOKENS, "{entered:?}");
            })
        });
        let limits = Limits { tokens: NonZeroU64::new(50), ..concurrency(3) };
        site.gate.set_limits(limits).expect("in range");
        callers.into_iter().for_each(finish);
        let (seen, waiting, _) = site.gate.status();
        assert_eq!((seen.in_flight, waiting), (3, 0), "in flight, waiting");
        // Whoever waits first starts the driver, and nobody another.
        assert!(runtime::spawned() <= 1, "{} drivers", runtime::spawned());
    });
}

/// Only the driver serves these; it goes and another comes whenever the queue is empty for a while.
#[test]
fn a_window_lets_through_no_more_than_its_limit_and_serves_everybody() {
    explore(|| {
        let site = Site::new(calls(2));
        let callers = [0, 0, 0, 40, 210].map(|begins| {
            let site = Arc::clone(&site);
            spawn(async move {
                sleep(Duration::from_millis(begins)).await;
                drop(site.call(None).await.expect("no timeout"));
            })
        });
        callers[2].abort();
        for (number, caller) in callers.into_iter().enumerate() {
            assert!(block_on(caller).is_ok() || number == 2);
        }
        let granted = site.granted();
        assert!(granted.windows(3).all(|calls| calls[2].since(calls[0]) >= WINDOW.span()), "{granted:?}");
        site.at_rest();
    });
}

/// The driver rests without an alarm until the call is given up, and then has to be called.
#[test]
fn a_call_given_up_frees_its_place_after_the_guard() {
    explore(|| {
        let site = Site::new(concurrency(1));
        let held = block_on(site.enter(TOKENS, None)).expect("the first");
        let callers = [(); 2].map(|()| {
            let site = Arc::clone(&site);
            spawn(async move {
                let call = site.call(None).await.expect("no timeout");
                assert!(call.grant.at.since(held.at) >= GUARD, "{:?}", call.grant.at);
            })
        });
        site.gate.abandon();
        callers.into_iter().for_each(finish);
        site.at_rest();
    });
}

#[test]
fn a_driver_that_is_lost_is_replaced() {
    explore(|| {
        let site = Site::new(calls(1));
        let callers = [(); 3].map(|()| {
            let site = Arc::clone(&site);
            spawn(async move { drop(site.call(None).await.expect("no timeout")) })
        });
        for _ in 0..3 {
            runtime::abort_spawned();
            block_on(yield_now());
        }
        callers.into_iter().for_each(finish);
        site.at_rest();
    });
}
