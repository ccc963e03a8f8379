//! Additive increase, multiplicative decrease.

use std::num::NonZeroU64;

use limiter_core::{Dimension, Limits, MAX_LIMIT, Micros, Seen, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::Controller;
use crate::outcome::{Feedback, Outcome, Signal};

/// How often growth is considered.
const TURN: Micros = Micros::from_secs(60);
/// Turns in an hour.
const TURNS_AN_HOUR: f64 = 60.0;
/// Demand presses against a limit when a grant fills this share of it.
const PRESSED: f64 = 0.9;
/// How long growth rests after the platform was overloaded: what is accepted then proves little.
const OVERLOAD_REST: Micros = Micros::from_secs(300);

/// The constants of [`Aimd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AimdSettings {
    /// `beta`: what a cut leaves of the level that was refused. In (0, 1).
    pub decrease: f64,
    /// `alpha`: growth an hour, as a share of the level that the last cut left. At least 0.
    pub increase_per_hour: f64,
    /// `gamma`: growth a minute before the first cut, as a share of the level. At least 0.
    pub slow_start_per_minute: f64,
}

impl Default for AimdSettings {
    fn default() -> Self {
        Self { decrease: 0.8, increase_per_hour: 0.12, slow_start_per_minute: 0.1 }
    }
}

/// Additive increase, multiplicative decrease, in each dimension by itself.
///
/// Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer
/// networks" (1989), with the slow start of Jacobson, "Congestion avoidance and control" (1988), and two
/// changes for a provider that refuses whole calls:
///
/// - a cut starts from the level at which the refusal came, not from the limit, which may be far above it:
///   `x <- beta * min(x, seen)`;
/// - increase is per time, not per answer, and only while demand presses: after a cut to `c`,
///   `x <- x + alpha * c` an hour; before the first cut, `x <- x * (1 + gamma)` a minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aimd {
    settings: AimdSettings,
    calls: Level,
    tokens: Level,
    concurrency: Level,
    next_turn: Time,
    resting_until: Time,
}

/// One dimension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Level {
    /// `x`; `None` as long as the dimension does not limit.
    x: Option<f64>,
    /// `c`: what the last cut left.
    cut_to: Option<f64>,
    /// The highest count that the provider accepted since.
    proven: u64,
    /// Whether demand pressed against it since the last turn.
    pressed: bool,
}

impl Aimd {
    /// Starts from `start`. A dimension without a limit gets one from its first refusal.
    pub fn new(settings: AimdSettings, start: &Limits) -> Self {
        Self {
            settings,
            calls: Level::new(start.calls),
            tokens: Level::new(start.tokens),
            concurrency: Level::new(start.concurrency),
            next_turn: Time::ZERO + TURN,
            resting_until: Time::ZERO,
        }
    }

    fn limits(&self, limits: &Limits) -> Limits {
        Limits {
            calls: self.calls.limit(),
            tokens: self.tokens.limit(),
            concurrency: self.concurrency.limit(),
            ..*limits
        }
    }

    fn accepted(&mut self, seen: &Seen) {
        self.calls.accepted(seen.calls);
        self.tokens.accepted(seen.tokens);
        self.concurrency.accepted(seen.in_flight);
    }

    fn refused(&mut self, signal: Signal, seen: &Seen, now: Time) -> Option<Reason> {
        let beta = self.settings.decrease;
        let blamed = match signal {
            Signal::Rate | Signal::Ramp => Dimension::Calls,
            Signal::Concurrency => Dimension::Concurrency,
            Signal::Tokens => Dimension::Tokens,
            Signal::RateOrConcurrency => self.blame(seen),
            Signal::Overload => {
                self.resting_until = now + OVERLOAD_REST;
                return None;
            }
        };
        match blamed {
            Dimension::Concurrency => self.concurrency.cut(beta, seen.in_flight),
            Dimension::Tokens => self.tokens.cut(beta, seen.tokens),
            _ => self.calls.cut(beta, seen.calls),
        }
        Some(Reason::Refused(blamed))
    }

    /// Which of the two a refusal that names neither is put down to: the one that went beyond all that was
    /// accepted before; where that is true of both or of neither, the one that filled more of its limit.
    fn blame(&self, seen: &Seen) -> Dimension {
        let calls = (seen.calls > self.calls.proven, self.calls.filled(seen.calls));
        let in_flight = (seen.in_flight > self.concurrency.proven, self.concurrency.filled(seen.in_flight));
        // On GLM the cap on calls in flight is the one that binds most often, so it is blamed on a tie.
        if calls > in_flight { Dimension::Calls } else { Dimension::Concurrency }
    }
}

impl Controller for Aimd {
    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        match feedback.outcome {
            Outcome::Success => {
                self.accepted(&feedback.seen);
                None
            }
            Outcome::Refused(signal) => {
                let reason = self.refused(signal, &feedback.most_seen(), now)?;
                Some((self.limits(limits), reason))
            }
            Outcome::Failed => None,
        }
    }

    fn wake(&mut self, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        if now < self.next_turn {
            return None;
        }
        self.next_turn = now + TURN;
        let resting = now < self.resting_until;
        for level in [&mut self.calls, &mut self.tokens, &mut self.concurrency] {
            let pressed = std::mem::take(&mut level.pressed);
            if pressed && !resting {
                level.grow(&self.settings);
            }
        }
        Some((self.limits(limits), Reason::Unrefused))
    }

    fn next_wake(&self) -> Option<Time> {
        Some(self.next_turn)
    }
}

impl Level {
    fn new(limit: Option<NonZeroU64>) -> Self {
        Self { x: limit.map(|limit| limit.get() as f64), cut_to: None, proven: 0, pressed: false }
    }

    /// `x` rounded down: a limit of 5.9 is 5, until it has grown to 6.
    fn limit(&self) -> Option<NonZeroU64> {
        // In range: `x` is kept within [1, MAX_LIMIT].
        self.x.and_then(|x| NonZeroU64::new(x as u64))
    }

    fn accepted(&mut self, seen: u64) {
        self.proven = self.proven.max(seen);
        self.pressed |= self.x.is_some_and(|x| seen as f64 >= PRESSED * x.floor());
    }

    /// The share of the limit that was in use; of one that does not limit, none.
    fn filled(&self, seen: u64) -> f64 {
        self.x.map_or(0.0, |x| seen as f64 / x.floor())
    }

    fn cut(&mut self, beta: f64, seen: u64) {
        let refused = self.x.map_or(seen as f64, |x| x.min(seen as f64));
        let x = (beta * refused).max(1.0);
        *self = Self { x: Some(x), cut_to: Some(x), proven: self.proven.min(x as u64), pressed: false };
    }

    fn grow(&mut self, settings: &AimdSettings) {
        let Some(x) = self.x else { return };
        let step = match self.cut_to {
            Some(cut_to) => settings.increase_per_hour * cut_to / TURNS_AN_HOUR,
            None => settings.slow_start_per_minute * x,
        };
        self.x = Some((x + step).min(MAX_LIMIT as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(calls: u64, concurrency: u64) -> Limits {
        Limits {
            calls: NonZeroU64::new(calls),
            concurrency: NonZeroU64::new(concurrency),
            ..Limits::default()
        }
    }

    fn feedback(calls: u64, in_flight: u64, outcome: Outcome) -> Feedback {
        let seen = Seen { calls, in_flight, ..Seen::default() };
        Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None }
    }

    fn at(minutes: u64) -> Time {
        Time::ZERO + Micros::from_secs(60 * minutes)
    }

    /// The law by hand: 60 and 8 to begin with, the sixth call in flight refused.
    #[test]
    fn the_law_by_hand() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        aimd.observe(&feedback(12, 5, Outcome::Success), &limits, at(0));
        let refusal = feedback(9, 6, Outcome::Refused(Signal::RateOrConcurrency));
        let (cut, reason) = aimd.observe(&refusal, &limits, at(1)).unwrap();
        // 0.8 * min(8, 6) = 4.8; the 9 calls are fewer than the 12 that were accepted.
        assert_eq!(reason, Reason::Refused(Dimension::Concurrency));
        assert_eq!((cut.calls, cut.concurrency), (NonZeroU64::new(60), NonZeroU64::new(4)));
        // 0.12 * 4.8 an hour: from 4.8 to 5 takes 20.8 minutes of pressure, so the 21st turn.
        let mut limits = cut;
        for minute in 2..=22 {
            assert_eq!(limits.concurrency, NonZeroU64::new(4), "minute {minute}");
            aimd.observe(&feedback(5, 4, Outcome::Success), &limits, at(minute));
            limits = aimd.wake(&limits, at(minute)).unwrap().0;
        }
        assert_eq!(limits.concurrency, NonZeroU64::new(5));
    }

    #[test]
    fn without_pressure_nothing_grows() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        for minute in 1..1_000 {
            aimd.observe(&feedback(53, 7, Outcome::Success), &limits, at(minute));
            let (grown, _) = aimd.wake(&limits, at(minute)).unwrap();
            assert!(grown.same_values(&limits));
        }
    }

    #[test]
    fn the_first_refusal_of_all_is_put_down_to_the_fuller_dimension() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        let refusal = feedback(7, 6, Outcome::Refused(Signal::RateOrConcurrency));
        let (cut, reason) = aimd.observe(&refusal, &limits, at(1)).unwrap();
        assert_eq!(reason, Reason::Refused(Dimension::Concurrency));
        assert_eq!((cut.calls, cut.concurrency), (NonZeroU64::new(60), NonZeroU64::new(4)));
    }

    #[test]
    fn a_refusal_below_all_that_was_proven_is_put_down_to_the_fuller_dimension() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        aimd.observe(&feedback(60, 8, Outcome::Success), &limits, at(0));
        let refusal = feedback(55, 5, Outcome::Refused(Signal::RateOrConcurrency));
        let (cut, reason) = aimd.observe(&refusal, &limits, at(1)).unwrap();
        assert_eq!(reason, Reason::Refused(Dimension::Calls));
        assert_eq!((cut.calls, cut.concurrency), (NonZeroU64::new(44), NonZeroU64::new(8)));
    }

    #[test]
    fn an_overload_cuts_nothing_and_rests() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        let overload = feedback(60, 8, Outcome::Refused(Signal::Overload));
        assert_eq!(aimd.observe(&overload, &limits, at(1)), None);
        aimd.observe(&feedback(60, 8, Outcome::Success), &limits, at(2));
        assert!(aimd.wake(&limits, at(2)).unwrap().0.same_values(&limits));
    }

    #[test]
    fn a_limit_of_one_is_never_cut_to_none() {
        let limits = start(1, 1);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        let refusal = feedback(1, 1, Outcome::Refused(Signal::RateOrConcurrency));
        let (cut, _) = aimd.observe(&refusal, &limits, at(1)).unwrap();
        assert_eq!((cut.calls, cut.concurrency), (NonZeroU64::new(1), NonZeroU64::new(1)));
    }

    #[test]
    fn tokens_get_a_limit_from_their_first_refusal() {
        let limits = start(60, 8);
        let mut aimd = Aimd::new(AimdSettings::default(), &limits);
        let seen = Seen { tokens: 50_000, ..Seen::default() };
        let outcome = Outcome::Refused(Signal::Tokens);
        let refusal = Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None };
        let (cut, _) = aimd.observe(&refusal, &limits, at(1)).unwrap();
        assert_eq!(cut.tokens, NonZeroU64::new(40_000));
    }
}
