//! A log as JSONL: an object an attempt.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::columns::{OUTCOMES, arrival};
use super::{Logged, LoggedOutcome};
use crate::trace::error::Fault;
use crate::trace::number::Number;

/// One line. Providers write codes as numbers and as strings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    arrival_s: f64,
    granted_s: Option<f64>,
    provider_s: Option<f64>,
    finished_s: Option<f64>,
    latency_s: Option<f64>,
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    call: Option<f64>,
    attempt: Option<f64>,
    outcome: Option<String>,
    code: Option<Value>,
    scenario: Option<String>,
    controller: Option<String>,
    replication: Option<u32>,
    model: Option<String>,
    #[serde(rename = "process")]
    _process: Option<IgnoredAny>,
    #[serde(rename = "priority")]
    _priority: Option<IgnoredAny>,
    #[serde(rename = "limit_calls")]
    _limit_calls: Option<IgnoredAny>,
    #[serde(rename = "limit_concurrency")]
    _limit_concurrency: Option<IgnoredAny>,
}

impl Row {
    pub(super) fn has_no_outcome(&self) -> bool {
        self.outcome.is_none()
    }

    /// Hands the row, read, to `take`.
    pub(super) fn read<T>(&self, take: impl FnOnce(super::Row<'_>) -> T) -> Result<T, Fault> {
        let seconds = |value: Option<f64>, key| value.map(|n| Number::Value(n).seconds(key)).transpose();
        let tokens = |value: Option<f64>, key| value.map(|n| Number::Value(n).tokens(key)).transpose();
        let word = self.outcome.as_deref().unwrap_or_default();
        let code = match &self.code {
            Some(Value::Number(number)) => number.as_u64().and_then(|code| u16::try_from(code).ok()),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let logged = Logged {
            arrival: arrival(Number::Value(self.arrival_s))?,
            granted: seconds(self.granted_s, "granted_s")?,
            reached: seconds(self.provider_s, "provider_s")?,
            finished: seconds(self.finished_s, "finished_s")?,
            latency: self.latency_s.map(|n| Number::Value(n).span("latency_s")).transpose()?,
            input_tokens: tokens(self.input_tokens, "input_tokens")?,
            output_tokens: tokens(self.output_tokens, "output_tokens")?,
            call: self.call.map(|n| Number::Value(n).id("call")).transpose()?,
            attempt: tokens(self.attempt, "attempt")?,
            outcome: LoggedOutcome::new(word, code)
                .ok_or_else(|| Fault::field("outcome", word.as_bytes(), OUTCOMES))?,
        };
        let replication = self.replication.map(|number| number.to_string()).unwrap_or_default();
        Ok(take(super::Row {
            logged,
            scenario: self.scenario.as_deref().unwrap_or_default(),
            controller: self.controller.as_deref().unwrap_or_default(),
            replication: &replication,
            model: self.model.as_deref().unwrap_or_default(),
        }))
    }
}
