//! More than one server, and more ways to one.

use std::sync::Arc;
use std::time::Duration;

use faults::{Cluster, Options, Replicated, Server};
use limiter_core::{Fallback, Limiter};

use crate::support::{Log, POOL, SECOND, at, look, now_us, several, until, until_quiet, until_waiting};

/// Hosts of several URLs as one list.
fn hosts(servers: &[Server]) -> String {
    servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect::<Vec<_>>().join(",")
}

/// Calls without a pause, from 12 callers of 2 processes, until all is said and done.
fn load(limiters: &[Limiter], log: &Arc<Log>, until_us: u64) -> Vec<tokio::task::JoinHandle<()>> {
    (0..12)
        .map(|client| {
            let (limiter, log) = (limiters[client % limiters.len()].clone(), Arc::clone(log));
            tokio::spawn(async move {
                while now_us() < until_us {
                    log.call(&limiter, client as u64, 5, 5, Duration::from_millis(20)).await;
                }
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_and_a_user_with_a_password_lead_to_the_same_pool() {
    let server = Server::with(Options::default().user("ann", "se:cret", "~* &* +@all"));
    let builders = [at(&server.url()), at(&server.socket_url()), at(&server.url_of("ann", "se%3Acret"))];
    let mut limiters = Vec::new();
    for builder in builders {
        limiters.extend(several(1, &builder.max_concurrency(3)).await);
    }
    let mut permits = Vec::new();
    for limiter in &limiters {
        permits.push(limiter.acquire(POOL).await.expect("there is room"));
    }
    assert_eq!(permits[2].seen().in_flight, 3);
    let waiter = tokio::spawn(limiters[1].acquire(POOL).into_future());
    until_waiting(&limiters[0], 1).await;
    permits.truncate(2);
    drop(waiter.await.expect("no panic").expect("its turn"));
    drop(permits);
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_and_prefixes_keep_pools_apart() {
    let server = Server::new();
    let one = several(1, &at(&server.url()).max_concurrency(1)).await.remove(0);
    let two = several(1, &at(&format!("{}/3", server.url())).max_concurrency(1)).await.remove(0);
    let three = several(1, &at(&server.url()).prefix("other").max_concurrency(1)).await.remove(0);
    let (a, b, c) = tokio::join!(one.acquire(POOL), two.acquire(POOL), three.acquire(POOL));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lead_to_the_new_primary_under_load() {
    let group = Replicated::with_sentinels(1);
    let url = format!("redis+sentinel://{}/{}", hosts(group.sentinels()), Replicated::NAME);
    let builder = at(&url).lease(60 * SECOND).max_concurrency(3).max_calls(60);
    let limiters = several(2, &builder.store_timeout(2 * SECOND).fallback(Fallback::Closed)).await;
    let log = Arc::new(Log::new(faults::Limits { calls: Some(60), ..Default::default() }));
    let tasks = load(&limiters, &log, now_us() + 8_000_000);
    tokio::time::sleep(SECOND).await;
    let old = group.primary();
    old.kill9();
    let killed_us = now_us();
    group.wait_promoted(old);
    for task in tasks {
        task.await.expect("no panic");
    }
    let mut history = log.read();
    assert!(history.calls.len() >= 12, "everybody is served");
    // What the replica had not been told of is forgotten, but what living processes remember.
    history.losses_us.push(killed_us);
    history.assert_kept();
    until_quiet(&limiters[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_of_a_cluster_that_moves_takes_its_pool_along() {
    let cluster = Cluster::new();
    let builder = at(&format!("redis+cluster://{}", hosts(cluster.nodes())));
    let builder = builder.max_concurrency(3).max_calls(60).max_tokens(250);
    let limiters = several(2, &builder.fallback(Fallback::Closed)).await;
    let limits =
        faults::Limits { calls: Some(60), concurrency: Some(3), tokens: Some(250), ..Default::default() };
    let log = Arc::new(Log::new(limits));
    let slot = cluster.slot(&format!("ratepilot:{{{POOL}}}:pool"));
    let tasks = load(&limiters, &log, now_us() + 4_000_000);
    for _ in 0..2 {
        tokio::time::sleep(SECOND).await;
        let owner = cluster.owner(slot).port();
        let other = cluster.nodes().iter().find(|node| node.port() != owner).expect("there are three");
        tokio::task::block_in_place(|| cluster.move_slot(slot, other));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let history = log.read();
    assert!(history.calls.len() >= 12, "everybody is served");
    history.assert_kept();
    until_quiet(&limiters[0]).await;
}

/// How far a replica has confirmed what its primary wrote, by the primary's words for it.
fn replicated(replica: &str) -> u64 {
    let offset = replica.split(',').find_map(|field| field.strip_prefix("offset="));
    offset.and_then(|offset| offset.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_of_a_cluster_that_dies_is_replaced() {
    let cluster = Cluster::with_replicas();
    let builder = at(&format!("redis+cluster://{}", hosts(cluster.nodes()))).lease(60 * SECOND);
    let builder = builder.store_timeout(2 * SECOND).max_concurrency(2).fallback(Fallback::Closed);
    let limiters = several(2, &builder).await;
    let held = limiters[0].acquire(POOL).await.expect("there is room");
    let slot = cluster.slot(&format!("ratepilot:{{{POOL}}}:pool"));
    let old = cluster.owner(slot);
    // WAIT would wait for the writes of its own connection only.
    let granted = old.info("master_repl_offset").parse::<u64>().expect("a number");
    until("the replica has heard of the grant", async || replicated(&old.info("slave0")) >= granted).await;
    old.kill9();
    cluster.wait_replaced(slot, old);
    until("it has found the new primary", async || {
        limiters[1].peek(POOL).await.is_ok_and(|status| status.seen.in_flight == 1)
    })
    .await;
    until("its lease goes on", async || held.renew().await.is_ok()).await;
    let (first, second) =
        tokio::join!(limiters[0].acquire(POOL), limiters[1].acquire(POOL).timeout(SECOND / 10));
    assert_eq!(
        usize::from(first.is_ok()) + usize::from(second.is_ok()),
        1,
        "two slots, of which one is held"
    );
    drop((first, second, held));
    until_quiet(&limiters[1]).await;
    assert_eq!(look(&limiters[0]).await.waiting, 0);
}
