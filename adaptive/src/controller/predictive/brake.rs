//! Holding calls back for reasons that are none of the account's limits.

use std::num::NonZeroU64;

use limiter_core::{Micros, Time, Window};
use serde::{Deserialize, Serialize};

/// One 1305 proves no load: the platform is taken for overloaded after so many in a row.
const IN_A_ROW: u32 = 3;
/// Then calls are let through one by one, at first so far apart, and twice as far with each that is refused…
const FIRST_GAP: Micros = Micros::from_secs(1);
/// …up to this.
const MOST_GAP: Micros = Micros::from_secs(30);
/// How long nothing is probed after an overload: what is refused then says nothing.
const REST: Micros = Micros::from_secs(300);

/// The pacing: what the operator has set, or more while the platform is overloaded or has asked to wait.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Brake {
    least: Micros,
    /// Between two calls while the platform is overloaded; zero: it is not.
    gap: Micros,
    overloads: u32,
    changed: Time,
    rests_until: Time,
    /// While nothing is to be sent at all: the pacing that sees to it, and until when.
    pause: Option<(Micros, Time)>,
    /// For one window after either, calls are spaced evenly: those of a window that left together would leave
    /// together for ever, and be refused together.
    period: Micros,
    eases_until: Option<Time>,
}

impl Brake {
    /// At least `least` apart, in windows of `period`.
    pub(super) fn new(least: Micros, period: Micros) -> Self {
        Self {
            least,
            gap: Micros::ZERO,
            overloads: 0,
            changed: Time::ZERO,
            rests_until: Time::ZERO,
            pause: None,
            period,
            eases_until: None,
        }
    }

    /// The least span between two calls, of which `calls` are allowed in a window.
    pub(super) fn pacing(&self, calls: Option<NonZeroU64>) -> Micros {
        let pause = self.pause.map_or(Micros::ZERO, |(pause, _)| pause);
        let evenly = calls.filter(|_| self.eases_until.is_some()).map(|calls| self.period.get() / calls);
        self.least.max(self.gap).max(pause).max(Micros::new(evenly.unwrap_or(0)))
    }

    /// Whether a refusal would say nothing of a limit.
    pub(super) fn rests(&self, now: Time) -> bool {
        now < self.rests_until
    }

    /// A call granted at `granted_at` was refused for an overload of the platform; whether the pacing changed.
    pub(super) fn overloaded(&mut self, granted_at: Time, now: Time) -> bool {
        self.rests_until = now + REST;
        self.overloads = self.overloads.saturating_add(1);
        if self.overloads < IN_A_ROW || granted_at <= self.changed {
            return false;
        }
        let gap = (self.gap + self.gap).max(FIRST_GAP).min(MOST_GAP);
        self.set_gap(gap, now)
    }

    /// A call granted at `granted_at` was accepted; whether the pacing changed.
    pub(super) fn accepted(&mut self, granted_at: Time, now: Time) -> bool {
        self.overloads = 0;
        if self.gap == Micros::ZERO || granted_at <= self.changed {
            return false;
        }
        let gap = Micros::new(self.gap.get() / 2);
        if gap >= FIRST_GAP {
            return self.set_gap(gap, now);
        }
        self.eases_until = Some(now + self.period);
        self.set_gap(Micros::ZERO, now)
    }

    /// Nothing is to be sent until `until`, says the answer to a call granted at `granted_at`; whether the pacing
    /// changed.
    pub(super) fn pause(&mut self, granted_at: Time, until: Time, now: Time) -> bool {
        if until <= now || self.pause.is_some_and(|(_, paused)| until <= paused) {
            return false;
        }
        // The last call was granted then or later, and the next may follow it by as much.
        let pause = until.since(granted_at).min(Window::MAX_PERIOD);
        self.pause = Some((pause, until));
        true
    }

    /// When it wants to be woken.
    pub(super) fn ends(&self) -> Option<Time> {
        self.pause.map(|(_, until)| until).into_iter().chain(self.eases_until).min()
    }

    /// Ends what is over; whether the pacing changed.
    pub(super) fn wake(&mut self, now: Time) -> bool {
        let eased = self.eases_until.take_if(|until| *until <= now).is_some();
        let paused = self.pause.take_if(|(_, until)| *until <= now).is_some();
        if paused {
            self.eases_until = Some(now + self.period);
        }
        eased || paused
    }

    fn set_gap(&mut self, gap: Micros, now: Time) -> bool {
        let changes = gap != self.gap;
        self.gap = gap;
        self.changed = now;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::ZERO + Micros::from_secs(secs)
    }

    const MINUTE: Micros = Micros::from_secs(60);

    fn seconds(brake: &Brake) -> f64 {
        brake.pacing(NonZeroU64::new(60)).as_secs_f64()
    }

    #[test]
    fn an_overload_lets_single_calls_through_and_is_left_step_by_step() {
        let mut brake = Brake::new(Micros::ZERO, MINUTE);
        assert!(!brake.overloaded(at(1), at(2)) && !brake.overloaded(at(1), at(2)), "two prove nothing");
        let mut gaps = Vec::new();
        for second in [10, 20, 30, 40, 50, 60, 70] {
            brake.overloaded(at(second), at(second + 1));
            gaps.push(seconds(&brake));
        }
        assert_eq!(gaps, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert!(!brake.accepted(at(71), at(80)), "granted before the last change");
        let mut gaps = Vec::new();
        for second in [100, 200, 300, 400, 500] {
            brake.accepted(at(second), at(second + 1));
            gaps.push(seconds(&brake));
        }
        assert_eq!(gaps, [15.0, 7.5, 3.75, 1.875, 1.0], "evenly at last");
        assert_eq!(brake.ends(), Some(at(561)));
        assert!(!brake.wake(at(560)) && brake.wake(at(561)));
        assert_eq!(seconds(&brake), 0.0);
        assert!(brake.rests(at(370)) && !brake.rests(at(371)));
    }

    #[test]
    fn a_pause_lasts_until_its_end_and_a_shorter_one_does_not_shorten_it() {
        let mut brake = Brake::new(Micros::from_secs(2), MINUTE);
        assert!(brake.pause(at(90), at(160), at(100)));
        assert_eq!(seconds(&brake), 70.0);
        assert!(!brake.pause(at(95), at(150), at(101)));
        assert!(!brake.wake(at(159)) && brake.wake(at(160)));
        assert_eq!(seconds(&brake), 2.0);
    }
}
