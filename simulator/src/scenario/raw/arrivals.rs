//! `[arrivals]`: who calls, and when.

use std::num::NonZeroU32;

use limiter_core::Micros;
use serde::Deserialize;
use settings::{Cursor, SettingsError};

use super::super::{Arrivals, Clients, LogNormal, Process, Steps};
use super::MAX_CALLS;
use super::log_normal::RawLogNormal;
use super::sessions::RawSessions;
use super::stepped::Stepped;

const MAX_CALLS_PER_HOUR: f64 = 1e7;
const MAX_WORKERS: u32 = 100_000;
const MAX_THINK_S: f64 = 86_400.0;
const MAX_TOKENS: f64 = 1e9;

const INPUT_TOKENS: LogNormal = LogNormal { median: 800.0, sigma: 0.8 };
const OUTPUT_TOKENS: LogNormal = LogNormal { median: 300.0, sigma: 0.8 };

/// The table's keys. Those of another process than the chosen one may stay, checked and unused, so that one word
/// changes the process.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArrivals {
    process: RawProcess,
    calls_per_hour: Option<Stepped<f64>>,
    workers: Option<NonZeroU32>,
    #[serde(default = "think_s")]
    think_s: f64,
    #[serde(default)]
    input_tokens: RawLogNormal,
    #[serde(default)]
    output_tokens: RawLogNormal,
    sessions: Option<RawSessions>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawProcess {
    Poisson,
    Sessions,
    Saturated,
}

fn think_s() -> f64 {
    1.0
}

impl RawArrivals {
    pub(super) fn resolve(
        self,
        at: &Cursor<'_>,
        hours: f64,
        clients: &Clients,
    ) -> Result<Arrivals, SettingsError> {
        let tokens = 1.0..=MAX_TOKENS;
        Ok(Arrivals {
            process: self.process(at, hours, clients)?,
            input_tokens: self.input_tokens.resolve(&at.key("input_tokens"), INPUT_TOKENS, tokens.clone())?,
            output_tokens: self.output_tokens.resolve(&at.key("output_tokens"), OUTPUT_TOKENS, tokens)?,
        })
    }

    fn process(&self, at: &Cursor<'_>, hours: f64, clients: &Clients) -> Result<Process, SettingsError> {
        let rate = self.rate(&at.key("calls_per_hour"), hours)?;
        let crew = self.crew(at)?;
        if self.sessions.is_some() && self.process != RawProcess::Sessions {
            return Err(at.key("sessions").reject("must be left out unless `process` is \"sessions\""));
        }
        let no_rate = || at.reject("must hold `calls_per_hour`, a number or steps [[hour, value], …]");
        match self.process {
            RawProcess::Poisson => Ok(Process::Poisson(rate.ok_or_else(no_rate)?)),
            RawProcess::Sessions => Ok(Process::Sessions {
                calls_per_hour: rate.ok_or_else(no_rate)?,
                mix: self.sessions.as_ref().map_or_else(
                    || Ok(Default::default()),
                    |sessions| sessions.resolve(&at.key("sessions")),
                )?,
            }),
            RawProcess::Saturated => {
                let (workers, think) = crew;
                let workers = workers.ok_or_else(|| {
                    at.reject("must hold `workers`, the number of callers, as `process` is \"saturated\"")
                })?;
                self.ends(at, hours, workers, think, clients)?;
                Ok(Process::Saturated { workers, think })
            }
        }
    }

    fn rate(&self, at: &Cursor<'_>, hours: f64) -> Result<Option<Steps<f64>>, SettingsError> {
        let Some(written) = &self.calls_per_hour else {
            return Ok(None);
        };
        let rate = written.resolve(at, |rate, at| at.within(rate, 0.0..=MAX_CALLS_PER_HOUR, ""))?;
        let highest = rate.values().fold(0.0, f64::max);
        if highest == 0.0 {
            return Err(at.reject("must be above 0 at some time"));
        }
        if highest * hours > MAX_CALLS {
            return Err(at.reject(format!(
                "must not ask for more than {MAX_CALLS} calls in {hours} hours: lower it, or `hours`"
            )));
        }
        Ok(Some(rate))
    }

    /// The workers, and how long each pauses.
    fn crew(&self, at: &Cursor<'_>) -> Result<(Option<NonZeroU32>, Micros), SettingsError> {
        if let Some(workers) = self.workers {
            at.key("workers").within(workers.get(), 1..=MAX_WORKERS, "")?;
        }
        let think_s = at.key("think_s").within(self.think_s, 0.0..=MAX_THINK_S, "")?;
        Ok((self.workers, Micros::from_secs_f64(think_s)))
    }

    /// Refuses a closed loop that a provider which refuses at once would turn (nearly) without end.
    fn ends(
        &self,
        at: &Cursor<'_>,
        hours: f64,
        workers: NonZeroU32,
        think: Micros,
        clients: &Clients,
    ) -> Result<(), SettingsError> {
        let round_trip = Micros::from_secs_f64(2.0 * clients.network_delay_s.median);
        let turn_s = (think + round_trip).as_secs_f64();
        // Without any pause the number is infinite.
        let calls = f64::from(workers.get()) * hours * 3_600.0 / turn_s;
        if calls > MAX_CALLS {
            return Err(at.key("think_s").reject(format!(
                "must be longer: `workers` that are refused at once would make more than {MAX_CALLS} calls in \
                 {hours} hours"
            )));
        }
        Ok(())
    }
}
