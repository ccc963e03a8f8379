//! What gets lost or late on the way: the store goes on all the while.

use std::sync::Arc;
use std::time::Duration;

use faults::{Proxy, Server};
use limiter_core::{AcquireError, Fallback};

use crate::support::{Log, POOL, SECOND, at, concurrency, look, several, until, until_quiet, until_waiting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_asked_for_again_and_names_the_same_grant() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let far = several(1, &at(&proxy.url()).max_tokens(1_000)).await.remove(0);
    let near = several(1, &at(&server.url()).max_tokens(1_000)).await.remove(0);
    drop(far.acquire(POOL).await.expect("there is room"));
    until_quiet(&near).await;
    near.reset(POOL).await.expect("the store answers");
    proxy.swallow_replies();
    let asking = tokio::spawn(far.acquire(POOL).tokens(600).into_future());
    until("it was granted", async || look(&near).await.seen.in_flight == 1).await;
    let granted = look(&near).await.seen;
    // What was swallowed is gone with its connection.
    proxy.pass();
    let permit = asking.await.expect("no panic").expect("it was granted");
    assert_eq!((permit.seen().calls, permit.seen().tokens, permit.seen().in_flight), (1, 600, 1));
    assert_eq!(look(&near).await.seen, granted, "nothing is counted twice");
    assert_eq!(permit.renew().await, Ok(()));
    permit.complete(Some(5));
    until_quiet(&near).await;
    assert!(look(&near).await.seen.tokens <= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_the_store_made_and_nobody_heard_of_counts_once_beside_the_local_one() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let builder = at(&proxy.url()).period(60 * SECOND).max_tokens(1_000);
    let far = several(1, &builder.store_timeout(SECOND / 2)).await.remove(0);
    let near = several(1, &at(&server.url()).period(60 * SECOND).max_tokens(1_000)).await.remove(0);
    drop(far.acquire(POOL).tokens(100).await.expect("there is room"));
    until_quiet(&near).await;
    proxy.hold_replies();
    // The reply is held for longer than the store may take, so this is granted without it.
    let permit = far.acquire(POOL).tokens(600).await.expect("granted without the store");
    assert!(look(&near).await.seen.in_flight <= 1);
    proxy.pass();
    until("the process has joined again", async || permit.renew().await.is_ok()).await;
    let seen = look(&near).await.seen;
    assert_eq!((seen.calls, seen.tokens, seen.in_flight), (2, 700, 1));
    permit.complete(Some(50));
    until_quiet(&near).await;
    until("it was settled", async || look(&near).await.seen.tokens == 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_too_late_does_not_keep_a_slot() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let builder = at(&proxy.url()).max_concurrency(3).fallback(Fallback::Closed).store_timeout(SECOND / 2);
    let far = several(1, &builder).await.remove(0);
    let near = several(1, &at(&server.url()).max_concurrency(3)).await.remove(0);
    let permit = far.acquire(POOL).await.expect("there is room");
    proxy.delay(3 * SECOND, Duration::ZERO);
    let refused = far.acquire(POOL).await;
    assert!(matches!(refused, Err(AcquireError::Store(_))), "{refused:?}");
    proxy.pass();
    // It comes when its caller has gone, and is granted.
    until("the late request was granted", async || look(&near).await.seen.in_flight == 2).await;
    until("it was given back", async || look(&near).await.seen.in_flight == 1).await;
    assert_eq!(permit.renew().await, Ok(()));
    drop(permit);
    until_quiet(&near).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_cost_nobody_a_place_or_a_permit() {
    let server = Server::new();
    let limits =
        faults::Limits { calls: Some(30), concurrency: Some(4), tokens: Some(900), ..Default::default() };
    let log = Arc::new(Log::new(limits));
    let near =
        several(1, &at(&server.url()).max_calls(30).max_concurrency(4).max_tokens(900)).await.remove(0);
    let proxies = [Proxy::before(&server), Proxy::before(&server)];
    let mut tasks = Vec::new();
    for (index, proxy) in proxies.iter().enumerate() {
        let builder = at(&proxy.url()).max_calls(30).max_concurrency(4).max_tokens(900);
        let builder = builder.fallback(Fallback::Closed);
        let limiter = several(1, &builder).await.remove(0);
        for client in 0..30 {
            let (limiter, log) = (limiter.clone(), Arc::clone(&log));
            tasks.push(tokio::spawn(async move {
                let client = 100 * index as u64 + client;
                log.call(&limiter, client, 20, 10 + client % 20, Duration::from_millis(20)).await;
            }));
        }
    }
    for round in 0..20 {
        proxies[round % 2].cut();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    log.read().assert_kept();
    until_quiet(&near).await;
    tokio::time::sleep(SECOND + SECOND / 10).await;
    let seen = look(&near).await.seen;
    assert_eq!((seen.calls, seen.tokens), (0, 0), "nothing stays in the account");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_neither_loses_leases_nor_reorders_those_who_wait() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let far = several(1, &at(&proxy.url()).max_concurrency(1)).await.remove(0);
    let near = several(1, &at(&server.url()).max_concurrency(1)).await.remove(0);
    let permit = far.acquire(POOL).await.expect("there is room");
    let first = tokio::spawn(far.acquire(POOL).into_future());
    until_waiting(&near, 1).await;
    let second = tokio::spawn(near.acquire(POOL).into_future());
    until_waiting(&near, 2).await;
    proxy.cut();
    until("it has connected again", async || permit.renew().await.is_ok()).await;
    assert_eq!(look(&near).await.seen.in_flight, 1);
    proxy.refuse();
    proxy.cut();
    // The slot is given back while the process is away; the first in the queue is away, too, and still the first.
    drop(permit);
    proxy.pass();
    let granted = first.await.expect("no panic").expect("its turn");
    assert!(!second.is_finished(), "it came later");
    drop(granted);
    drop(second.await.expect("no panic").expect("its turn"));
    until_quiet(&near).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_in_silence_costs_no_error() {
    let server = Server::new();
    let limiter =
        several(1, &at(&server.url()).fallback(Fallback::Closed).max_concurrency(2)).await.remove(0);
    drop(limiter.acquire(POOL).await.expect("there is room"));
    for _ in 0..3 {
        until_quiet(&limiter).await;
        server.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
        limiter.set_limits(POOL, concurrency(3)).await.expect("it is sent again");
        server.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
        drop(limiter.acquire(POOL).await.expect("it is sent again"));
    }
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_the_scripts_is_sent_them_again() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_concurrency(1)).await;
    for _ in 0..3 {
        let permit = limiters[0].acquire(POOL).await.expect("there is room");
        let waiter = tokio::spawn(limiters[1].acquire(POOL).into_future());
        until_waiting(&limiters[0], 1).await;
        server.ask::<()>(&["SCRIPT", "FLUSH"]);
        drop(permit);
        drop(waiter.await.expect("no panic").expect("its turn"));
        until_quiet(&limiters[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_whose_channel_was_lost_are_served_all_the_same() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).lease(SECOND * 2).max_concurrency(1)).await;
    for _ in 0..2 {
        let permit = limiters[0].acquire(POOL).await.expect("there is room");
        let waiter = tokio::spawn(limiters[1].acquire(POOL).into_future());
        until_waiting(&limiters[0], 1).await;
        server.ask::<()>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        drop(permit);
        drop(waiter.await.expect("no panic").expect("its turn"));
        until_quiet(&limiters[0]).await;
    }
}
