//! `[provider]`: what the provider allows.

use std::num::NonZeroU64;
use std::ops::Bound::{Excluded, Included};

use limiter_core::{MAX_LIMIT, Micros, Window};
use serde::Deserialize;
use settings::{Cursor, SettingsError};

use super::super::{Diurnal, Latency, Overload, Provider, Steps, WindowKind};
use super::log_normal::sigma;
use super::stepped::Stepped;
use super::{MAX_CALLS, MAX_HOUR, after_hours};

const MAX_FOREIGN_PER_MINUTE: f64 = 1e6;
const MAX_BASE_S: f64 = 86_400.0;
const MAX_TOKENS_PER_S: f64 = 1e9;
/// The shortest period of the diurnal part, in hours: 36 seconds.
const MIN_PERIOD_HOURS: f64 = 0.01;

const NO_LIMIT: &str = "leave the key out where there is no such limit";

/// The table's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawProvider {
    window: RawWindow,
    window_s: f64,
    calls_per_minute: Option<Stepped<f64>>,
    calls_per_minute_diurnal: RawDiurnal,
    concurrency: Option<Stepped<i64>>,
    tokens_per_minute: Option<Stepped<i64>>,
    soft_wall: f64,
    counts_refused: bool,
    latency: RawLatency,
    foreign_calls_per_minute: Stepped<f64>,
    overload: Vec<RawOverload>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawWindow {
    Sliding,
    Fixed,
    TokenBucket,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawDiurnal {
    amplitude: f64,
    period_hours: f64,
    phase_hours: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLatency {
    base_s: f64,
    tokens_per_s: f64,
    sigma: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOverload {
    at_hour: f64,
    minutes: f64,
    refuse: f64,
}

impl Default for RawProvider {
    fn default() -> Self {
        Self {
            window: RawWindow::Sliding,
            window_s: 60.0,
            calls_per_minute: None,
            calls_per_minute_diurnal: RawDiurnal::default(),
            concurrency: None,
            tokens_per_minute: None,
            soft_wall: 0.0,
            counts_refused: false,
            latency: RawLatency::default(),
            foreign_calls_per_minute: Stepped::Constant(0.0),
            overload: Vec::new(),
        }
    }
}

impl Default for RawDiurnal {
    fn default() -> Self {
        Self { amplitude: 0.0, period_hours: 24.0, phase_hours: 0.0 }
    }
}

impl Default for RawLatency {
    fn default() -> Self {
        Self { base_s: 0.5, tokens_per_s: 25.0, sigma: 0.3 }
    }
}

impl RawProvider {
    pub(super) fn resolve(self, at: &Cursor<'_>, hours: f64) -> Result<Provider, SettingsError> {
        let windows = Window::MIN_PERIOD.as_secs_f64()..=Window::MAX_PERIOD.as_secs_f64();
        let window_s = at.key("window_s").within(self.window_s, windows, "")?;
        let calls = self.calls(&at.key("calls_per_minute"))?;
        let diurnal = &self.calls_per_minute_diurnal;
        Ok(Provider {
            window: match self.window {
                RawWindow::Sliding => WindowKind::Sliding,
                RawWindow::Fixed => WindowKind::Fixed,
                RawWindow::TokenBucket => WindowKind::TokenBucket,
            },
            window_span: Micros::from_secs_f64(window_s),
            calls_diurnal: diurnal.resolve(&at.key("calls_per_minute_diurnal"), calls.as_ref())?,
            calls,
            concurrency: whole_limit(self.concurrency.as_ref(), &at.key("concurrency"))?,
            tokens: whole_limit(self.tokens_per_minute.as_ref(), &at.key("tokens_per_minute"))?,
            soft_wall: at.key("soft_wall").within(
                self.soft_wall,
                0.0..=MAX_LIMIT as f64,
                "0 is a hard wall",
            )?,
            counts_refused: self.counts_refused,
            latency: self.latency.resolve(&at.key("latency"))?,
            foreign: self.foreign(&at.key("foreign_calls_per_minute"), hours)?,
            overloads: overloads(&self.overload, &at.key("overload"), hours)?,
        })
    }

    fn calls(&self, at: &Cursor<'_>) -> Result<Option<Steps<f64>>, SettingsError> {
        let limit = |limit, at: &Cursor<'_>| at.within(limit, 1.0..=MAX_LIMIT as f64, NO_LIMIT);
        self.calls_per_minute.as_ref().map(|written| written.resolve(at, limit)).transpose()
    }

    fn foreign(&self, at: &Cursor<'_>, hours: f64) -> Result<Steps<f64>, SettingsError> {
        let rates = 0.0..=MAX_FOREIGN_PER_MINUTE;
        let foreign =
            self.foreign_calls_per_minute.resolve(at, |rate, at| at.within(rate, rates.clone(), ""))?;
        let highest = foreign.values().fold(0.0, f64::max);
        if highest * 60.0 * hours > MAX_CALLS {
            return Err(at.reject(format!(
                "must not come to more than {MAX_CALLS} calls in {hours} hours: lower it, or `hours`"
            )));
        }
        Ok(foreign)
    }
}

fn whole_limit(
    written: Option<&Stepped<i64>>,
    at: &Cursor<'_>,
) -> Result<Option<Steps<NonZeroU64>>, SettingsError> {
    let limit = |limit: i64, at: &Cursor<'_>| {
        let limit = at.within(i128::from(limit), 1..=i128::from(MAX_LIMIT), NO_LIMIT)?;
        let limit = u64::try_from(limit).ok().and_then(NonZeroU64::new);
        limit.ok_or_else(|| at.reject("must be at least 1"))
    };
    written.map(|written| written.resolve(at, limit)).transpose()
}

impl RawDiurnal {
    fn resolve(&self, at: &Cursor<'_>, calls: Option<&Steps<f64>>) -> Result<Diurnal, SettingsError> {
        let amplitude = at.key("amplitude");
        match calls {
            Some(calls) => {
                let lowest = calls.values().fold(f64::INFINITY, f64::min);
                let highest = calls.values().fold(1.0, f64::max);
                let room = (lowest - 1.0).min(MAX_LIMIT as f64 - highest);
                let advice = format!("the limit, {lowest} at its lowest, must stay at least 1");
                amplitude.within(self.amplitude, -room..=room, &advice)?;
            }
            None if self.amplitude != 0.0 => {
                return Err(amplitude.reject("must be 0 where there is no `calls_per_minute` to add it to"));
            }
            None => {}
        }
        let periods = MIN_PERIOD_HOURS..=MAX_HOUR;
        Ok(Diurnal {
            amplitude: self.amplitude,
            period_hours: at.key("period_hours").within(self.period_hours, periods, "")?,
            phase_hours: at.key("phase_hours").within(self.phase_hours, -MAX_HOUR..=MAX_HOUR, "")?,
        })
    }
}

impl RawLatency {
    fn resolve(&self, at: &Cursor<'_>) -> Result<Latency, SettingsError> {
        let speeds = (Excluded(0.0), Included(MAX_TOKENS_PER_S));
        Ok(Latency {
            base_s: at.key("base_s").within(self.base_s, 0.0..=MAX_BASE_S, "")?,
            tokens_per_s: at.key("tokens_per_s").within(self.tokens_per_s, speeds, "")?,
            sigma: sigma(self.sigma, &at.key("sigma"))?,
        })
    }
}

/// The overloads in the order of their start, whatever the order in which they are written.
fn overloads(written: &[RawOverload], at: &Cursor<'_>, hours: f64) -> Result<Vec<Overload>, SettingsError> {
    let mut overloads = Vec::with_capacity(written.len());
    for (index, raw) in written.iter().enumerate() {
        let at = at.index(index);
        let in_vain = "the scenario ends there, and its overload would never come";
        let at_hour = at.key("at_hour").within(raw.at_hour, 0.0..hours, in_vain)?;
        let lengths = (Excluded(0.0), Included(MAX_HOUR * 60.0));
        let minutes = at.key("minutes").within(raw.minutes, lengths, "")?;
        let refuse =
            at.key("refuse").within(raw.refuse, 0.0..=1.0, "it is the share of attempts that are refused")?;
        let (from, until) = (after_hours(at_hour), after_hours(at_hour + minutes / 60.0));
        overloads.push((Overload { from, until, refuse }, at, at_hour));
    }
    overloads.sort_by_key(|(overload, ..)| overload.from);
    for pair in overloads.windows(2) {
        let ((earlier, _, hour), (later, at, _)) = (&pair[0], &pair[1]);
        if later.from < earlier.until {
            return Err(at.key("at_hour").reject(format!(
                "must not lie within the overload that begins at hour {hour}: overloads do not overlap"
            )));
        }
    }
    Ok(overloads.into_iter().map(|(overload, ..)| overload).collect())
}
