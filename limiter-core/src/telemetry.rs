//! What a limiter tells of itself: events of `tracing`, and, with the feature `metrics`, numbers for the facade of that name.
//!
//! | metric | kind | labels | says |
//! |---|---|---|---|
//! | `ratepilot_grants_total` | counter | pool | calls let through |
//! | `ratepilot_wait_seconds` | histogram | pool | how long each of them had waited |
//! | `ratepilot_denials_total` | counter | pool, dimension | calls that could not go at once, and what kept them |
//! | `ratepilot_timeouts_total` | counter | pool, dimension | calls that gave up waiting |
//! | `ratepilot_lost_leases_total` | counter | pool | calls in flight whose place the store gave away |
//! | `ratepilot_store_seconds` | histogram | | how long the store took to answer |
//! | `ratepilot_store_up` | gauge | | 1: the store can be reached |
//! | `ratepilot_fallback` | gauge | pool | 1: this process goes on without the store |

#[cfg(feature = "redis")]
use std::time::Duration;

use crate::decision::Seen;
use crate::limits::Dimension;
use crate::time::Micros;

/// A call was let through.
pub(crate) fn granted(pool: &str, waited: Micros, seen: &Seen) {
    tracing::debug!(
        pool,
        waited_us = waited.get(),
        calls = seen.calls,
        tokens = seen.tokens,
        in_flight = seen.in_flight,
        version = seen.version,
        "granted"
    );
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("ratepilot_grants_total", "pool" => pool.to_owned()).increment(1);
        metrics::histogram!("ratepilot_wait_seconds", "pool" => pool.to_owned()).record(waited.as_secs_f64());
    }
}

/// A call cannot go at once; it `queues` or is sent away.
pub(crate) fn denied(pool: &str, binding: Dimension, tokens: u64, queues: bool) {
    tracing::debug!(pool, binding = binding.name(), tokens, queues, "not granted at once");
    #[cfg(feature = "metrics")]
    {
        let labels = [("pool", pool.to_owned()), ("dimension", binding.name().to_owned())];
        metrics::counter!("ratepilot_denials_total", &labels).increment(1);
    }
}

/// A call gave up waiting.
pub(crate) fn timed_out(pool: &str, waited: Micros, binding: Dimension) {
    tracing::debug!(pool, waited_us = waited.get(), binding = binding.name(), "timed out");
    #[cfg(feature = "metrics")]
    {
        let labels = [("pool", pool.to_owned()), ("dimension", binding.name().to_owned())];
        metrics::counter!("ratepilot_timeouts_total", &labels).increment(1);
    }
}

/// The store has given the places of calls in flight away.
#[cfg(feature = "redis")]
pub(crate) fn lost_leases(pool: &str, calls: usize) {
    tracing::warn!(pool, calls, "calls in flight have lost their lease");
    #[cfg(feature = "metrics")]
    metrics::counter!("ratepilot_lost_leases_total", "pool" => pool.to_owned()).increment(calls as u64);
}

/// The store has answered.
#[cfg(feature = "redis")]
pub(crate) fn store_answered(_took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("ratepilot_store_seconds").record(_took.as_secs_f64());
}

/// The connection to the store is there, or not any more.
#[cfg(feature = "redis")]
pub(crate) fn store_is(_up: bool) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("ratepilot_store_up").set(if _up { 1.0 } else { 0.0 });
}

/// This process goes on in a pool without the store, or with it again.
#[cfg(feature = "redis")]
pub(crate) fn alone(_pool: &str, _alone: bool) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("ratepilot_fallback", "pool" => _pool.to_owned()).set(if _alone { 1.0 } else { 0.0 });
}
