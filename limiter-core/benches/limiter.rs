//! What a permit costs where nothing has to wait: taken and released, beside governor's bare check.
//!
//! All dimensions are on, and high enough that nothing waits. The window is short, so that each grant also pays
//! for taking out an older one, as in the long run it does. Governor counts no tokens, knows no permits and
//! keeps no queue: it is the yardstick for a single atomic decision.

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::Criterion;
use governor::{Quota, RateLimiter};
use limiter_core::{BuildError, Limiter, Priority, Request};

const PLENTY: u64 = 1 << 40;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    uncontended(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn uncontended(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("uncontended");
    let request = Request { tokens: 1_000, priority: Priority::NORMAL };

    let pool = limiter()?.pool("glm-4.6")?;
    group.bench_function("try_acquire and release, by handle", |b| {
        b.iter(|| drop(black_box(now(pool.try_acquire(black_box(request))))));
    });

    let limiter = limiter()?;
    group.bench_function("try_acquire and release, by name", |b| {
        b.iter(|| drop(black_box(now(limiter.try_acquire(black_box("glm-4.6"), black_box(request))))));
    });

    let quota = Quota::per_second(NonZeroU32::MAX).allow_burst(NonZeroU32::MAX);
    let governor = RateLimiter::direct(quota);
    group.bench_function("governor, check", |b| b.iter(|| black_box(governor.check())));

    group.finish();
    Ok(())
}

/// What is asked of a limiter in memory is answered without waiting.
fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn limiter() -> Result<Limiter, BuildError> {
    Limiter::memory()
        .max_calls(PLENTY)
        .max_tokens(PLENTY)
        .max_concurrency(PLENTY)
        .period(Duration::from_millis(10))
        .guard(Duration::ZERO)
        .build()
}
