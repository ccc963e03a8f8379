//! The one result type: what was asked, what it amounted to, and the series that charts are drawn from.
//!
//! Exporters turn [`Results`] into bytes and back again; nothing here touches a file.

use adaptive::Reason;
use limiter_core::Dimension;
use serde::{Deserialize, Serialize};

/// Everything that one `simulate` produced, but for the rows of single attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// What it amounts to, per scenario and controller: `summary.json`.
    pub summary: Summary,
    /// One series a scenario, controller and replication, in that order: `timeline.csv`.
    pub timelines: Vec<Timeline>,
    /// One curve a scenario and controller: `waits.csv`.
    pub waits: Vec<WaitCurve>,
    /// What each controller did in its first replication, where it did anything: `adjustments.csv`.
    pub adjustments: Vec<Adjustments>,
}

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of ratepilot that simulated.
    pub version: String,
    /// SHA-256 of the effective configuration.
    pub config_sha256: String,
    /// SHA-256 of the trace file's bytes, where a trace was replayed.
    pub trace_sha256: Option<String>,
    /// The seed from which every stream was derived.
    pub seed: u64,
    /// In the order in which they were asked for.
    pub scenarios: Vec<ScenarioSummary>,
}

/// One scenario under every controller asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// The scenario's name.
    pub name: String,
    /// The horizon in hours, warm-up included.
    pub hours: f64,
    /// Hours at the start that the statistics leave out.
    pub warmup_hours: f64,
    /// In the order in which they were asked for.
    pub controllers: Vec<ControllerSummary>,
    /// Every pair of controllers, the later less the earlier, on the same arrivals and streams.
    pub differences: Vec<PairedDifference>,
}

/// One controller on one scenario, over all replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerSummary {
    /// The controller's name.
    pub name: String,
    /// How many replications were run.
    pub replications: u32,
    /// Calls, over all replications.
    pub calls: u64,
    /// Attempts that reached the provider.
    pub attempts: u64,
    /// Attempts answered with 1302, or with 1303 (tokens).
    pub hits: u64,
    /// Attempts answered with 1305.
    pub overloads: u64,
    /// Calls that did not end well although the client was willing to retry.
    pub lost: u64,
    /// Hits an hour.
    pub hits_per_hour: Estimate,
    /// Episodes (hits less than 60 s apart) an hour.
    pub episodes_per_hour: Estimate,
    /// Calls that ended well over calls; `None` without a call.
    pub success_rate: Option<f64>,
    /// Its interval at 95%, from the same blocks as the others.
    pub success_rate_ci95: Option<[f64; 2]>,
    /// Calls that ended well a minute.
    pub goodput_per_minute: Estimate,
    /// Goodput over the oracle's on the same arrivals and streams; `None` where no oracle was run.
    pub goodput_vs_oracle: Option<f64>,
    /// Its interval at 95%, from the ratios in the same blocks as the others.
    pub goodput_vs_oracle_ci95: Option<[f64; 2]>,
    /// The wait that the limiter and retries added to a call, in seconds.
    pub added_wait_s: WaitSummary,
    /// The share used of the provider's tightest limit; `None` where it has none.
    pub utilisation: Option<f64>,
    /// The highest `max_calls_per_minute` in force; `None` without a limiter.
    pub highest_limit_calls: Option<u64>,
    /// The highest number of calls in flight at the provider.
    pub highest_in_flight: u64,
}

/// A mean over blocks (replications, days or hours), and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The interval at 95%; `None` where there is too little to say.
    pub ci95: Option<[f64; 2]>,
}

/// Quantiles of the added wait, in seconds; a refused call that was given up counts with what it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaitSummary {
    /// The median.
    pub p50: f64,
    /// 95 of 100 wait less.
    pub p95: f64,
    /// 99 of 100 wait less.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// The difference of two controllers, replication by replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The controller that is compared…
    pub controller: String,
    /// …with this one.
    pub baseline: String,
    /// Hits an hour: `controller` less `baseline`.
    pub hits_per_hour: Estimate,
    /// Goodput a minute: `controller` less `baseline`.
    pub goodput_per_minute: Estimate,
}

/// One replication of one controller, minute by minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The scenario's name.
    pub scenario: String,
    /// The controller's name.
    pub controller: String,
    /// The replication, from 0.
    pub replication: u32,
    /// One entry a minute from the start, warm-up included.
    pub minutes: Vec<Minute>,
}

/// One minute of a run. Limits are those in force at the minute's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// The minute, counted from the start.
    pub minute: u32,
    /// The provider's calls a window.
    pub true_limit_calls: Option<u64>,
    /// The provider's calls in flight.
    pub true_limit_concurrency: Option<u64>,
    /// The provider's tokens a window.
    pub true_limit_tokens: Option<u64>,
    /// The limiter's calls a window; `None` without a limiter.
    pub limit_calls: Option<u64>,
    /// The limiter's calls in flight; `None` without a limiter, or where it sets none.
    pub limit_concurrency: Option<u64>,
    /// The limiter's tokens a window; `None` without a limiter, or where it sets none.
    pub limit_tokens: Option<u64>,
    /// Attempts granted by the limiter (all attempts, without one).
    pub granted: u32,
    /// Attempts that the provider accepted.
    pub accepted: u32,
    /// Attempts answered with 1302 or 1303.
    pub hits: u32,
    /// Attempts answered with 1305.
    pub overloads: u32,
    /// Calls waiting for a permit at the minute's end.
    pub waiting: u32,
    /// The most calls in flight at the provider within the minute.
    pub in_flight: u32,
    /// Tokens, input and output, of the attempts that the provider accepted.
    pub tokens: u64,
}

/// The distribution of the added wait of one controller on one scenario, over all replications.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitCurve {
    /// The scenario's name.
    pub scenario: String,
    /// The controller's name.
    pub controller: String,
    /// Rising in both: at `share` of the calls the wait was at most `wait_s`.
    pub points: Vec<WaitPoint>,
}

/// A point of a [`WaitCurve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitPoint {
    /// A share of the calls, in (0, 1].
    pub share: f64,
    /// The wait in seconds.
    pub wait_s: f64,
}

/// What one controller did with the limits in one replication, in the order in which it did it.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustments {
    /// The scenario's name.
    pub scenario: String,
    /// The controller's name.
    pub controller: String,
    /// The replication, from 0.
    pub replication: u32,
    /// Never empty.
    pub changes: Vec<Change>,
}

/// A change of one limit; several for one reason within a minute are one, at most a few a minute apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// When the first of them was made, in seconds from the start.
    pub time_s: f64,
    /// The limit: calls or tokens a window, calls in flight, or the pacing in microseconds.
    pub dimension: Dimension,
    /// The limit until then; `None` is no limit.
    pub from: Option<u64>,
    /// The limit after the last of them.
    pub to: Option<u64>,
    /// Why.
    pub reason: Reason,
    /// How many there were.
    pub adjustments: u32,
}
