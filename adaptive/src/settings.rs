//! What an operator sets: the sections of `config.toml` that the limiter and the controllers read.

use std::num::NonZeroU64;

use limiter_core::{Limits, MAX_LIMIT, Micros, Window};
use serde::{Deserialize, Serialize};

use crate::control_loop::ControlLoop;
use crate::controller::{
    Aimd, AimdSettings, AnyController, AwsCubic, ConcurrencyRange, Fixed, Inspect, Kind, NetflixAimd,
    NetflixAimdSettings, NetflixGradient, Predictive,
};

const NETFLIX_GRADIENT_KEYS: [&str; 3] = [
    "controller.netflix_gradient.min_concurrency",
    "controller.netflix_gradient.start_concurrency",
    "controller.netflix_gradient.max_concurrency",
];
const NETFLIX_AIMD_KEYS: [&str; 3] = [
    "controller.netflix_aimd.min_concurrency",
    "controller.netflix_aimd.start_concurrency",
    "controller.netflix_aimd.max_concurrency",
];
const INSPECT_KEYS: [&str; 3] = [
    "controller.inspect.min_concurrency",
    "controller.inspect.start_concurrency",
    "controller.inspect.max_concurrency",
];

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
    /// Refusals an hour that the controller `predictive` may spend on learning the limits; above 0.
    pub hits_per_hour: f64,
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
    /// The range of the controller `netflix-gradient`.
    pub netflix_gradient: ConcurrencyRange,
    /// The range and the timeout of the controller `netflix-aimd`.
    pub netflix_aimd: NetflixAimdSettings,
    /// The range of the controller `inspect`.
    pub inspect: ConcurrencyRange,
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
            hits_per_hour: 0.7,
            floor_calls_per_minute: 1,
            floor_concurrency: 1,
            ceiling_calls_per_minute: 0,
            ceiling_concurrency: 0,
            aimd: AimdSettings::default(),
            netflix_gradient: NetflixGradient::RANGE,
            netflix_aimd: NetflixAimdSettings::default(),
            inspect: Inspect::RANGE,
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
    /// `limits`, brought within the bounds. A dimension without a limit gets none from a floor, but from a
    /// ceiling.
    #[must_use]
    pub fn apply(&self, limits: Limits) -> Limits {
        Limits {
            calls: within(limits.calls, self.calls),
            concurrency: within(limits.concurrency, self.concurrency),
            ..limits
        }
    }
}

/// What does not limit stays so, unless there is a ceiling.
fn within(limit: Option<NonZeroU64>, (least, most): (NonZeroU64, NonZeroU64)) -> Option<NonZeroU64> {
    let ceiling = Some(most).filter(|most| most.get() < MAX_LIMIT);
    limit.map(|limit| limit.clamp(least, most)).or(ceiling)
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

    fn budget(&self) -> Result<f64, InvalidSetting> {
        let budget = self.hits_per_hour;
        if !(0.001..=1e4).contains(&budget) {
            let rule = "must be from 0.001 to 10000: without a refusal nothing is learned; \
                        learn = false keeps the limits";
            return Err(invalid("controller.hits_per_hour", budget, rule));
        }
        Ok(budget)
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
            Kind::AwsCubic => {
                AnyController::AwsCubic(AwsCubic::new(self.limiter.window()?.period, start.pacing))
            }
            Kind::NetflixGradient => {
                let range = self.controller.netflix_gradient.checked(NETFLIX_GRADIENT_KEYS)?;
                AnyController::NetflixGradient(NetflixGradient::new(range))
            }
            Kind::NetflixAimd => {
                let (range, timeout) = self.controller.netflix_aimd.checked()?;
                AnyController::NetflixAimd(NetflixAimd::new(range, timeout))
            }
            Kind::Inspect => {
                let range = self.controller.inspect.checked(INSPECT_KEYS)?;
                AnyController::Inspect(Inspect::new(range))
            }
            Kind::Predictive => {
                let (budget, period) = (self.controller.budget()?, self.limiter.window()?.period);
                AnyController::Predictive(Box::new(Predictive::new(budget, period, &start)))
            }
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

impl NetflixAimdSettings {
    fn checked(self) -> Result<(ConcurrencyRange, Micros), InvalidSetting> {
        let timeout = Micros::from_secs_f64(self.timeout_s);
        if !(self.timeout_s.is_finite() && timeout > Micros::ZERO) {
            let rule = "must be above 0";
            return Err(invalid("controller.netflix_aimd.timeout_s", self.timeout_s, rule));
        }
        let Self { min_concurrency, start_concurrency, max_concurrency, .. } = self;
        let range = ConcurrencyRange { min_concurrency, start_concurrency, max_concurrency };
        Ok((range.checked(NETFLIX_AIMD_KEYS)?, timeout))
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
            let knows_calls =
                !matches!(kind, Kind::AwsCubic | Kind::NetflixGradient | Kind::NetflixAimd | Kind::Inspect);
            assert_eq!(control.limits().calls, NonZeroU64::new(60).filter(|_| knows_calls), "{kind}");
        }
    }

    #[test]
    fn what_cannot_be_names_its_key() {
        type Breakage = fn(&mut Settings);
        let broken: [(&str, Breakage); 8] = [
            ("limiter.max_calls_per_minute", |s| s.limiter.max_calls_per_minute = 0),
            ("limiter.max_concurrency", |s| s.limiter.max_concurrency = u64::MAX),
            ("limiter.window_s", |s| s.limiter.window_s = f64::NAN),
            ("limiter.pacing_ms", |s| s.limiter.pacing_ms = 60_001),
            ("controller.floor_concurrency", |s| s.controller.floor_concurrency = 0),
            ("controller.ceiling_calls_per_minute", |s| {
                s.controller.floor_calls_per_minute = 10;
                s.controller.ceiling_calls_per_minute = 9;
            }),
            ("controller.hits_per_hour", |s| s.controller.hits_per_hour = f64::NAN),
            ("controller.aimd.decrease", |s| s.controller.aimd.decrease = 1.0),
        ];
        for (key, breakage) in broken {
            let mut settings = Settings::default();
            breakage(&mut settings);
            let refused = Kind::ALL.into_iter().find_map(|kind| settings.control_loop(kind).err());
            assert_eq!(refused.unwrap().key, key);
        }
    }

    #[test]
    fn a_peers_range_that_is_none_names_its_key() {
        type Breakage = fn(&mut ControllerSettings);
        let broken: [(Kind, &str, Breakage); 4] = [
            (Kind::Inspect, "controller.inspect.min_concurrency", |c| c.inspect.min_concurrency = 0),
            (Kind::NetflixGradient, "controller.netflix_gradient.start_concurrency", |c| {
                c.netflix_gradient.start_concurrency = 201;
            }),
            (Kind::NetflixAimd, "controller.netflix_aimd.start_concurrency", |c| {
                c.netflix_aimd.min_concurrency = 21;
            }),
            (Kind::NetflixAimd, "controller.netflix_aimd.timeout_s", |c| c.netflix_aimd.timeout_s = 0.0),
        ];
        for (kind, key, breakage) in broken {
            let mut settings = Settings::default();
            breakage(&mut settings.controller);
            assert_eq!(settings.control_loop(kind).unwrap_err().key, key);
        }
    }

    #[test]
    fn one_that_only_watches_keeps_to_all_that_is_set() {
        let mut settings = Settings::default();
        settings.controller.learn = false;
        for kind in Kind::ALL {
            let control = settings.control_loop(kind).unwrap();
            assert_eq!(*control.limits(), settings.limiter.limits().unwrap(), "{kind}");
        }
    }

    #[test]
    fn a_ceiling_holds_for_those_who_know_nothing_of_the_dimension() {
        let mut settings = Settings::default();
        settings.controller.ceiling_calls_per_minute = 90;
        for kind in Kind::ALL {
            let calls = settings.control_loop(kind).unwrap().limits().calls.unwrap().get();
            assert!(calls <= 90, "{kind}: {calls}");
        }
    }

    #[test]
    fn bounds_leave_alone_what_does_not_limit() {
        let unlimited = Limits::default();
        assert_eq!(Bounds::default().apply(unlimited), unlimited);
    }
}
