//! The store answers, but with an error.

use std::time::Duration;

use faults::{Data, Options, Proxy, Replicated, Server};
use limiter_core::{AcquireError, BuildError, Fallback, Limiter, StoreError, StoreProblem};

use crate::support::{POOL, SECOND, at, look, several, until, until_quiet, until_waiting};

/// What the store says to a call under [`Fallback::Closed`].
async fn refusal(limiter: &Limiter) -> Option<StoreError> {
    match limiter.acquire(POOL).await {
        Err(AcquireError::Store(error)) => Some(error),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

async fn until_refused(limiter: &Limiter, problem: StoreProblem) {
    until(&format!("calls are refused by {problem:?}"), async || {
        refusal(limiter).await.is_some_and(|error| error.problem == problem)
    })
    .await;
}

async fn until_granted(limiter: &Limiter) {
    until("calls are granted again", async || refusal(limiter).await.is_none()).await;
    until_quiet(limiter).await;
}

/// Why a limiter cannot be built.
async fn unbuilt(url: &str) -> StoreError {
    match at(url).store_timeout(SECOND).connect().await {
        Err(BuildError::Store(error)) => error,
        other => panic!("not an error of the store: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_loading_is_waited_for() {
    let server = Server::new();
    let closed = several(1, &at(&server.url()).fallback(Fallback::Closed)).await.remove(0);
    let local = several(1, &at(&server.url())).await.remove(0);
    until_granted(&closed).await;
    drop(local.acquire(POOL).await.expect("the store is there"));
    server.restart_loading(3 * SECOND);
    assert_eq!(unbuilt(&server.url()).await.problem, StoreProblem::NotReady);
    until_refused(&closed, StoreProblem::NotReady).await;
    drop(local.acquire(POOL).await.expect("granted without the store"));
    until_granted(&closed).await;
    until_quiet(&local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_without_memory_says_so_and_is_tried_again() {
    let server = Server::new();
    let closed = several(1, &at(&server.url()).fallback(Fallback::Closed)).await.remove(0);
    let local = several(1, &at(&server.url()).max_concurrency(4)).await.remove(0);
    let held = local.acquire(POOL).await.expect("the store is there");
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    until_refused(&closed, StoreProblem::OutOfMemory).await;
    assert!(unbuilt(&server.url()).await.to_string().contains("maxmemory"));
    let beside = local.acquire(POOL).await.expect("granted without the store");
    drop(held);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    until("the process is back", async || beside.renew().await.is_ok()).await;
    assert_eq!(look(&closed).await.seen.in_flight, 1);
    drop(beside);
    until_granted(&closed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_stops_its_pool_and_no_other() {
    let server = Server::new();
    let closed = several(1, &at(&server.url()).max_concurrency(1).fallback(Fallback::Closed)).await.remove(0);
    for key in ["pool", "calls", "ids", "leases", "leaving", "queue", "processes"] {
        let key = format!("ratepilot:{{{POOL}}}:{key}");
        for joined in [false, true] {
            server.flush_all();
            if joined {
                until_granted(&closed).await;
                server.ask::<()>(&["DEL", &key]);
            }
            server.ask::<()>(&["SET", &key, "of somebody else"]);
            // What nobody reads does no harm.
            if joined && key.ends_with("leaving") {
                until_granted(&closed).await;
            } else {
                until_refused(&closed, StoreProblem::WrongType).await;
                drop(closed.acquire("other").await.expect("another pool"));
            }
            assert_eq!(server.ask::<String>(&["GET", &key]), "of somebody else");
            server.ask::<()>(&["DEL", &key]);
            // Nothing that a step left half done takes up the only slot.
            until_granted(&closed).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_wrong_or_was_changed_is_named_but_not_shown() {
    let server = Server::with(Options::default().password("opensesame"));
    for url in [format!("redis://127.0.0.1:{}", server.port()), server.url_of("default", "wrongpass")] {
        let error = unbuilt(&url).await;
        assert_eq!(error.problem, StoreProblem::Login);
        assert!(error.to_string().contains("redis://user:password@host"), "{error}");
        assert!(!error.to_string().contains("wrongpass"), "{error}");
    }
    let closed = several(1, &at(&server.url()).fallback(Fallback::Closed)).await.remove(0);
    until_granted(&closed).await;
    server.ask::<()>(&["ACL", "SETUSER", "default", "resetpass", ">changed"]);
    let _ = server.cli::<()>(&["PING"]);
    let kill = redis_cli_kill(&server, "changed");
    assert!(kill, "its connection was cut");
    until_refused(&closed, StoreProblem::Login).await;
}

/// Cuts the connections of clients, as one who knows the new password.
fn redis_cli_kill(server: &Server, password: &str) -> bool {
    use std::io::{Read, Write};
    let stream = std::net::TcpStream::connect(("127.0.0.1", server.port()));
    let mut stream = stream.expect("it listens");
    let commands = format!("AUTH {password}\r\nCLIENT KILL TYPE normal SKIPME yes\r\nQUIT\r\n");
    stream.write_all(commands.as_bytes()).expect("it reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("it answers");
    said.starts_with("+OK\r\n:")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_may_not_do_is_found_out_when_connecting() {
    // What docs/REDIS.md says.
    let enough = "~ratepilot:* &ratepilot:* +ping +evalsha +eval +time +hmget +hget +hset +hdel +hincrby +hkeys +zadd \
                  +zrange +zrem +zcard +zcount +zlexcount +zscore +zremrangebyscore +exists +type +del +pexpire +publish \
                  +subscribe +sadd +smembers +cluster|slots +cluster|shards";
    let options = Options::default()
        .user("enough", "pw", enough)
        .user("nokeys", "pw", "~other:* &ratepilot:* +@all")
        .user("nochannel", "pw", &enough.replace("&ratepilot:*", "resetchannels"))
        .user("noscripts", "pw", "~ratepilot:* &ratepilot:* +@all -@scripting")
        .user("reader", "pw", "~ratepilot:* &ratepilot:* +@all -@write");
    let server = Server::with(options);
    for user in ["nokeys", "noscripts", "reader"] {
        let error = unbuilt(&server.url_of(user, "pw")).await;
        assert_eq!(error.problem, StoreProblem::Permission, "{user}: {error}");
    }
    let closed = at(&server.url_of("enough", "pw")).fallback(Fallback::Closed);
    let closed = several(1, &closed).await.remove(0);
    until_granted(&closed).await;
    server.ask::<()>(&["ACL", "SETUSER", "enough", "-zadd"]);
    until_refused(&closed, StoreProblem::Permission).await;
    server.ask::<()>(&["ACL", "SETUSER", "enough", "+zadd"]);
    until_granted(&closed).await;

    // Without channels those who wait hear of their turn at their heartbeats.
    let deaf = at(&server.url_of("nochannel", "pw")).lease(2 * SECOND).max_concurrency(1);
    let deaf = several(2, &deaf).await;
    let permit = deaf[0].acquire(POOL).await.expect("there is room");
    let waiter = tokio::spawn(deaf[1].acquire(POOL).into_future());
    until_waiting(&closed, 1).await;
    drop(permit);
    drop(waiter.await.expect("no panic").expect("its turn"));
    until_quiet(&closed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_demoted_is_left_for_the_new_one() {
    let group = Replicated::new(1);
    let old = group.primary();
    let proxy = Proxy::before(old);
    let builder = at(&proxy.url()).period(60 * SECOND).lease(60 * SECOND);
    let closed = several(1, &builder.max_concurrency(3).fallback(Fallback::Closed)).await.remove(0);
    let held = closed.acquire(POOL).await.expect("there is room");
    group.wait_in_sync();
    group.fail_over();
    until_refused(&closed, StoreProblem::ReadOnly).await;
    assert_eq!(unbuilt(&old.url()).await.problem, StoreProblem::ReadOnly);
    // The name now leads to the new primary; the connection to the old one is still open.
    proxy.lead_to(group.primary().port());
    until("it has found the new primary", async || held.renew().await.is_ok()).await;
    assert_eq!(look(&closed).await.seen.in_flight, 1);
    drop(held);
    until_granted(&closed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_is_found_again() {
    let server = Server::new();
    let closed = several(1, &at(&server.url()).fallback(Fallback::Closed)).await.remove(0);
    for _ in 0..3 {
        until_granted(&closed).await;
        server.kill9();
        until_refused(&closed, StoreProblem::Unreachable).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.restart(Data::Lost);
    }
    until_granted(&closed).await;
}
