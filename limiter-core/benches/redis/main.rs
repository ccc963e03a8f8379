//! What the limiter in Redis costs, beside a bare `GET` and beside trypema's limiter in Redis, on a server of its own.
//!
//!     cargo bench -p limiter-core --bench redis              # all of it, about two minutes
//!     cargo bench -p limiter-core --bench redis -- cost      # one part: cost, speed, waiters or outage
//!
//! Times are those of this machine in this minute: compare the lines of one run, not runs.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)] // It measures real time, and prints.

mod cost;
mod outage;
mod speed;
mod waiters;

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use limiter_core::{Limiter, LimiterBuilder};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const PLENTY: u64 = 1 << 40;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["waiters-process", url] => return runtime.block_on(waiters::process(url)),
        ["outage-process", url] => return runtime.block_on(outage::process(url)),
        _ => {}
    }
    let wanted = |part: &str| {
        arguments.is_empty() || arguments.iter().any(|argument| part.contains(argument.as_str()))
    };
    if wanted("cost") {
        runtime.block_on(cost::measure())?;
    }
    if wanted("speed") {
        runtime.block_on(speed::measure())?;
    }
    if wanted("waiters") {
        waiters::measure()?;
    }
    if wanted("outage") {
        outage::measure()?;
    }
    Ok(())
}

/// All dimensions on, and so high that nothing waits.
fn unlimited(url: &str) -> LimiterBuilder {
    Limiter::redis(url)
        .max_calls(PLENTY)
        .max_tokens(PLENTY)
        .max_concurrency(PLENTY)
        .period(Duration::from_secs(1))
        .guard(Duration::ZERO)
}

/// This program again, as a process of its own.
fn again(part: &str, url: &str) -> Outcome<Child> {
    Ok(Command::new(std::env::current_exe()?)
        .args([part, url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}
