//! What climbs have read, and how far it is believed.

use limiter_core::{Micros, Time};
use serde::{Deserialize, Serialize};

/// A refusal so soon after a reading says that it was too high…
const MISLED_WITHIN: Micros = Micros::from_secs(180);
/// …and a fall that turns out to be none so soon after it, that it was nearly so.
const NOISY_WITHIN: Micros = Micros::from_secs(1_800);
/// How much lower the next readings are believed, as a share: at first, and at most by what was nearly too high.
const STEP: f64 = 0.03;
const MOST_NOISE: f64 = 0.1;
/// A climb that seems to have read higher than this has met something else.
const MOST_MARGIN: f64 = 0.5;
/// What is left of `m` with each reading that lasted.
const KEPT: f64 = 0.9;

/// `m`: the share by which climbs read too high. Some providers let more pass for a while than for long, as a bucket
/// does; and where refusals are partly chance, or a call's tokens are not known before, the one that ends a
/// climb comes late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Readings {
    margin: f64,
    /// What is added to it next: twice as much with every refusal in a row.
    step: f64,
    last: Option<Reading>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    at: Time,
    /// The level from which it was climbed.
    from: u64,
    /// `m` as it was then.
    margin: f64,
}

impl Default for Readings {
    fn default() -> Self {
        Self { margin: 0.0, step: STEP, last: None }
    }
}

impl Readings {
    /// A climb from `from` has read `revealed`; what is believed of it.
    pub(super) fn read(&mut self, from: u64, revealed: u64, now: Time) -> u64 {
        self.last = Some(Reading { at: now, from, margin: self.margin });
        self.believed(revealed)
    }

    /// `(1 - m)` of it.
    pub(super) fn believed(&self, revealed: u64) -> u64 {
        (revealed as f64 * (1.0 - self.margin)).round() as u64
    }

    /// Whether the last reading was at `at`.
    pub(super) fn was_at(&self, at: Time) -> bool {
        self.last.is_some_and(|last| last.at == at)
    }

    /// Whether a refusal that reveals `revealed` says that the last reading was too high.
    pub(super) fn misled(&self, revealed: u64, now: Time) -> bool {
        self.last.is_some_and(|last| now.since(last.at) < MISLED_WITHIN && last.from < revealed)
    }

    /// Whether the last reading was climbed to from below `level`: down to there it may be the reading's fault that
    /// it is refused.
    pub(super) fn came_from_below(&self, level: u64) -> bool {
        self.last.is_some_and(|last| last.from < level)
    }

    /// The last reading was too high: by how much the level is cut.
    pub(super) fn misread(&mut self) -> f64 {
        let step = self.step;
        self.margin = (self.margin + step).min(MOST_MARGIN);
        self.step = (2.0 * step).min(MOST_MARGIN);
        step
    }

    /// What had lasted before the climb is refused, too: it was not the reading that was wrong.
    pub(super) fn acquit(&mut self) {
        if let Some(last) = self.last {
            self.margin = last.margin;
        }
    }

    /// The hold after the last reading has lasted.
    pub(super) fn lasted(&mut self) {
        if self.last.take().is_some() {
            self.margin *= KEPT;
            self.step = STEP;
        }
    }

    /// The limit has changed: the last reading says nothing any more.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// A call was refused at a level that proved good again.
    pub(super) fn drifted(&mut self, now: Time) {
        if self.last.is_some_and(|last| now.since(last.at) < NOISY_WITHIN) {
            self.margin = self.margin.max((self.margin + STEP).min(MOST_NOISE));
        }
    }
}
