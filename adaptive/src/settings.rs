//! What an operator sets: the sections of `config.toml` that the limiter and the controllers read.

use std::num::NonZeroU64;

use limiter_core::{Limits, MAX_LIMIT, Micros, Window};
use serde::{Deserialize, Serialize};

use crate::control_loop::ControlLoop;
use crate::controller::{Aimd, AimdSettings, AnyController, Fixed, Kind};

/// `config.toml`, as far as it concerns the limits and their control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is in force at the start.
    pub limiter: LimiterSettings,
    /// How it is tuned.
    pub controller: ControllerSettings,
}

/// The section `[limiter]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimiterSettings {
    /// Calls a window at the start.
    pub max_calls_per_minute: u64,
    /// Calls in flight at the start; 0 does not limit them until a refusal does.
    pub max_concurrency: u64,
    /// Tokens a window at the start; 0 does not limit them until a refusal does.
    pub max_tokens_per_minute: u64,
    /// The least span between two calls, in milliseconds.
    pub pacing_ms: u64,
    /// The length of the window that limits are counted in, in seconds.
    pub window_s: f64,
    /// Added to the window against jitter on the way to the provider, in milliseconds.
    pub guard_ms: u64,
}

/// The section `[controller]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControllerSettings {
    /// Whether limits are changed at all; if not, the controller only watches.
    pub learn: bool,
    /// Limits are never tuned below these; 1 at least.
    pub floor_calls_per_minute: u64,
    /// See above.
    pub floor_concurrency: u64,
    /// Limits are never tuned above these; 0 sets no ceiling.
    pub ceiling_calls_per_minute: u64,
    /// See above.
    pub ceiling_concurrency: u64,
    /// The constants of the controller `aimd`.
    pub aimd: AimdSettings,
}

/// Floor and ceiling of what is tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Calls a window, least and most.
    pub calls: (NonZeroU64, NonZeroU64),
    /// Calls in flight, least and most.
    pub concurrency: (NonZeroU64, NonZeroU64),
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}, but {rule}")]
pub struct InvalidSetting {
    /// The key, with its section.
    pub key: &'static str,
    /// What it is set to.
    pub value: String,
    /// What it must be; begins with "must".
    pub rule: &'static str,
}

impl Default for LimiterSettings {
    fn default() -> Self {
        Self {
            max_calls_per_minute: 60,
            max_concurrency: 8,
            max_tokens_per_minute: 0,
            pacing_ms: 0,
            window_s: 60.0,
            guard_ms: 200,
        }
    }
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            learn: true,
            floor_calls_per_minute: 1,
            floor_concurrency: 1,
            ceiling_calls_per_minute: 0,
            ceiling_concurrency: 0,
            aimd: AimdSettings::default(),
        }
    }
}

impl Default for Bounds {
    /// From 1 to [`MAX_LIMIT`].
    fn default() -> Self {
        let whole = (NonZeroU64::MIN, NonZeroU64::MIN.saturating_add(MAX_LIMIT - 1));
        Self { calls: whole, concurrency: whole }
    }
}

impl Bounds {
    /// `limits`, brought within the bounds where they limit.
    #[must_use]
    pub fn apply(&self, limits: Limits) -> Limits {
        Limits {
            calls: limits.calls.map(|calls| calls.clamp(self.calls.0, self.calls.1)),
            concurrency: limits.concurrency.map(|most| most.clamp(self.concurrency.0, self.concurrency.1)),
            ..limits
        }
    }
}

impl LimiterSettings {
    /// How the limiter counts.
    ///
    /// # Errors
    /// Where the window's length or the guard cannot be.
    pub fn window(&self) -> Result<Window, InvalidSetting> {
        let period = Micros::from_secs_f64(self.window_s);
        let possible = Window::MIN_PERIOD..=Window::MAX_PERIOD;
        if !self.window_s.is_finite() || !possible.contains(&period) {
            let rule = "must be from 0.01 seconds to 31 days (2678400)";
            return Err(invalid("limiter.window_s", self.window_s, rule));
        }
        let guard = Micros::from_millis(self.guard_ms);
        if guard > period {
            return Err(invalid("limiter.guard_ms", self.guard_ms, "must not exceed the window"));
        }
        Ok(Window { period, guard })
    }

    /// The limits at the start.
    ///
    /// # Errors
    /// Where one is 0 that must not be, or above 2^53.
    pub fn limits(&self) -> Result<Limits, InvalidSetting> {
        let calls = required("limiter.max_calls_per_minute", self.max_calls_per_minute)?;
        let concurrency = optional("limiter.max_concurrency", self.max_concurrency)?;
        let tokens = optional("limiter.max_tokens_per_minute", self.max_tokens_per_minute)?;
        let pacing = Micros::from_millis(self.pacing_ms);
        if pacing > self.window()?.period {
            return Err(invalid("limiter.pacing_ms", self.pacing_ms, "must not exceed the window"));
        }
        Ok(Limits { version: 0, calls: Some(calls), tokens, concurrency, pacing })
    }
}

impl ControllerSettings {
    /// Floor and ceiling.
    ///
    /// # Errors
    /// Where a floor is 0 or above its ceiling.
    pub fn bounds(&self) -> Result<Bounds, InvalidSetting> {
        let calls = bound(
            ("controller.floor_calls_per_minute", self.floor_calls_per_minute),
            ("controller.ceiling_calls_per_minute", self.ceiling_calls_per_minute),
        )?;
        let concurrency = bound(
            ("controller.floor_concurrency", self.floor_concurrency),
            ("controller.ceiling_concurrency", self.ceiling_concurrency),
        )?;
        Ok(Bounds { calls, concurrency })
    }
}

impl Settings {
    /// The loop of a controller of `kind`, ready to be turned.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn control_loop(&self, kind: Kind) -> Result<ControlLoop, InvalidSetting> {
        let bounds = self.controller.bounds()?;
        let start = bounds.apply(self.limiter.limits()?);
        let controller = match kind {
            Kind::Fixed => AnyController::Fixed(Fixed),
            Kind::Aimd => AnyController::Aimd(Aimd::new(self.controller.aimd.checked()?, &start)),
        };
        Ok(ControlLoop::new(controller, start, bounds, self.controller.learn))
    }
}

impl AimdSettings {
    fn checked(self) -> Result<Self, InvalidSetting> {
        if !(self.decrease > 0.0 && self.decrease < 1.0) {
            let rule = "must be above 0 and below 1: the share of the level that a cut leaves";
            return Err(invalid("controller.aimd.decrease", self.decrease, rule));
        }
        let rates = [
            ("controller.aimd.increase_per_hour", self.increase_per_hour),
            ("controller.aimd.slow_start_per_minute", self.slow_start_per_minute),
        ];
        for (key, rate) in rates {
            if !(0.0..=1e3).contains(&rate) {
                return Err(invalid(key, rate, "must be from 0 to 1000"));
            }
        }
        Ok(self)
    }
}

fn bound(
    (floor_key, floor): (&'static str, u64),
    (ceiling_key, ceiling): (&'static str, u64),
) -> Result<(NonZeroU64, NonZeroU64), InvalidSetting> {
    let least = required(floor_key, floor)?;
    let most = optional(ceiling_key, ceiling)?.unwrap_or(NonZeroU64::MIN.saturating_add(MAX_LIMIT - 1));
    if most < least {
        return Err(invalid(ceiling_key, ceiling, "must not be below its floor; 0 sets no ceiling"));
    }
    Ok((least, most))
}

fn required(key: &'static str, value: u64) -> Result<NonZeroU64, InvalidSetting> {
    optional(key, value)?
        .ok_or_else(|| invalid(key, value, "must be at least 1: a limit of 0 lets nothing through"))
}

fn optional(key: &'static str, value: u64) -> Result<Option<NonZeroU64>, InvalidSetting> {
    if value > MAX_LIMIT {
        return Err(invalid(key, value, "must be at most 2^53 (9007199254740992)"));
    }
    Ok(NonZeroU64::new(value))
}

fn invalid(key: &'static str, value: impl ToString, rule: &'static str) -> InvalidSetting {
    InvalidSetting { key, value: value.to_string(), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_every_controller() {
        for kind in Kind::ALL {
            let control = Settings::default().control_loop(kind).unwrap();
            assert_eq!(control.limits().calls, NonZeroU64::new(60));
        }
    }

    #[test]
    fn what_cannot_be_names_its_key() {
        type Breakage = fn(&mut Settings);
        let broken: [(&str, Breakage); 7] = [
            ("limiter.max_calls_per_minute", |s| s.limiter.max_calls_per_minute = 0),
            ("limiter.max_concurrency", |s| s.limiter.max_concurrency = u64::MAX),
            ("limiter.window_s", |s| s.limiter.window_s = f64::NAN),
            ("limiter.pacing_ms", |s| s.limiter.pacing_ms = 60_001),
            ("controller.floor_concurrency", |s| s.controller.floor_concurrency = 0),
            ("controller.ceiling_calls_per_minute", |s| {
                s.controller.floor_calls_per_minute = 10;
                s.controller.ceiling_calls_per_minute = 9;
            }),
            ("controller.aimd.decrease", |s| s.controller.aimd.decrease = 1.0),
        ];
        for (key, breakage) in broken {
            let mut settings = Settings::default();
            breakage(&mut settings);
            assert_eq!(settings.control_loop(Kind::Aimd).unwrap_err().key, key);
        }
    }

    #[test]
    fn bounds_leave_alone_what_does_not_limit() {
        let unlimited = Limits::default();
        assert_eq!(Bounds::default().apply(unlimited), unlimited);
    }
}
