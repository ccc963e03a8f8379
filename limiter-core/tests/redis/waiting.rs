//! Who goes first, across processes.

use std::time::Duration;

use faults::Server;
use limiter_core::{Acquire, AcquireError, Dimension, Limiter, Permit, Priority};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::{POOL, SECOND, at, concurrency, look, several, until_quiet, until_waiting};

type Waiter = JoinHandle<Result<Permit, AcquireError>>;

/// Adds a waiter, and returns when it waits.
async fn queue(acquire: Acquire, limiter: &Limiter) -> Waiter {
    let before = look(limiter).await.waiting;
    let waiter = tokio::spawn(acquire.into_future());
    until_waiting(limiter, before + 1).await;
    waiter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_come_first_served_whatever_the_process() {
    let server = Server::new();
    let limiters = several(3, &at(&server.url()).max_concurrency(1)).await;
    let first = limiters[0].acquire(POOL).await.expect("there is room");
    let (sender, mut order) = mpsc::unbounded_channel();
    for number in 0..12 {
        let waiter = queue(limiters[number % 3].acquire(POOL), &limiters[0]).await;
        let sender = sender.clone();
        tokio::spawn(async move {
            let permit = waiter.await.expect("no panic").expect("nobody gives up");
            sender.send(number).expect("somebody listens");
            drop(permit);
        });
    }
    drop((first, sender));
    let mut went = Vec::new();
    while let Some(number) = order.recv().await {
        went.push(number);
    }
    assert_eq!(went, (0..12).collect::<Vec<_>>());
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_more_urgent_go_first_and_nobody_overtakes_by_trying() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_concurrency(1)).await;
    let first = limiters[0].acquire(POOL).await.expect("there is room");
    let low = queue(limiters[0].acquire(POOL).priority(Priority::LOW), &limiters[0]).await;
    let normal = queue(limiters[1].acquire(POOL), &limiters[0]).await;
    let high = queue(limiters[0].acquire(POOL).priority(Priority::HIGH), &limiters[0]).await;
    drop(first);
    for waiter in [high, normal, low] {
        let permit = waiter.await.expect("no panic").expect("its turn");
        let newcomer = limiters[1].acquire(POOL).timeout(Duration::ZERO).await;
        assert!(matches!(newcomer, Err(AcquireError::Timeout { binding: Dimension::Concurrency, .. })));
        drop(permit);
    }
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_leaves_nothing_and_its_place_goes_on() {
    let server = Server::new();
    let limiters = several(2, &at(&server.url()).max_concurrency(1)).await;
    let first = limiters[0].acquire(POOL).await.expect("there is room");
    let cancelled = queue(limiters[0].acquire(POOL), &limiters[0]).await;
    let timed = queue(limiters[1].acquire(POOL).timeout(SECOND / 2), &limiters[0]).await;
    let patient = queue(limiters[1].acquire(POOL), &limiters[0]).await;
    cancelled.abort();
    let Err(AcquireError::Timeout { waited, binding }) = timed.await.expect("no panic") else {
        panic!("granted beside another");
    };
    assert!(waited >= SECOND / 2);
    assert_eq!(binding, Dimension::Concurrency);
    until_waiting(&limiters[0], 1).await;
    drop(first);
    let permit = patient.await.expect("no panic").expect("its turn");
    assert_eq!(permit.seen().in_flight, 1);
    drop(permit);
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_who_come_and_go_at_random_leave_nothing() {
    let server = Server::new();
    let limiters = several(3, &at(&server.url()).max_concurrency(3).max_calls(200)).await;
    let mut tasks = Vec::new();
    for client in 0..120_u64 {
        let limiter = limiters[client as usize % 3].clone();
        tasks.push(tokio::spawn(async move {
            let patience = Duration::from_millis(client * 37 % 90);
            let acquire = limiter.acquire(POOL).timeout(Duration::from_millis(client * 53 % 200));
            // Some are cancelled at a moment of no meaning: while they ask, wait or are being told.
            if let Ok(Ok(permit)) = tokio::time::timeout(patience, acquire.into_future()).await {
                tokio::time::sleep(Duration::from_millis(client % 7)).await;
                drop(permit);
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    until_quiet(&limiters[0]).await;
    limiters[0].set_limits(POOL, concurrency(3)).await.expect("good limits");
    let permits =
        tokio::join!(limiters[0].acquire(POOL), limiters[1].acquire(POOL), limiters[2].acquire(POOL));
    assert!(permits.0.is_ok() && permits.1.is_ok() && permits.2.is_ok(), "all slots are there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_do_not_poll() {
    let server = Server::new();
    let limiters = several(4, &at(&server.url()).lease(60 * SECOND).max_concurrency(1)).await;
    let first = limiters[0].acquire(POOL).await.expect("there is room");
    let mut waiters = Vec::new();
    for number in 0..200 {
        waiters.push(tokio::spawn(limiters[number % 4].acquire(POOL).into_future()));
    }
    until_waiting(&limiters[0], 200).await;
    server.reset_stats();
    tokio::time::sleep(SECOND).await;
    let run = crate::support::scripts_run(&server);
    assert!(run <= 8, "200 waiters ran {run} scripts in a second in which nothing happened");
    waiters.iter().for_each(JoinHandle::abort);
    drop(first);
    until_quiet(&limiters[0]).await;
}
