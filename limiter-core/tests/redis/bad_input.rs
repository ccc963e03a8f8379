//! What cannot work is refused with a typed error that says what to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use faults::{Proxy, Server};
use limiter_core::{AcquireError, BuildError, Limiter, MAX_LIMIT, NameProblem, StoreProblem};

use crate::support::{POOL, SECOND, at, several};

/// The error of a limiter that cannot be had.
async fn unbuilt(url: &str) -> BuildError {
    at(url).store_timeout(SECOND).connect().await.expect_err("it cannot work")
}

async fn problem(url: &str) -> StoreProblem {
    match unbuilt(url).await {
        BuildError::Store(error) => error.problem,
        error => panic!("not an error of the store: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_that_are_wrong_say_how_one_looks() {
    for url in [
        "",
        "localhost",
        "http://localhost:6379",
        "redis://",
        "redis://localhost:notaport",
        "redis://localhost/x",
    ] {
        let error = unbuilt(url).await;
        assert!(
            matches!(&error, BuildError::Store(error) if error.problem == StoreProblem::Url),
            "{url}: {error}"
        );
        assert!(error.to_string().contains("redis://host:6379/0"), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_leads_nowhere_says_to_see_whether_it_runs() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    proxy.refuse();
    assert_eq!(problem(&proxy.url()).await, StoreProblem::Unreachable);
    assert_eq!(problem("redis+unix:///nowhere/to/be/found").await, StoreProblem::Unreachable);
    proxy.pass();
    proxy.black_hole();
    assert_eq!(problem(&proxy.url()).await, StoreProblem::Slow);
    let text = unbuilt(&proxy.url()).await.to_string();
    assert!(text.contains("in time") && text.contains(&proxy.port().to_string()), "{text}");
    assert_eq!(problem(&format!("{}/99", server.url())).await, StoreProblem::Url);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_redis_is_told_from_what_is() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("redis://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            // Whatever it was asked, as web servers answer what they do not understand.
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    assert_eq!(problem(&url).await, StoreProblem::NotRedis);
    // One that speaks TLS only, and one that does not speak it at all.
    let server = Server::with(faults::Options::default().tls());
    let plain_to_tls = server.tls_url().0.replace("rediss://", "redis://");
    assert!(matches!(problem(&plain_to_tls).await, StoreProblem::NotRedis | StoreProblem::Unreachable));
    let tls_to_plain = server.url().replace("redis://", "rediss://");
    let silent = problem(&tls_to_plain).await;
    assert!(
        matches!(silent, StoreProblem::NotRedis | StoreProblem::Unreachable | StoreProblem::Slow),
        "{silent}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_limits_and_periods_out_of_range_are_named() {
    let server = Server::new();
    let limiter = several(1, &at(&server.url()).max_tokens(100)).await.remove(0);
    let huge = "x".repeat(100_000);
    for (name, problem) in [
        ("", NameProblem::Empty),
        (huge.as_str(), NameProblem::TooLong { bytes: 100_000 }),
        ("a{b}", NameProblem::Forbidden { character: '{' }),
        ("a\r\nSET x 1", NameProblem::Forbidden { character: '\r' }),
    ] {
        let Err(AcquireError::BadPool(error)) = limiter.acquire(name).await else { panic!("a pool") };
        assert_eq!(error.problem, problem);
        assert!(error.to_string().len() < 200);
    }
    for name in ["知识库", "a b:c/d*?[x]", "'\"\\%s"] {
        drop(limiter.acquire(name).await.expect("a name like any other"));
    }
    let large = limiter.acquire(POOL).tokens(u64::MAX).await;
    assert_eq!(large.expect_err("too large"), AcquireError::TooLarge { tokens: u64::MAX, limit: 100 });

    let url = server.url();
    let wrong = [
        (Limiter::redis(&url).max_calls(0), "at least 1"),
        (Limiter::redis(&url).max_tokens(MAX_LIMIT + 1), "2^53"),
        (Limiter::redis(&url).period(Duration::from_millis(9)), "between"),
        (Limiter::redis(&url).period(Duration::from_secs(31 * 86_400 + 1)), "between"),
        (Limiter::redis(&url).lease(Duration::from_millis(999)), "between 1 s and 1 h"),
        (Limiter::redis(&url).store_timeout(Duration::ZERO), "between 10 ms and 60 s"),
        (Limiter::redis(&url).prefix("a{"), "braces"),
    ];
    for (builder, words) in wrong {
        let text = builder.connect().await.expect_err("out of range").to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_limits_count_exactly() {
    let server = Server::new();
    let builder = at(&server.url()).period(Duration::from_secs(31 * 86_400));
    let limiter = several(1, &builder.max_tokens(MAX_LIMIT).max_calls(MAX_LIMIT)).await.remove(0);
    let permit = limiter.acquire(POOL).tokens(MAX_LIMIT - 1).await.expect("there is room");
    assert_eq!(permit.seen().tokens, MAX_LIMIT - 1);
    drop(limiter.acquire(POOL).tokens(1).await.expect("there is room for one more"));
    let full = limiter.acquire(POOL).tokens(1).timeout(SECOND / 10).await;
    assert!(matches!(full, Err(AcquireError::Timeout { .. })), "{full:?}");
}
