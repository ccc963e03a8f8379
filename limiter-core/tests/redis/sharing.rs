//! Several processes, one pool.

use std::sync::Arc;
use std::time::Duration;

use faults::Server;
use limiter_core::{AcquireError, Dimension, Limits, Request, TryAcquireError};

use crate::support::{
    Log, POOL, SECOND, at, calls, look, now_us, several, until, until_quiet, until_waiting,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_dimensions_bind_all_processes_together() {
    let server = Server::new();
    let builder = at(&server.url()).max_calls(20).max_tokens(1_000).max_concurrency(6);
    let builder = builder.pacing(Duration::from_millis(5));
    let limiters = several(4, &builder).await;
    let log = Arc::new(Log::new(faults::Limits {
        calls: Some(20),
        tokens: Some(1_000),
        concurrency: Some(6),
        pacing_us: 5_000,
        ..faults::Limits::default()
    }));
    let mut tasks = Vec::new();
    for client in 0..60 {
        let (limiter, log) = (limiters[client as usize % 4].clone(), Arc::clone(&log));
        tasks.push(tokio::spawn(async move {
            let (tokens, used) = (10 + 7 * (client % 9), 5 + 9 * (client % 8));
            log.call(&limiter, client, tokens, used, Duration::from_millis(30 + client)).await;
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let history = log.read();
    history.assert_kept();
    assert_eq!(history.calls.iter().filter(|call| matches!(call.end, faults::End::Granted(_))).count(), 60);
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_what_binds_and_charges_nothing() {
    let server = Server::new();
    let builder = at(&server.url()).period(60 * SECOND).max_calls(2).max_tokens(100);
    let limiters = several(2, &builder).await;
    let request = Request { tokens: 80, ..Request::default() };
    let permit = limiters[0].try_acquire(POOL, request).await.expect("there is room");
    let Err(TryAcquireError::Wait { wait, retry_after }) = limiters[1].try_acquire(POOL, request).await
    else {
        panic!("160 tokens of 100");
    };
    assert_eq!(wait.binding, Dimension::Tokens);
    assert!(retry_after.is_some_and(|after| after <= 60 * SECOND && after > 30 * SECOND));
    assert_eq!(look(&limiters[1]).await.seen.calls, 1);

    permit.complete(Some(10));
    until("the call was settled", async || look(&limiters[1]).await.seen.tokens == 10).await;
    drop(limiters[1].try_acquire(POOL, request).await.expect("there is room"));
    let full = limiters[0].acquire(POOL).timeout(Duration::from_millis(20)).await;
    assert!(matches!(full, Err(AcquireError::Timeout { binding: Dimension::Calls, .. })), "{full:?}");
    assert_eq!(
        limiters[0].acquire(POOL).tokens(101).await.expect_err("it can never go"),
        AcquireError::TooLarge { tokens: 101, limit: 100 }
    );
    until_quiet(&limiters[0]).await;
    assert_eq!(look(&limiters[0]).await.seen.calls, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_that_one_sets_bind_all_at_once() {
    let server = Server::new();
    let builder = at(&server.url()).period(60 * SECOND).max_calls(1);
    let limiters = several(3, &builder).await;
    drop(limiters[0].acquire(POOL).await.expect("there is room"));
    let waiters: Vec<_> =
        limiters.iter().map(|limiter| tokio::spawn(limiter.acquire(POOL).tokens(50).into_future())).collect();
    until_waiting(&limiters[0], 3).await;
    limiters[2].set_limits(POOL, calls(4)).await.expect("good limits");
    for waiter in waiters {
        let permit = waiter.await.expect("no panic").expect("there is room for all");
        assert_eq!(permit.seen().version, 1);
    }
    let refused = limiters[1].try_acquire(POOL, Request::default()).await;
    assert!(matches!(refused, Err(TryAcquireError::Wait { .. })), "{refused:?}");
    assert_eq!(limiters[0].limits(POOL).await.map(|limits| limits.version), Ok(1));

    // A waiter that can never go is told so.
    let waiter = tokio::spawn(limiters[0].acquire(POOL).tokens(50).into_future());
    until_waiting(&limiters[1], 1).await;
    let tokens = Limits { tokens: std::num::NonZeroU64::new(40), ..calls(4) };
    limiters[1].set_limits(POOL, tokens).await.expect("good limits");
    let told = waiter.await.expect("no panic");
    assert_eq!(told.expect_err("it can never go"), AcquireError::TooLarge { tokens: 50, limit: 40 });
    until_quiet(&limiters[2]).await;

    // Whoever comes later finds what was set, not what it was built with.
    let late = several(1, &builder).await.remove(0);
    drop(late.try_acquire(POOL, Request::default()).await);
    assert_eq!(late.limits(POOL).await.map(|limits| limits.version), Ok(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_refusals_cuts_once() {
    let server = Server::new();
    let limiters = several(3, &at(&server.url()).max_calls(60)).await;
    let mut permits = Vec::new();
    for limiter in &limiters {
        permits.push(limiter.acquire(POOL).await.expect("there is room"));
    }
    let (a, b, c) = tokio::join!(
        limiters[0].throttled(&permits[0], calls(50)),
        limiters[1].throttled(&permits[1], calls(40)),
        limiters[2].throttled(&permits[2], calls(30)),
    );
    let cuts = [a, b, c].into_iter().filter(|cut| *cut == Ok(true)).count();
    assert_eq!(cuts, 1, "one cut an episode");
    let version = limiters[0].limits(POOL).await.expect("the store answers").version;
    assert_eq!(version, 1);
    let later = limiters[1].acquire(POOL).await.expect("there is room");
    assert_eq!(limiters[2].throttled(&later, calls(20)).await, Ok(true));
    assert_eq!(limiters[0].limits(POOL).await.map(|limits| limits.calls), Ok(calls(20).calls));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_frees_at_once_and_for_good() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).lease(SECOND).max_concurrency(1)).await;
    let permit = limiters[0].acquire(POOL).await.expect("there is room");
    limiters[0].close().await;
    let second = limiters[1].try_acquire(POOL, Request::default()).await.expect("it was freed");
    assert!(permit.renew().await.is_err(), "it was given up");
    // Some heartbeats later it has not come back.
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(look(&limiters[1]).await.seen.in_flight, 1);
    drop((permit, second));
    until_quiet(&limiters[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_may_be_dropped_anywhere_and_outlives_its_limiter() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_concurrency(2)).await;
    let pool = limiters[0].pool(POOL).expect("a good name");
    let (first, second) = (pool.acquire().await.expect("room"), pool.acquire().await.expect("room"));
    let mut limiters = limiters.into_iter();
    drop(limiters.next());
    let other = limiters.next().expect("there are two");
    std::thread::spawn(move || drop(first)).join().expect("no panic");
    until("it was given back", async || look(&other).await.seen.in_flight == 1).await;

    // A handle keeps its connection, and makes it anew.
    server.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
    drop(second);
    until_quiet(&other).await;
    drop(pool.acquire().await.expect("there is room"));
    assert!(pool.peek().await.is_ok());
    until_quiet(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_set_back_neither_blocks_nor_lets_more_through() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_calls(5)).await;
    for _ in 0..5 {
        drop(limiters[0].acquire(POOL).await.expect("there is room"));
    }
    until_quiet(&limiters[0]).await;
    // The pool has seen an hour more than the clock shows: its last step, its grants and its processes' heartbeats.
    let hour = "3600000000";
    let script = "local p = KEYS[1] \
        local s = {struct.unpack('<dddddddd', redis.call('HGET', p .. ':pool', 'state'))} \
        s[1] = s[1] + ARGV[1] s[4] = s[4] + ARGV[1] s[6] = s[6] + ARGV[1] \
        redis.call('HSET', p .. ':pool', 'state', struct.pack('<dddddddd', unpack(s, 1, 8))) \
        for _, k in ipairs({p .. ':calls', p .. ':processes'}) do \
          for _, m in ipairs(redis.call('ZRANGE', k, 0, -1)) do redis.call('ZINCRBY', k, ARGV[1], m) end end";
    server.ask::<Option<u64>>(&["EVAL", script, "1", "ratepilot:{test}", hour]);
    let refused = limiters[1].try_acquire(POOL, Request::default()).await;
    let Err(TryAcquireError::Wait { retry_after, .. }) = refused else { panic!("let through: {refused:?}") };
    assert!(retry_after.is_some_and(|after| after <= SECOND), "{retry_after:?}");
    let began = now_us();
    for _ in 0..5 {
        drop(limiters[1].acquire(POOL).timeout(30 * SECOND).await.expect("the window goes on sliding"));
    }
    assert!(now_us() - began < 20_000_000);
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_call_counts_for_the_guard_and_no_key_stays() {
    let server = Server::new();
    let builder = at(&server.url()).guard(SECOND / 2).max_concurrency(1);
    let limiters = several(2, &builder).await;
    limiters[0].acquire(POOL).await.expect("there is room").abandon();
    let permit = limiters[1].acquire(POOL).timeout(20 * SECOND).await.expect("the guard passes");
    assert!(permit.waited() > SECOND / 4);
    drop(permit);
    until_quiet(&limiters[0]).await;
    drop(limiters[0].acquire(POOL).await);
    until_quiet(&limiters[0]).await;
    drop(limiters);
    let keys: Vec<String> = server.ask(&["KEYS", "ratepilot:{*"]);
    for key in keys.iter().filter(|key| !key.ends_with(":pool")) {
        assert!(server.ask::<i64>(&["PTTL", key]) > 0, "{key} stays for ever");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_of_different_lengths_live_side_by_side() {
    let server = Server::new();
    let long = several(1, &at(&server.url()).lease(60 * SECOND)).await.remove(0);
    let short = several(1, &at(&server.url()).lease(SECOND)).await.remove(0);
    let permit = long.acquire(POOL).await.expect("there is room");
    // By the measure of the short one the long one would have been silent for too long.
    for _ in 0..6 {
        drop(short.acquire(POOL).await.expect("there is room"));
        tokio::time::sleep(SECOND / 4).await;
    }
    assert_eq!(permit.renew().await, Ok(()));
    drop(permit);
    until_quiet(&short).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_makes_one_short_call_after_the_other_is_never_taken_for_gone() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).period(SECOND / 20)).await;
    let end_us = now_us() + 6_000_000;
    let calls = limiters.iter().map(|limiter| async move {
        let mut permit = limiter.acquire(POOL).await.expect("there is room");
        while now_us() < end_us {
            drop(permit);
            permit = limiter.acquire(POOL).await.expect("there is room");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(permit.renew().await, Ok(()), "it was there for longer than a lease, and never silent");
    });
    let mut calls = calls.collect::<Vec<_>>().into_iter();
    tokio::join!(calls.next().expect("two"), calls.next().expect("two"));
    until_quiet(&limiters[0]).await;
}
