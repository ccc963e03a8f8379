//! What the tests have in common.

use std::future::Future;
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use faults::{Call, End, Grant, History, Server, Settled};
use limiter_core::{AcquireError, Limiter, LimiterBuilder, Limits, Permit, PoolStatus, Priority};
use tokio::time::{sleep, timeout};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// The store may take so long that no load of the machine looks like an outage.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);
pub(crate) const POOL: &str = "test";

/// The server's clock, which is the machine's.
#[expect(clippy::disallowed_methods, reason = "a history is in the time of the server")]
pub(crate) fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_micros()).expect("before the year 580,000")
}

/// A limiter that counts by the second, with a short lease and a patient client.
pub(crate) fn at(url: &str) -> LimiterBuilder {
    Limiter::redis(url)
        .period(SECOND)
        .guard(Duration::ZERO)
        .lease(Duration::from_secs(4))
        .store_timeout(PATIENT)
}

/// As many limiters, each a process of its own as far as the store can tell.
pub(crate) async fn several(count: usize, builder: &LimiterBuilder) -> Vec<Limiter> {
    let mut limiters = Vec::new();
    for _ in 0..count {
        limiters.push(builder.clone().connect().await.expect("the server is there"));
    }
    limiters
}

pub(crate) fn calls(calls: u64) -> Limits {
    Limits { calls: NonZeroU64::new(calls), ..Limits::default() }
}

pub(crate) fn concurrency(concurrency: u64) -> Limits {
    Limits { concurrency: NonZeroU64::new(concurrency), ..Limits::default() }
}

pub(crate) async fn look(limiter: &Limiter) -> PoolStatus {
    limiter.peek(POOL).await.expect("the store answers")
}

/// Returns when `happened` says so, within a minute.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut happened: impl FnMut() -> F) {
    let all = async {
        while !happened().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(60), all).await.is_ok(), "waited for a minute in vain until {what}");
}

/// Returns when so many wait.
pub(crate) async fn until_waiting(limiter: &Limiter, count: usize) {
    until(&format!("{count} wait"), async || look(limiter).await.waiting == count).await;
}

/// Returns when nothing is in flight and nobody waits.
pub(crate) async fn until_quiet(limiter: &Limiter) {
    until("nothing is in flight and nobody waits", async || {
        limiter.peek(POOL).await.is_ok_and(|status| status.seen.in_flight == 0 && status.waiting == 0)
    })
    .await;
}

/// What happened, written down as it happens.
#[derive(Debug)]
pub(crate) struct Log(Mutex<History>);

impl Log {
    /// Of a pool with these limits, in windows of a second.
    pub(crate) fn new(limits: faults::Limits) -> Self {
        let handicap_us = Some(Priority::HANDICAP.get());
        Self(Mutex::new(History {
            window_us: 1_000_000,
            handicap_us,
            limits: vec![limits],
            ..History::default()
        }))
    }

    pub(crate) fn write(&self, change: impl FnOnce(&mut History)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self) -> History {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One call from its request to its end, asked for again where the store cannot say: holds its permit for `hold`, and
    /// then says that it used `used` tokens.
    pub(crate) async fn call(&self, limiter: &Limiter, client: u64, tokens: u64, used: u64, hold: Duration) {
        loop {
            let asked_us = now_us();
            match limiter.acquire(POOL).tokens(tokens).timeout(Duration::from_secs(60)).await {
                Err(AcquireError::Store(_)) => sleep(Duration::from_millis(50)).await,
                outcome => return self.end(asked_us, client, tokens, used, outcome, hold).await,
            }
        }
    }

    /// The rest of a call, whose request came to this.
    pub(crate) async fn end(
        &self,
        asked_us: u64,
        client: u64,
        tokens: u64,
        used: u64,
        outcome: Result<Permit, AcquireError>,
        hold: Duration,
    ) {
        let end = match outcome {
            Ok(permit) => {
                sleep(hold).await;
                let grant = grant(&permit, client);
                let ended_us = now_us();
                permit.complete(Some(used));
                let settled = Some(Settled { at_us: ended_us, tokens: used });
                End::Granted(Grant { released_us: Some(ended_us), settled, ..grant })
            }
            Err(_) => End::GaveUp { at_us: now_us() },
        };
        self.write(|history| {
            history.calls.push(Call { client, priority: 1, tokens, asked_us, queued_us: None, end });
        });
    }
}

/// A grant that is still in flight.
pub(crate) fn grant(permit: &Permit, client: u64) -> Grant {
    let at_us = permit.granted_at().as_micros();
    Grant { id: format!("{client} at {at_us}"), at_us, version: permit.seen().version, ..Grant::default() }
}

/// How many grants began in the fullest window of a history.
pub(crate) fn fullest_window(history: &History) -> u64 {
    let mut at: Vec<u64> = (history.calls.iter())
        .filter_map(|call| match &call.end {
            End::Granted(grant) => Some(grant.at_us),
            _ => None,
        })
        .collect();
    at.sort_unstable();
    let in_window =
        |from: &u64| at.iter().filter(|at| (*from..from + history.window_us).contains(at)).count();
    at.iter().map(in_window).max().unwrap_or(0) as u64
}

/// How many commands of the limiter failed or were refused there.
pub(crate) fn scripts_run(server: &Server) -> u64 {
    server.command_stats("evalsha").calls + server.command_stats("eval").calls
}
