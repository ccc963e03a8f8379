//! The one type that both drivers turn, the simulator in virtual time and a live service in real time.

use limiter_core::{Limits, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::{Adjustment, Reason};
use crate::controller::{AnyController, Controller};
use crate::outcome::Feedback;
use crate::settings::Bounds;

/// A controller with what every controller needs around it: old news is dropped where the controller has no
/// use for it, floor and ceiling are kept, and a service that only wants to watch changes nothing.
///
/// The driver applies every [`Adjustment`] to the store at once, calls [`ControlLoop::observe`] when a call's
/// outcome is known and [`ControlLoop::wake`] at [`ControlLoop::next_wake`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlLoop {
    controller: AnyController,
    limits: Limits,
    bounds: Bounds,
    learn: bool,
    /// When the limits were last cut.
    last_cut: Option<Time>,
}

impl ControlLoop {
    /// A loop that starts from what the operator has set, as far as the controller knows of it, brought
    /// within the bounds. One that only watches keeps to all that is set.
    pub fn new(controller: AnyController, set: Limits, bounds: Bounds, learn: bool) -> Self {
        let start = if learn { controller.start(set) } else { set };
        Self { controller, limits: bounds.apply(start), bounds, learn, last_cut: None }
    }

    /// The limits that are to be in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes in what became of a call; what was granted before the last cut is old news, and most controllers
    /// are not told of it.
    pub fn observe(&mut self, feedback: &Feedback, now: Time) -> Option<Adjustment> {
        let is_old = self.last_cut.is_some_and(|cut| feedback.granted_at <= cut);
        if is_old && !self.controller.hears_old_news() {
            return None;
        }
        let proposed = self.controller.observe(feedback, &self.limits, now);
        self.adjust(proposed, now)
    }

    /// Does what is due by `now`.
    pub fn wake(&mut self, now: Time) -> Option<Adjustment> {
        let proposed = self.controller.wake(&self.limits, now);
        self.adjust(proposed, now)
    }

    /// When the loop wants to be woken; `None`: it has no such wish.
    pub fn next_wake(&self) -> Option<Time> {
        self.controller.next_wake()
    }

    fn adjust(&mut self, proposed: Option<(Limits, Reason)>, now: Time) -> Option<Adjustment> {
        let (limits, reason) = proposed?;
        if reason.is_cut() {
            self.last_cut = Some(now);
        }
        let to = Limits { version: self.limits.version + 1, ..self.bounds.apply(limits) };
        if !self.learn || to.same_values(&self.limits) {
            return None;
        }
        let from = std::mem::replace(&mut self.limits, to);
        Some(Adjustment { at: now, from, to, reason })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use limiter_core::{Dimension, Micros, Seen};

    use super::*;
    use crate::controller::{Aimd, AimdSettings, Inspect};
    use crate::outcome::{Outcome, Signal};

    fn control_loop(learn: bool) -> ControlLoop {
        let start = Limits { calls: NonZeroU64::new(60), ..Limits::default() };
        let controller = AnyController::Aimd(Aimd::new(AimdSettings::default(), &start));
        ControlLoop::new(controller, start, Bounds::default(), learn)
    }

    fn refused(granted_at: Time, calls: u64) -> Feedback {
        let seen = Seen { calls, ..Seen::default() };
        Feedback { granted_at, seen, seen_at_end: seen, outcome: Outcome::Refused(Signal::Rate), hint: None }
    }

    fn at(secs: u64) -> Time {
        Time::ZERO + Micros::from_secs(secs)
    }

    #[test]
    fn an_episode_is_cut_once() {
        let mut control = control_loop(true);
        let cut = control.observe(&refused(at(9), 51), at(10)).unwrap();
        assert_eq!(cut.reason, Reason::Refused(Dimension::Calls));
        assert_eq!(cut.to.calls, NonZeroU64::new(40));
        assert_eq!(control.observe(&refused(at(10), 52), at(11)), None);
        assert!(control.observe(&refused(at(11), 41), at(12)).is_some());
    }

    #[test]
    fn one_that_has_a_use_for_old_news_hears_it() {
        let controller = AnyController::Inspect(Inspect::new(Inspect::RANGE));
        let mut control = ControlLoop::new(controller, Limits::default(), Bounds::default(), true);
        assert!(control.observe(&refused(at(9), 51), at(10)).is_some());
        // Granted before the last cut, and 15 s after it: a cut again.
        assert!(control.observe(&refused(at(10), 52), at(25)).is_some());
    }

    #[test]
    fn one_that_only_watches_changes_nothing() {
        let mut control = control_loop(false);
        assert_eq!(control.observe(&refused(at(9), 51), at(10)), None);
        assert_eq!(control.limits().calls, NonZeroU64::new(60));
    }
}
