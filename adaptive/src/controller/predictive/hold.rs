//! How long a level is held before the next probe, and how fast limits move.

use limiter_core::{Micros, Time};
use serde::{Deserialize, Serialize};

/// A climb that won less than this share was not worth its refusal, and the next hold is longer…
const WORTH: f64 = 0.03;
/// …by this factor, up to so many times the first hold.
const PATIENCE: (f64, f64) = (1.5, 2.5);
/// The hold after a deep fall, as a share of the first hold, at the least.
const SHORTEST: f64 = 0.1;
/// The weight of the newest call in the pressure, and the least pressure that is reckoned with.
const PRESSURE: (f64, f64) = (0.01, 0.03);
/// `d`: how far below what was refused a drifting limit is held, at the least and at the most.
const DRIFT: (f64, f64) = (0.02, 0.06);
/// Surprises closer than this are too many, and `d` doubles; further apart than twice that, and it shrinks.
const DRIFT_TURN: Micros = Micros::from_secs(4 * 3_600);
/// Hours after which a change of the limit is all but forgotten.
const MEMORY_HOURS: f64 = 12.0;

/// A hold, and what decides its length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Hold {
    /// How long the first one lasts, how long this one does, and since when.
    first: Micros,
    span: Micros,
    since: Time,
    /// `p`: the share of recent calls that found the limit full.
    pressure: f64,
    /// `d`, and when a limit was last found to have drifted.
    drift: f64,
    drifted: Option<Time>,
    /// Changes an hour, fading, and when they were last reckoned.
    turbulence: f64,
    stirred: Time,
}

impl Hold {
    pub(super) fn new(first: Micros) -> Self {
        Self {
            first,
            span: first,
            since: Time::ZERO,
            pressure: 1.0,
            drift: DRIFT.0,
            drifted: None,
            turbulence: 0.0,
            stirred: Time::ZERO,
        }
    }

    /// Where few calls find the limit full, a higher one is worth little, and is looked for more seldom.
    pub(super) fn probe_at(&self) -> Time {
        self.since + times(self.span, self.pressure.max(PRESSURE.1).sqrt().recip())
    }

    /// Notes whether a call found the limit full.
    pub(super) fn note(&mut self, presses: bool) {
        self.pressure += PRESSURE.0 * (f64::from(u8::from(presses)) - self.pressure);
    }

    /// `(1 - d)` of what was revealed: where a limit that drifts down is held.
    pub(super) fn below(&self, revealed: u64) -> u64 {
        (revealed as f64 * (1.0 - self.drift)).round() as u64
    }

    /// A climb from `from` has ended at `to`.
    pub(super) fn after_climb(&mut self, from: u64, to: u64, now: Time) {
        if to as f64 >= from as f64 * (1.0 + WORTH) {
            self.span = self.first;
            self.since = now;
            self.stir(now);
        } else {
            self.rest_longer(now);
        }
    }

    /// A fall from `height` has ended at `to`; whether that was but a drift.
    pub(super) fn after_fall(&mut self, height: u64, to: u64, now: Time) -> bool {
        let kept = to as f64 / height.max(1) as f64;
        let is_drift = kept > 1.0 - WORTH - DRIFT.1;
        if is_drift {
            // It does not come back soon.
            self.learn_drift(now);
            self.rest_longer(now);
        } else {
            // The deeper a fall, the more a return is worth, and the sooner it is looked for.
            self.span = times(self.first, kept.powi(3).clamp(SHORTEST, 1.0));
            self.since = now;
        }
        is_drift
    }

    /// A hold that is longer than the last.
    pub(super) fn rest_longer(&mut self, now: Time) {
        let (factor, most) = PATIENCE;
        self.span = times(self.span, factor).min(times(self.first, most));
        self.since = now;
    }

    /// The limit has changed by as much as matters.
    pub(super) fn stir(&mut self, now: Time) {
        self.turbulence = self.turbulence(now) + 1.0 / MEMORY_HOURS;
        self.stirred = now;
    }

    /// Changes an hour.
    pub(super) fn turbulence(&self, now: Time) -> f64 {
        let hours = now.since(self.stirred).as_secs_f64() / 3_600.0;
        self.turbulence * (-hours / MEMORY_HOURS).exp()
    }

    fn learn_drift(&mut self, now: Time) {
        let since = self.drifted.map(|last| now.since(last));
        if since.is_some_and(|since| since < DRIFT_TURN) {
            self.drift = (self.drift * 2.0).min(DRIFT.1);
        } else if since.is_some_and(|since| since > times(DRIFT_TURN, 2.0)) {
            self.drift = (self.drift / 1.5).max(DRIFT.0);
        }
        self.drifted = Some(now);
    }
}

fn times(span: Micros, factor: f64) -> Micros {
    Micros::from_secs_f64(span.as_secs_f64() * factor)
}
