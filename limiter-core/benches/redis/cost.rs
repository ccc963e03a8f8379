//! What a step costs the server, by its own count (`INFO commandstats`).

use std::time::Duration;

use faults::Server;
use limiter_core::{Permit, Request};

use crate::{Outcome, PLENTY, unlimited};

const STEPS: usize = 2_000;

pub(crate) async fn measure() -> Outcome {
    println!("server time of a step of three dimensions (us, by INFO commandstats; {STEPS} steps)");
    println!("{:>8} {:>8} {:>10} {:>10}", "limit", "leases", "acquire", "release");
    for (limit, leases) in [(10, 0), (10_000, 0), (PLENTY, 0), (PLENTY, 10_000)] {
        let (acquire, release) = steps(limit, leases).await?;
        let shown = if limit == PLENTY { "plenty".to_owned() } else { limit.to_string() };
        println!("{shown:>8} {leases:>8} {acquire:>10.1} {release:>10.1}");
    }
    println!();
    Ok(())
}

/// Microseconds an acquire and a release, under a limit of calls a window and beside calls in flight.
async fn steps(limit: u64, leases: usize) -> Outcome<(f64, f64)> {
    let server = Server::new();
    let limiter =
        unlimited(&server.url()).max_calls(limit).period(Duration::from_millis(100)).connect().await?;
    let pool = limiter.pool("pool")?;
    let request = Request { tokens: 1_000, ..Request::default() };
    let mut held: Vec<Permit> = Vec::new();
    while held.len() < leases {
        held.extend(pool.try_acquire(request).await);
    }
    // The first call joins.
    drop(pool.try_acquire(request).await);
    tokio::time::sleep(Duration::from_millis(200)).await;

    server.reset_stats();
    let mut granted = Vec::new();
    for _ in 0..STEPS {
        granted.extend(pool.try_acquire(request).await);
    }
    let acquire = server.command_stats("evalsha");
    server.reset_stats();
    let releases = granted.len();
    for permit in granted {
        permit.complete(Some(900));
        // Each is told by a turn of its own, while one turn could tell of many.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let release = server.command_stats("evalsha");
    limiter.close().await;
    let each = |microseconds: u64, steps: u64| microseconds as f64 / steps.max(1) as f64;
    let turns = release.calls.min(releases as u64);
    Ok((each(acquire.microseconds, acquire.calls), each(release.microseconds, turns)))
}
