//! What the asynchronous limiter promises to its callers, in virtual time unless it says otherwise.
#![cfg(test)] // As it always is; it tells clippy that the functions between the tests are tests, too.

use std::future::{Future, IntoFuture, pending};
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use limiter_core::{
    Acquire, AcquireError, AcquireFuture, Dimension, Limiter, LimiterBuilder, Limits, Permit, PoolHandle,
    PoolStatus, Priority, Request, TooManyPools, TryAcquireError,
};
use tokio::time::{Instant, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// A pool that counts by the second, as `set` limits it.
fn pool(set: impl FnOnce(LimiterBuilder) -> LimiterBuilder) -> PoolHandle {
    let builder = set(Limiter::memory().period(SECOND).guard(Duration::ZERO));
    builder.build().expect("limits in range").pool("test").expect("a good name")
}

/// What is asked of a limiter in memory is answered without waiting.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits"),
    }
}

fn look(pool: &PoolHandle) -> PoolStatus {
    now(pool.peek()).expect("in memory")
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll(
    future: &mut (impl Future<Output = Result<Permit, AcquireError>> + Unpin),
    bell: &Arc<Bell>,
) -> Poll<Permit> {
    let waker = Waker::from(Arc::clone(bell));
    Pin::new(future).poll(&mut Context::from_waker(&waker)).map(|result| result.expect("an error"))
}

#[test]
fn the_types_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Limiter>();
    crosses::<PoolHandle>();
    crosses::<Permit>();
    crosses::<Acquire>();
    crosses::<AcquireFuture>();
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order_each_when_it_may_go() {
    let pool = pool(|b| b.max_calls(2));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..6).map(|_| tokio::spawn(pool.acquire().into_future())).collect();
    let mut waited = Vec::new();
    for task in tasks {
        waited.push(task.await.expect("no panic").expect("granted").waited().as_secs());
    }
    assert_eq!(waited, [0, 0, 1, 1, 2, 2]);
    assert_eq!(begin.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_says_how_long_and_for_what() {
    let pool = pool(|b| b.max_concurrency(1));
    let held = pool.acquire().await.expect("free");
    let refused = pool.acquire().timeout(3 * SECOND).await.err();
    let expected = AcquireError::Timeout { waited: 3 * SECOND, binding: Dimension::Concurrency };
    assert_eq!(refused, Some(expected.clone()));
    assert_eq!(
        expected.to_string(),
        "not granted within 3.000s, because the pool is at its limit in concurrency; wait longer, or raise that \
         limit"
    );
    let at_once = pool.acquire().timeout(Duration::ZERO).await.err();
    assert_eq!(
        at_once,
        Some(AcquireError::Timeout { waited: Duration::ZERO, binding: Dimension::Concurrency })
    );
    drop(held);
    assert!(pool.acquire().timeout(Duration::ZERO).await.is_ok());
    assert_eq!(look(&pool).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_may_go_when_its_time_is_up_goes() {
    let pool = pool(|b| b.max_calls(1));
    drop(pool.acquire().await.expect("free"));
    let permit = pool.acquire().timeout(SECOND).await.expect("free again at that very moment");
    assert_eq!(permit.waited(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_when_to_come_back_and_then_there_is_room() {
    let pool = pool(|b| b.max_calls(1).period(Duration::from_micros(1_000_001)));
    drop(now(pool.try_acquire(Request::default())).expect("free"));
    advance(Duration::from_nanos(300)).await;
    let Err(TryAcquireError::Wait { retry_after: Some(after), wait }) =
        now(pool.try_acquire(Request::default()))
    else {
        panic!("granted twice");
    };
    assert_eq!(wait.binding, Dimension::Calls);
    advance(after).await;
    assert!(now(pool.try_acquire(Request::default())).is_ok(), "told to come back too early");
}

#[tokio::test(start_paused = true)]
async fn new_limits_reach_those_who_wait_at_once() {
    let pool = pool(|b| b.max_calls(1).max_tokens(100));
    let _first = pool.acquire().await.expect("free");
    let bell = Arc::default();
    let (mut small, mut large) =
        (pool.acquire().tokens(5).into_future(), pool.acquire().tokens(90).into_future());
    assert!(poll(&mut small, &bell).is_pending());
    assert!(poll(&mut large, &bell).is_pending());

    let tokens = NonZeroU64::new(50);
    now(pool.set_limits(Limits { calls: NonZeroU64::new(2), tokens, ..Limits::default() }))
        .expect("in range");
    assert_eq!(bell.rings(), 2);
    assert_eq!(large.await.err(), Some(AcquireError::TooLarge { tokens: 90, limit: 50 }));
    let granted = small.await.expect("room for a second");
    assert_eq!((granted.waited(), granted.seen().version), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn only_those_who_can_go_are_woken() {
    let pool = pool(|b| b.max_concurrency(1));
    let held = pool.acquire().await.expect("free");
    let bells: Vec<Arc<Bell>> = (0..100).map(|_| Arc::default()).collect();
    let mut waiting: Vec<_> = bells.iter().map(|_| pool.acquire().into_future()).collect();
    for (future, bell) in waiting.iter_mut().zip(&bells) {
        assert!(poll(future, bell).is_pending());
    }
    drop(held);
    sleep(10 * SECOND).await;
    let rings: Vec<_> = bells.iter().map(|bell| bell.rings()).collect();
    assert_eq!((rings[0], rings[1..].iter().sum::<usize>()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_meets_a_cancelled_waiter_goes_to_the_next() {
    let pool = pool(|b| b.max_concurrency(1).max_tokens(10));
    let held = pool.acquire().await.expect("free");
    let (leaves, next) = (Arc::<Bell>::default(), Arc::<Bell>::default());
    let (mut gone, mut stays) =
        (pool.acquire().tokens(10).into_future(), pool.acquire().tokens(10).into_future());
    assert!(poll(&mut gone, &leaves).is_pending());
    assert!(poll(&mut stays, &next).is_pending());
    drop(held);
    assert_eq!((leaves.rings(), next.rings()), (1, 0));
    drop(gone);
    assert_eq!((next.rings(), look(&pool).waiting, look(&pool).seen.in_flight), (1, 0, 1));
    assert!(poll(&mut stays, &next).is_ready());
    assert_eq!(look(&pool).seen.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_not_polled_holds_up_nobody_behind_it() {
    let pool = pool(|b| b.max_calls(1));
    drop(pool.acquire().await.expect("free"));
    let mut idle = pool.acquire().into_future();
    assert!(poll(&mut idle, &Arc::default()).is_pending());
    let behind =
        pool.acquire().timeout(5 * SECOND).await.expect("the first was let through without being polled");
    assert_eq!(behind.waited(), 2 * SECOND);
    assert_eq!(idle.await.expect("granted long ago").waited(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_urgent_overtake_and_wake_in_time() {
    let pool = pool(|b| b.max_tokens(100));
    drop(pool.acquire().tokens(40).await.expect("free"));
    advance(SECOND / 2).await;
    drop(pool.acquire().tokens(60).await.expect("free"));
    // Waits for both to leave the window, a second from now; the urgent one only for the first.
    let large = tokio::spawn(pool.acquire().tokens(100).into_future());
    tokio::task::yield_now().await;
    let urgent = pool.acquire().tokens(30).priority(Priority::HIGH).await.expect("granted");
    assert_eq!(urgent.waited(), SECOND / 2);
    assert_eq!(large.await.expect("no panic").expect("granted").waited(), 3 * SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_where_nobody_waits() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let pool = pool(|b| b.max_calls(1).period(60 * SECOND));
    drop(pool.acquire().await.expect("free"));
    assert_eq!(tasks(), 0);
    assert!(pool.acquire().timeout(SECOND).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0);

    let waiting = tokio::spawn(pool.acquire().into_future());
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 2, "the waiter and the driver");
    drop(pool);
    waiting.abort();
    assert!(waiting.await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0);
}

#[test]
fn a_permit_is_dropped_anywhere() {
    let pool = pool(|b| b.max_concurrency(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let held = now(pool.try_acquire(Request::default())).expect("free");
    let waiter = runtime.spawn(pool.acquire().into_future());
    runtime.block_on(tokio::task::yield_now());
    assert_eq!(look(&pool).waiting, 1);
    std::thread::spawn(move || drop(held)).join().expect("no panic");
    assert!(runtime.block_on(waiter).expect("no panic").is_ok());
}

/// In real time: two runtimes do not share a virtual clock.
#[test]
fn waiters_outlive_the_runtime_that_drove_them() {
    let pool = pool(|b| b.max_calls(1).period(Duration::from_millis(200)));
    drop(now(pool.try_acquire(Request::default())).expect("free"));
    let new_runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (first, second) = (new_runtime(), new_runtime());
    drop(first.spawn(pool.acquire().into_future()));
    first.block_on(tokio::task::yield_now());
    let waiter = second.spawn(pool.acquire().into_future());
    second.block_on(tokio::task::yield_now());
    assert_eq!(look(&pool).waiting, 2);
    drop(first);
    assert_eq!(look(&pool).waiting, 1);
    assert!(second.block_on(waiter).expect("no panic").is_ok());
}

#[test]
fn waiting_without_a_runtime_panics_and_leaves_nothing_behind() {
    let pool = pool(|b| b.max_calls(1));
    drop(now(pool.try_acquire(Request::default())).expect("free"));
    let waits = pool.clone();
    let panicked = std::thread::spawn(move || {
        let mut future = pin!(waits.acquire().into_future());
        drop(future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    });
    assert!(panicked.join().is_err());
    assert_eq!(look(&pool).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_the_window_and_lets_waiters_through() {
    let pool = pool(|b| b.max_calls(1).period(60 * SECOND));
    let _held = pool.acquire().await.expect("free");
    let waiter = tokio::spawn(pool.acquire().into_future());
    tokio::task::yield_now().await;
    now(pool.reset()).expect("in memory");
    assert_eq!(waiter.await.expect("no panic").expect("granted").seen().in_flight, 2);
}

#[tokio::test(start_paused = true)]
async fn pools_that_are_not_used_make_room() {
    let limiter = Limiter::memory().max_pools(2).max_calls(1).period(SECOND).guard(Duration::ZERO);
    let limiter = limiter.build().expect("in range");
    drop(limiter.acquire("a").await.expect("free"));
    let held = limiter.acquire("b").await.expect("free");
    assert_eq!(
        limiter.acquire("c").await.err(),
        Some(TooManyPools { max: 2 }.into()),
        "a's window is not empty"
    );
    advance(SECOND).await;
    drop(limiter.acquire("c").await.expect("a made room"));
    assert!(limiter.pool("d").is_err(), "b is in flight, and c in its window");
    drop(held);
    advance(SECOND).await;

    now(limiter.set_limits("d", Limits::default())).expect("b and c made room");
    let handle = limiter.pool("e").expect("there was room for two");
    let limits = Limits { calls: NonZeroU64::new(7), ..Limits::default() };
    now(limiter.set_limits("d", limits)).expect("there");
    assert!(limiter.pool("f").is_err(), "limits that were set are not lost, a handle does not come loose");
    drop(handle);
    assert!(limiter.pool("f").is_ok());
    assert_eq!(now(limiter.limits("d")).map(|limits| limits.calls), Ok(NonZeroU64::new(7)));
}

#[tokio::test(start_paused = true)]
async fn looking_at_a_pool_makes_none() {
    let limiter = Limiter::memory().max_pools(1).max_calls(3).build().expect("in range");
    for name in ["a", "b", "c"] {
        assert_eq!(now(limiter.limits(name)).map(|limits| limits.calls), Ok(NonZeroU64::new(3)));
        assert_eq!(now(limiter.peek(name)).map(|status| status.seen.calls), Ok(0));
        assert_eq!(now(limiter.reset(name)), Ok(()));
    }
    assert!(now(limiter.peek("")).is_err());
    assert!(matches!(limiter.acquire("{a}").await, Err(AcquireError::BadPool { .. })));
    assert!(limiter.pool("d").is_ok());
}

#[tokio::test]
async fn a_task_that_never_waits_lets_others_run() {
    let pool = pool(|b| b);
    let other = tokio::spawn(async {});
    for _ in 0..1_000 {
        drop(pool.acquire().await.expect("no limit"));
    }
    assert!(other.is_finished());
}

/// A `select!` that polls the acquire again and again wakes nobody too often, and loses no place.
#[tokio::test(start_paused = true)]
async fn polling_often_changes_nothing() {
    let pool = pool(|b| b.max_calls(1));
    drop(pool.acquire().await.expect("free"));
    let mut acquire = pin!(pool.acquire().into_future());
    let mut ticks = 0;
    let permit = loop {
        tokio::select! {
            permit = &mut acquire => break permit.expect("granted"),
            () = sleep(SECOND / 10) => ticks += 1,
            () = pending() => {}
        }
    };
    assert_eq!((permit.waited(), look(&pool).waiting), (SECOND, 0));
    assert!((9..=10).contains(&ticks));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_call_makes_room_after_the_guard() {
    let limiter = Limiter::memory().max_concurrency(1).guard(Duration::from_millis(200)).build().unwrap();
    let permit = limiter.acquire("pool").await.unwrap();
    permit.abandon();
    let start = Instant::now();
    let next = limiter.acquire("pool").timeout(Duration::from_secs(5)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200));
    drop(next);
    assert_eq!(now(limiter.peek("pool")).unwrap().seen.in_flight, 0);
}

#[tokio::test]
async fn pools_are_listed_and_their_first_limits_come_back() {
    let limiter = Limiter::memory().max_calls(5).build().unwrap();
    assert_eq!(limiter.pools().await.unwrap(), [""; 0]);
    limiter.acquire("b").await.unwrap().complete(None);
    limiter.set_limits("a", Limits { calls: NonZeroU64::new(1), ..Limits::default() }).await.unwrap();
    assert_eq!(limiter.pools().await.unwrap(), ["a", "b"]);
    limiter.acquire("a").await.unwrap().complete(None);
    limiter.forget_limits("a").await.unwrap();
    let status = limiter.peek("a").await.unwrap();
    assert_eq!((status.limits.calls, status.seen.calls), (NonZeroU64::new(5), 0));
}
