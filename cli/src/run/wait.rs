//! Waiting for a permit, and telling a person at a terminal why.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use limiter_core::{AcquireError, Dimension, Limiter, Permit, Priority, Request, TryAcquireError};
use tokio::time::{Instant, interval};

use crate::args::{Run, Urgency};

/// How often a line on a terminal is written anew.
const TICK: Duration = Duration::from_millis(250);

/// A permit, when there is one.
///
/// # Errors
/// There is none within the timeout, or there can be none.
pub async fn permit(limiter: &Limiter, args: &Run) -> Result<Permit, AcquireError> {
    let priority = match args.priority {
        Urgency::High => Priority::HIGH,
        Urgency::Normal => Priority::NORMAL,
        Urgency::Low => Priority::LOW,
    };
    let request = Request { tokens: args.tokens, priority };
    let mut asked = limiter.acquire(&args.pool).tokens(args.tokens).priority(priority);
    if let Some(timeout) = args.timeout {
        asked = asked.timeout(timeout);
    }
    if !stderr().is_terminal() || args.timeout == Some(Duration::ZERO) {
        return asked.await;
    }
    match limiter.try_acquire(&args.pool, request).await {
        Ok(permit) => Ok(permit),
        Err(TryAcquireError::Wait { wait, retry_after }) => {
            let reason = Reason { binding: wait.binding, room_in: retry_after, timeout: args.timeout };
            watched(asked.into_future(), &args.pool, &reason).await
        }
        // What is wrong with it is wrong with the other way of asking, too.
        Err(_) => asked.await,
    }
}

/// Why somebody waits.
struct Reason {
    binding: Dimension,
    /// When there can be room at the earliest, at first; none: when a call has ended.
    room_in: Option<Duration>,
    timeout: Option<Duration>,
}

async fn watched(
    permit: impl Future<Output = Result<Permit, AcquireError>>,
    pool: &str,
    reason: &Reason,
) -> Result<Permit, AcquireError> {
    let line = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        line.set_style(style);
    }
    let began = Instant::now();
    let mut ticks = interval(TICK);
    tokio::pin!(permit);
    let result = loop {
        tokio::select! {
            result = &mut permit => break result,
            _ = ticks.tick() => {
                line.set_message(reason.words(pool, began.elapsed()));
                line.tick();
            }
        }
    };
    line.finish_and_clear();
    result
}

impl Reason {
    /// The line, after so long.
    fn words(&self, pool: &str, waited: Duration) -> String {
        let until = match self.room_in.and_then(|room_in| room_in.checked_sub(waited)) {
            Some(left) => format!("room in {} s at the earliest", whole(left)),
            None if self.room_in.is_some() => "others go first".to_owned(),
            None => "until a call ends".to_owned(),
        };
        let patience = match self.timeout {
            Some(timeout) => format!(", {} s left", whole(timeout.saturating_sub(waited))),
            None => String::new(),
        };
        format!("{pool} at its limit in {}: {until} ({} s so far{patience})", self.binding, waited.as_secs())
    }
}

/// Rounded up: a wait of 0 s is over.
fn whole(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_line_counts_down_and_says_why() {
        let reason = Reason { binding: Dimension::Calls, room_in: Some(secs(12)), timeout: Some(secs(20)) };
        assert_eq!(
            reason.words("glm", Duration::from_millis(2_500)),
            "glm at its limit in calls: room in 10 s at the earliest (2 s so far, 18 s left)"
        );
        assert_eq!(
            reason.words("glm", secs(13)),
            "glm at its limit in calls: others go first (13 s so far, 7 s left)"
        );
        let reason = Reason { binding: Dimension::Concurrency, room_in: None, timeout: None };
        assert_eq!(
            reason.words("glm", secs(3)),
            "glm at its limit in concurrency: until a call ends (3 s so far)"
        );
    }
}
