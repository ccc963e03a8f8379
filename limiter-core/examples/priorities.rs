//! A person overtakes the nightly batch, and the batch still gets through.
//!
//!     cargo run -p limiter-core --example priorities
#![allow(clippy::print_stdout)] // It is there to be watched.

use std::time::Duration;

use limiter_core::{AcquireError, Limiter, Priority};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // No window here: one call every 200 ms.
    let limiter = Limiter::memory().pacing(Duration::from_millis(200)).build()?;
    println!("one call every 200 ms; all of these ask at once, in this order: batch, normal, person\n");
    let mut tasks = Vec::new();
    for (name, priority) in
        [("batch", Priority::LOW), ("normal", Priority::NORMAL), ("person", Priority::HIGH)]
    {
        for number in 1..=3 {
            tasks.push(tokio::spawn(call(limiter.clone(), format!("{name} {number}"), priority)));
        }
    }
    for task in tasks {
        task.await??;
    }
    println!(
        "\nThe first was alone when it came. A level counts as coming {} later, no more:",
        Priority::HANDICAP
    );
    println!("who has waited that long goes before a more urgent one that has only just come.");
    Ok(())
}

async fn call(limiter: Limiter, name: String, priority: Priority) -> Result<(), AcquireError> {
    let permit = limiter.acquire("glm-4.6").priority(priority).await?;
    println!("{name:<9} let through at {}", permit.granted_at());
    permit.complete(None);
    Ok(())
}
