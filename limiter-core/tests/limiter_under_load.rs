//! The asynchronous limiter under random callers, whose grants are counted again by brute force.
//!
//! A failing case is kept in `proptest-regressions/` and tried first from then on (commit it);
//! `PROPTEST_CASES=10000 cargo test -p limiter-core --test limiter_under_load` looks harder.

use std::num::NonZeroU64;
use std::time::Duration;

use limiter_core::{AcquireError, Limiter, Limits, Micros, PoolHandle, Priority, Time};
use proptest::prelude::*;
use tokio::time::{Instant, sleep, sleep_until, timeout};

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
}

#[derive(Clone, Copy, Debug)]
struct Served {
    granted: Time,
    /// What stays charged for certain.
    tokens: u64,
    released: Time,
}

#[derive(Debug)]
enum End {
    Served(Served),
    TimedOut(Duration),
    Cancelled,
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let millis = || prop::option::weighted(0.2, 0..5_000_u64);
    let caller =
        (0..4_000_u64, 0..40_u64, 0..3_u8, millis(), millis(), 0..800_u64, prop::option::of(0..40_u64))
            .prop_map(|(begins, tokens, level, patience, cancelled, holds, used)| Caller {
                begins,
                tokens,
                level,
                patience,
                cancelled,
                holds,
                // More than was reserved is charged as well, but no limit can foresee it.
                used: used.map(|used| used.min(tokens)),
            });
    prop::collection::vec(caller, 1..40)
}

async fn call(pool: PoolHandle, caller: Caller, epoch: Instant) -> End {
    sleep_until(epoch + Duration::from_millis(caller.begins)).await;
    let mut acquire = pool.acquire().tokens(caller.tokens).priority(Priority(caller.level));
    if let Some(patience) = caller.patience {
        acquire = acquire.timeout(Duration::from_millis(patience));
    }
    let cancelled = caller.cancelled.map_or(Duration::MAX, Duration::from_millis);
    let permit = match timeout(cancelled, acquire).await {
        Err(_) => return End::Cancelled,
        Ok(Err(AcquireError::Timeout { waited, .. })) => return End::TimedOut(waited),
        Ok(Err(error)) => unreachable!("{error}"),
        Ok(Ok(permit)) => permit,
    };
    sleep(Duration::from_millis(caller.holds)).await;
    let served = Served {
        granted: permit.granted_at(),
        tokens: caller.used.unwrap_or(caller.tokens),
        released: Time::ZERO + Micros::from(epoch.elapsed()),
    };
    permit.complete(caller.used);
    End::Served(served)
}

/// Counts all grants again, at the moment of each.
fn check(served: &[Served], limits: &Limits, span: Micros) {
    for this in served {
        let before = || served.iter().filter(|other| other.granted <= this.granted);
        let in_window = || before().filter(|other| other.granted + span > this.granted);
        let calls = in_window().count() as u64;
        let tokens = in_window().map(|other| other.tokens).sum::<u64>();
        let in_flight = before().filter(|other| other.released > this.granted).count() as u64;
        assert!(limits.calls.is_none_or(|limit| calls <= limit.get()), "calls: {calls}");
        assert!(limits.tokens.is_none_or(|limit| tokens <= limit.get()), "tokens: {tokens}");
        assert!(limits.concurrency.is_none_or(|limit| in_flight <= limit.get()), "in flight: {in_flight}");
    }
    let mut granted: Vec<_> = served.iter().map(|served| served.granted).collect();
    granted.sort_unstable();
    assert!(granted.windows(2).all(|pair| pair[1].since(pair[0]) >= limits.pacing), "pacing");
}

/// Those of one level who did not give up go in the order in which they came.
fn check_order(callers: &[Caller], ends: &[End]) {
    let served = || {
        callers.iter().zip(ends).filter_map(|(caller, end)| match end {
            End::Served(served) => Some((caller, served)),
            End::TimedOut(_) | End::Cancelled => None,
        })
    };
    for (first, went) in served() {
        for (other, went_too) in served().filter(|(other, _)| other.level == first.level) {
            assert!(
                first.begins >= other.begins || went.granted <= went_too.granted,
                "overtaken by an equal"
            );
        }
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = |least: u64, most: u64| {
        prop::option::of(least..=most).prop_map(|limit| limit.and_then(NonZeroU64::new))
    };
    let pacing = prop_oneof![Just(0), 0..300_u64].prop_map(Micros::from_millis);
    (limit(1, 6), limit(40, 100), limit(1, 4), pacing).prop_map(|(calls, tokens, concurrency, pacing)| {
        Limits { version: 0, calls, tokens, concurrency, pacing }
    })
}

proptest! {
    #[test]
    fn everyone_is_served_within_the_limits_and_nothing_leaks(
        callers in callers(),
        limits in limits(),
        period in 10..1_500_u64,
        guard in 0..200_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let (period, guard) = (Duration::from_millis(period), Duration::from_millis(guard));
            let epoch = Instant::now();
            let limiter = Limiter::memory().period(period).guard(guard).build().expect("in range");
            let pool = limiter.pool("test").expect("a good name");
            pool.set_limits(limits).await.expect("in range");
            let tasks: Vec<_> =
                callers.iter().map(|caller| tokio::spawn(call(pool.clone(), *caller, epoch))).collect();
            let mut ends = Vec::new();
            for task in tasks {
                ends.push(timeout(Duration::from_secs(3_600), task).await.expect("served").expect("no panic"));
            }

            let served: Vec<_> =
                ends.iter().filter_map(|end| if let End::Served(served) = end { Some(*served) } else { None }).collect();
            check(&served, &limits, Micros::from(period) + guard.into());
            check_order(&callers, &ends);
            for (caller, end) in callers.iter().zip(&ends) {
                match end {
                    End::Served(_) => {}
                    End::TimedOut(waited) => {
                        let patience = Duration::from_millis(caller.patience.expect("none was set"));
                        assert!((patience..=patience + Duration::from_millis(1)).contains(waited), "{waited:?}");
                    }
                    End::Cancelled => assert!(caller.cancelled.is_some()),
                }
            }
            let status = pool.peek().await.expect("in memory");
            assert_eq!((status.waiting, status.seen.in_flight), (0, 0), "leaked");
            tokio::task::yield_now().await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "left running");
        });
    }
}

/// Real threads in real time: nothing is asserted about how long anything takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_do_not_get_past_the_limits_either() {
    const PERIOD: Duration = Duration::from_millis(200);
    let limiter = Limiter::memory().max_calls(200).max_concurrency(16).period(PERIOD).guard(Duration::ZERO);
    let pool = limiter.build().expect("in range").pool("test").expect("a good name");
    let tasks: Vec<_> = (0..64_u64)
        .map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut granted = Vec::new();
                for call in 0..20 {
                    // Some give up soon, so that grants and cancellations meet.
                    let patience = Duration::from_micros((task * 7_919 + call * 104_729) % 50_000);
                    let acquire = pool.acquire();
                    let permit = match (task + call) % 3 {
                        0 => timeout(patience, acquire)
                            .await
                            .ok()
                            .map(|result| result.expect("no timeout is set")),
                        1 => acquire.timeout(patience).await.ok(),
                        _ => Some(acquire.await.expect("waits as long as it takes")),
                    };
                    let Some(permit) = permit else { continue };
                    tokio::task::yield_now().await;
                    granted.push(permit.granted_at());
                }
                granted
            })
        })
        .collect();
    let mut granted = Vec::new();
    for task in tasks {
        granted.extend(task.await.expect("no panic"));
    }
    assert!(granted.len() >= 64 * 6, "those who wait as long as it takes are served");
    granted.sort_unstable();
    let span = Micros::from(PERIOD);
    for pair in granted.windows(201) {
        assert!(pair[200].since(pair[0]) >= span, "more than 200 calls within {span}");
    }
    let status = pool.peek().await.expect("in memory");
    assert_eq!((status.waiting, status.seen.in_flight), (0, 0), "leaked");
}
