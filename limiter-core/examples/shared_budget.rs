//! Several tasks share five calls a second: when each is let through, and what it waited for.
//!
//!     cargo run -p limiter-core --example shared_budget
#![allow(clippy::print_stdout)] // It is there to be watched.

use std::time::Duration;

use limiter_core::{AcquireError, Limiter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limiter = Limiter::memory()
        .max_calls(5)
        .max_concurrency(4)
        .period(Duration::from_secs(1))
        .guard(Duration::from_millis(20))
        .build()?;
    println!("5 calls a second, 4 in flight; each call takes 300 ms, and waits 2.5 s at most\n");
    let tasks: Vec<_> = (1..=16).map(|number| tokio::spawn(call(limiter.clone(), number))).collect();
    for task in tasks {
        task.await?;
    }
    let status = limiter.peek("glm-4.6").await?;
    println!("\nafterwards: {} in flight, {} waiting", status.seen.in_flight, status.waiting);
    Ok(())
}

async fn call(limiter: Limiter, number: u32) {
    match limiter.acquire("glm-4.6").timeout(Duration::from_millis(2_500)).await {
        Ok(permit) => {
            let seen = permit.seen();
            println!(
                "call {number:>2}  let through at {}, waited {:.3} s; {} in the last second, {} in flight",
                permit.granted_at(),
                permit.waited().as_secs_f64(),
                seen.calls,
                seen.in_flight,
            );
            // The request goes out here; the permit is held until its answer has ended.
            tokio::time::sleep(Duration::from_millis(300)).await;
            permit.complete(None);
        }
        Err(AcquireError::Timeout { waited, binding }) => {
            println!(
                "call {number:>2}  gave up after {:.3} s: at the limit in {binding}",
                waited.as_secs_f64()
            );
        }
        Err(error) => println!("call {number:>2}  {error}"),
    }
}
