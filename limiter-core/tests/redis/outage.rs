//! The store goes away, and comes back.

use std::sync::Arc;
use std::time::Duration;

use faults::{Data, Options, Proxy, Server};
use limiter_core::{AcquireError, Fallback, RenewError, Request, StoreProblem, TryAcquireError};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::support::{
    Log, POOL, SECOND, at, calls, fullest_window, look, now_us, several, until, until_quiet, until_waiting,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_costs_one_timeout_and_not_one_a_call() {
    let server = Server::new();
    let builder = at(&server.url()).store_timeout(2 * SECOND).fallback(Fallback::Closed);
    let limiter = several(1, &builder).await.remove(0);
    drop(limiter.acquire(POOL).await.expect("the store is there"));
    until_quiet(&limiter).await;
    server.stop();
    // With a timeout each these would take half an hour.
    let all = async {
        for _ in 0..1_000 {
            let refused = limiter.acquire(POOL).await;
            let Err(AcquireError::Store(error)) = refused else { panic!("granted: {refused:?}") };
            assert!(matches!(error.problem, StoreProblem::Slow | StoreProblem::Unreachable), "{error}");
        }
    };
    timeout(60 * SECOND, all).await.expect("calls do not wait one after another");
    server.cont();
    until("calls are granted again", async || limiter.acquire(POOL).await.is_ok()).await;
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_lets_all_pass_and_tells_of_them_afterwards() {
    let server = Server::new();
    let builder = at(&server.url()).period(60 * SECOND).max_calls(2).fallback(Fallback::Open);
    let limiter = several(1, &builder).await.remove(0);
    drop(limiter.acquire(POOL).await.expect("there is room"));
    server.kill9();
    let mut permits = Vec::new();
    for _ in 0..5 {
        permits.push(limiter.acquire(POOL).await.expect("open"));
    }
    permits.truncate(2);
    server.restart(Data::Lost);
    // Nobody calls: the process comes back by itself.
    until("all is told", async || {
        limiter.peek(POOL).await.is_ok_and(|status| status.seen.calls == 6 && status.seen.in_flight == 2)
    })
    .await;
    drop(permits);
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_grants_a_share_and_those_who_are_idle_tell_of_it_too() {
    let server = Server::with(Options::default().durable());
    let builder = at(&server.url()).period(60 * SECOND).lease(60 * SECOND).max_calls(20);
    let limiters = several(2, &builder).await;
    // The first is told that it is alone, and hears of the other at its next heartbeat.
    let held = limiters[0].acquire(POOL).await.expect("there is room");
    let _other = limiters[1].acquire(POOL).await.expect("there is room");
    assert_eq!(held.renew().await, Ok(()));
    drop(limiters[0].acquire(POOL).await.expect("there is room"));
    until("it was told", async || look(&limiters[1]).await.seen.in_flight == 2).await;
    server.kill9();
    for (limiter, before) in limiters.iter().zip([2, 1]) {
        let mut granted = 0;
        loop {
            match limiter.try_acquire(POOL, Request::default()).await {
                Ok(permit) => drop(permit),
                Err(TryAcquireError::Wait { .. }) => break,
                Err(error) => panic!("{error}"),
            }
            granted += 1;
        }
        assert_eq!(granted + before, 10, "half of 20, of which some were granted before");
    }
    server.restart(Data::Kept);
    until("both have told what they granted", async || {
        limiters[0].peek(POOL).await.is_ok_and(|status| status.seen.calls == 20 && status.seen.in_flight == 2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_pool_comes_back_without_a_burst() {
    const LIMIT: u64 = 30;
    let server = Server::new();
    // The guard makes up for what is not known of the store's time while it is away.
    let proxy = Proxy::before(&server);
    let builder = at(&proxy.url()).guard(SECOND / 5).max_calls(LIMIT);
    let limiters = several(3, &builder).await;
    let log = Arc::new(Log::new(faults::Limits { calls: Some(LIMIT), ..Default::default() }));
    let end_us = now_us() + 10_000_000;
    let mut tasks = Vec::new();
    for client in 0..60 {
        let (limiter, log) = (limiters[client % 3].clone(), Arc::clone(&log));
        tasks.push(tokio::spawn(async move {
            while now_us() < end_us {
                log.call(&limiter, client as u64, 0, 0, Duration::from_millis(5)).await;
            }
        }));
    }
    sleep(2 * SECOND).await;
    let away_us = now_us();
    proxy.refuse();
    proxy.cut();
    sleep(4 * SECOND).await;
    proxy.pass();
    for task in tasks {
        task.await.expect("no panic");
    }
    let mut history = log.read();
    let during = fullest_window(&history);
    assert!(during <= 2 * LIMIT, "{during} in a window");
    // The shares add up to the limit, and what the store knew before has left the window a second later.
    history.calls.retain(|call| match &call.end {
        faults::End::Granted(grant) => grant.at_us > away_us + 2_000_000,
        _ => true,
    });
    history.handicap_us = None;
    let after = fullest_window(&history);
    assert!(after <= LIMIT, "{after} in a window after the store was back");
    assert!(history.calls.len() >= 60, "everybody goes on");
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_data_kept_loses_nothing() {
    let server = Server::with(Options::default().durable());
    let builder = at(&server.url()).lease(60 * SECOND).max_calls(25).max_concurrency(5);
    let limiters = several(2, &builder.fallback(Fallback::Closed)).await;
    let limits = faults::Limits { calls: Some(25), concurrency: Some(5), ..Default::default() };
    let log = Arc::new(Log::new(limits));
    let kept = limiters[0].acquire(POOL).await.expect("there is room");
    let mut tasks = Vec::new();
    for client in 0..50 {
        let (limiter, log) = (limiters[client % 2].clone(), Arc::clone(&log));
        tasks.push(tokio::spawn(async move {
            log.call(&limiter, client as u64, 0, 0, Duration::from_millis(100)).await;
        }));
    }
    sleep(SECOND / 2).await;
    server.kill9();
    sleep(SECOND / 2).await;
    server.restart(Data::Kept);
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(kept.renew().await, Ok(()), "the store has remembered it");
    log.write(|history| history.limits[0].concurrency = Some(4));
    log.read().assert_kept();
    drop(kept);
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_data_lost_is_told_what_living_processes_hold() {
    let server = Server::new();
    let builder = at(&server.url()).period(60 * SECOND).max_calls(10).max_concurrency(3);
    let limiters = several(2, &builder.clone().fallback(Fallback::Closed)).await;
    limiters[1].set_limits(POOL, calls(8)).await.expect("good limits");
    let (held, other) = (limiters[0].acquire(POOL).await, limiters[1].acquire(POOL).await);
    let (held, other) = (held.expect("room"), other.expect("room"));
    drop(limiters[0].acquire(POOL).tokens(7).await.expect("there is room"));
    until("it was released", async || look(&limiters[1]).await.seen.in_flight == 2).await;
    server.restart(Data::Lost);
    until("both are back", async || {
        let (first, second) = tokio::join!(held.renew(), other.renew());
        first == Err(RenewError::Lost) && second == Err(RenewError::Lost)
    })
    .await;
    let status = look(&limiters[0]).await;
    assert_eq!((status.seen.calls, status.seen.tokens, status.seen.in_flight), (3, 7, 2));
    assert_eq!((status.limits.calls, status.limits.version), (calls(8).calls, 1), "limits are remembered");
    let later = limiters[0].acquire(POOL).await.expect("there is room");
    assert_eq!(later.renew().await, Ok(()));
    drop((held, other, later));
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_flushed_are_made_again() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_concurrency(1)).await;
    let permit = limiters[0].acquire(POOL).await.expect("there is room");
    let waiter = tokio::spawn(limiters[1].acquire(POOL).into_future());
    until_waiting(&limiters[0], 1).await;
    server.flush_all();
    until("the process has noticed", async || permit.renew().await == Err(RenewError::Lost)).await;
    // It may have been granted beside the one that was lost: at most the limit again.
    drop(permit);
    drop(waiter.await.expect("no panic").expect("its turn"));
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pools_of_a_process_hear_that_the_store_is_away() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let builder = at(&proxy.url()).lease(60 * SECOND).max_concurrency(1).fallback(Fallback::Closed);
    let limiter = several(1, &builder).await.remove(0);
    let permit = limiter.acquire(POOL).await.expect("there is room");
    let waiter = tokio::spawn(limiter.acquire(POOL).into_future());
    until_waiting(&limiter, 1).await;
    proxy.refuse();
    proxy.cut();
    // The other pool is asked for, and finds out.
    assert!(matches!(limiter.acquire("other").await, Err(AcquireError::Store(_))));
    let told = timeout(60 * SECOND, waiter).await.expect("it is told").expect("no panic");
    assert!(matches!(told, Err(AcquireError::Store(_))), "{told:?}");
    proxy.pass();
    drop(permit);
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_go_on_locally_and_come_back() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let builder = at(&proxy.url()).lease(60 * SECOND).max_concurrency(2);
    let limiter = several(1, &builder).await.remove(0);
    let near = several(1, &at(&server.url()).lease(60 * SECOND).max_concurrency(2)).await.remove(0);
    let permits = [limiter.acquire(POOL).await.expect("room"), limiter.acquire(POOL).await.expect("room")];
    let (sender, mut granted) = mpsc::unbounded_channel();
    for _ in 0..3 {
        let (acquire, sender) = (limiter.acquire(POOL), sender.clone());
        tokio::spawn(async move { sender.send(acquire.await.expect("its turn")) });
    }
    until_waiting(&near, 3).await;
    proxy.refuse();
    proxy.cut();
    let [first, second] = permits;
    drop(first);
    let local = granted.recv().await.expect("granted without the store");
    assert_eq!(look(&near).await.seen.in_flight, 2, "the store knows nothing of it");
    proxy.pass();
    drop((second, local));
    for _ in 0..2 {
        drop(granted.recv().await.expect("its turn"));
    }
    until_quiet(&near).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limiter_may_begin_without_its_store() {
    let server = Server::new();
    server.kill9();
    let limiter = at(&server.url()).period(60 * SECOND).max_calls(3).build().expect("a good URL");
    for _ in 0..3 {
        drop(limiter.acquire(POOL).await.expect("granted without the store"));
    }
    let full = limiter.acquire(POOL).timeout(SECOND / 10).await;
    assert!(matches!(full, Err(AcquireError::Timeout { .. })), "{full:?}");
    assert!(limiter.set_limits(POOL, calls(9)).await.is_err(), "there is nowhere to set them");
    server.restart(Data::Lost);
    until("it has joined", async || limiter.peek(POOL).await.is_ok_and(|status| status.seen.calls == 3))
        .await;
}
