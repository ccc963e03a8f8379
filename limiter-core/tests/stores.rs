//! The same random callers on both stores, in real time: what was granted is recounted by a judge that knows neither.
#![cfg(feature = "redis")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by a panic, in what it calls as well")]

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use faults::{Call, End, Grant, History, Server, Settled};
use limiter_core::{AcquireError, Limiter, LimiterBuilder, Limits, Micros, PoolHandle, Priority};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::{Instant, sleep, timeout};

const PERIOD: Duration = Duration::from_millis(150);
const GUARD: Duration = Duration::from_millis(20);
/// How many limiters share a pool in Redis, each a process of its own to the store.
const LIMITERS: usize = 3;
/// Pools that are tried at the same time.
const POOLS: usize = 8;
/// Nobody waits for so long, however slow the machine.
const LONG: Duration = Duration::from_secs(120);

/// One caller: times in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Caller {
    begins: u64,
    tokens: u64,
    level: u8,
    /// Gives up by the limiter's timeout.
    patience: Option<u64>,
    /// Is cancelled from outside.
    cancelled: Option<u64>,
    holds: u64,
    used: Option<u64>,
    abandons: bool,
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let millis = || prop::option::weighted(0.2, 0..400_u64);
    let used = prop::option::of(0..60_u64);
    let caller =
        (0..300_u64, 0..40_u64, 0..3_u8, millis(), millis(), 0..60_u64, used, prop::bool::weighted(0.1))
            .prop_map(|(begins, tokens, level, patience, cancelled, holds, used, abandons)| Caller {
                begins,
                tokens,
                level,
                patience,
                cancelled,
                holds,
                // More than was reserved is charged as well, but nobody here can tell since when.
                used: used.map(|used| used.min(tokens)),
                abandons,
            });
    prop::collection::vec(caller, 1..30)
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = |least: u64, most: u64| {
        prop::option::of(least..=most).prop_map(|limit| limit.and_then(NonZeroU64::new))
    };
    let pacing = prop_oneof![Just(0), 0..20_u64].prop_map(Micros::from_millis);
    (limit(2, 8), limit(60, 150), limit(1, 4), pacing).prop_map(|(calls, tokens, concurrency, pacing)| {
        Limits { version: 0, calls, tokens, concurrency, pacing }
    })
}

/// The store's clock as its callers can tell it: never later than it is.
#[derive(Clone, Copy)]
enum Clock {
    /// Since the limiter was built, or a little later.
    Since(Instant),
    /// The system's.
    System,
}

impl Clock {
    fn micros(self) -> u64 {
        let since = match self {
            Self::Since(begin) => begin.elapsed(),
            Self::System => SystemTime::UNIX_EPOCH.elapsed().expect("later than 1970"),
        };
        since.as_micros() as u64
    }
}

async fn call(pool: PoolHandle, clock: Clock, client: u64, caller: Caller) -> Call {
    sleep(Duration::from_millis(caller.begins)).await;
    let asked_us = clock.micros();
    let mut acquire = pool.acquire().tokens(caller.tokens).priority(Priority(caller.level));
    if let Some(patience) = caller.patience {
        acquire = acquire.timeout(Duration::from_millis(patience));
    }
    let cancelled = caller.cancelled.map_or(LONG, Duration::from_millis);
    let end = match timeout(cancelled, acquire).await {
        Err(_) if caller.cancelled.is_none() => End::Open,
        Err(_) | Ok(Err(AcquireError::Timeout { .. })) => End::GaveUp { at_us: asked_us },
        Ok(Err(error)) => panic!("{error}"),
        Ok(Ok(permit)) => {
            sleep(Duration::from_millis(caller.holds)).await;
            let (at_us, calls) = (permit.granted_at().as_micros(), permit.seen().calls);
            let version = permit.seen().version;
            let ended_us = clock.micros();
            let guard = GUARD.as_micros() as u64;
            let (released_us, settled) = if caller.abandons {
                permit.abandon();
                (ended_us + guard, None)
            } else {
                permit.complete(caller.used);
                (ended_us, caller.used.map(|tokens| Settled { at_us: ended_us, tokens }))
            };
            End::Granted(Grant {
                // No two grants of one moment see the same number of calls.
                id: format!("{at_us} {calls}"),
                at_us,
                version,
                released_us: Some(released_us),
                lease_until_us: None,
                settled,
            })
        }
    };
    Call { client, priority: caller.level, tokens: caller.tokens, asked_us, queued_us: None, end }
}

/// What comes of the callers, taken in turn by those who share the pool; nothing is left of them.
async fn play(pools: Vec<PoolHandle>, clock: Clock, callers: Vec<Caller>, limits: Limits) -> History {
    pools[0].set_limits(limits).await.expect("in range");
    let version = pools[0].limits().await.expect("the store answers").version;
    let tasks: Vec<_> = (callers.into_iter().zip(0..))
        .map(|(caller, client)| {
            tokio::spawn(call(pools[client as usize % pools.len()].clone(), clock, client, caller))
        })
        .collect();
    let mut calls = Vec::new();
    for task in tasks {
        calls.push(task.await.expect("no panic"));
    }
    let begun = Instant::now();
    loop {
        let status = pools[0].peek().await.expect("the store answers");
        if (status.waiting, status.seen.in_flight) == (0, 0) {
            break;
        }
        assert!(begun.elapsed() < LONG, "leaked: {status:?}");
        sleep(Duration::from_millis(5)).await;
    }
    let limits = faults::Limits {
        from_us: 0,
        version,
        calls: limits.calls.map(NonZeroU64::get),
        tokens: limits.tokens.map(NonZeroU64::get),
        concurrency: limits.concurrency.map(NonZeroU64::get),
        pacing_us: limits.pacing.get(),
    };
    let window_us = (PERIOD + GUARD).as_micros() as u64;
    History { window_us, limits: vec![limits], calls, ..History::default() }
}

fn set_up(builder: LimiterBuilder) -> Limiter {
    builder.period(PERIOD).guard(GUARD).build().expect("in range")
}

/// As many histories at once as there are pools; `PROPTEST_CASES=50 cargo test -p limiter-core --test stores` looks harder.
/// A failing case is kept in `proptest-regressions/` and tried first from then on (commit it).
#[test]
fn both_stores_keep_to_the_limits_serve_everyone_and_leak_nothing() {
    let server = Server::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    // Each takes a second or so of real time.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3);
    let config = Config { source_file: Some(file!()), cases, max_shrink_iters: 50, ..Config::default() };
    let histories = prop::collection::vec((callers(), limits()), POOLS);
    let result = TestRunner::new(config).run(&histories, |histories| {
        server.flush_all();
        runtime.block_on(async {
            let memory = set_up(Limiter::memory());
            let built = Clock::Since(Instant::now());
            let shared: Vec<_> = (0..LIMITERS).map(|_| set_up(Limiter::redis(&server.url()))).collect();
            let mut tasks = Vec::new();
            for (number, (callers, limits)) in histories.into_iter().enumerate() {
                let handle =
                    |limiter: &Limiter| limiter.pool(&format!("pool {number}")).expect("a good name");
                tasks.push(tokio::spawn(play(vec![handle(&memory)], built, callers.clone(), limits)));
                let handles = shared.iter().map(handle).collect();
                tasks.push(tokio::spawn(play(handles, Clock::System, callers, limits)));
            }
            for task in tasks {
                task.await.expect("no panic").assert_kept();
            }
            for limiter in &shared {
                limiter.close().await;
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}\nto see it again: cargo test -p limiter-core --test stores");
    }
}

/// Each begins only when the one before it is known to wait, so the order is certain.
#[tokio::test]
async fn first_come_first_served_across_processes() {
    let server = Server::new();
    let limiters: Vec<_> =
        (0..LIMITERS).map(|_| set_up(Limiter::redis(&server.url()).max_concurrency(1))).collect();
    let pools: Vec<_> = limiters.iter().map(|limiter| limiter.pool("pool").expect("a good name")).collect();
    let held = pools[0].acquire().await.expect("free");
    let mut tasks = Vec::new();
    for place in 0..12 {
        let pool = pools[place * 7 % LIMITERS].clone();
        tasks.push(tokio::spawn(async move {
            let permit = pool.acquire().await.expect("waits as long as it takes");
            permit.granted_at()
        }));
        while pools[0].peek().await.expect("the store answers").waiting <= place {
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    let mut granted = Vec::new();
    for task in tasks {
        granted.push(timeout(LONG, task).await.expect("served").expect("no panic"));
    }
    assert!(granted.is_sorted_by(|one, next| one < next), "{granted:?}");
}
