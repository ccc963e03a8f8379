//! Which stretch of a run shows what a controller does: no longer than what can be told apart.

use simulator::results::{Adjustments, Minute, Timeline};

/// Changes that a chart shows apart.
const MOST_CHANGES: usize = 80;
/// The lengths of a stretch, in minutes, that are tried in turn when the whole run holds too many changes.
const LENGTHS: [usize; 9] = [7 * 1_440, 3 * 1_440, 1_440, 720, 360, 180, 60, 30, 12];
/// A limit that moves by less than this share from one minute to the next drifts; by more, it steps.
const STEP: f64 = 0.08;

/// A stretch of a run, in minutes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub from: usize,
    /// The first minute after it.
    pub to: usize,
    pub why: Why,
}

/// Why it was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is all there is.
    Whole,
    /// A true limit steps there for the first time.
    FirstStep,
    /// No true limit steps, so it is where the controller begins.
    Start,
}

impl Excerpt {
    /// The longest stretch round the first step of a true limit that does not hold too many changes.
    pub(crate) fn of(timeline: &Timeline, adjustments: &Adjustments) -> Self {
        let end = timeline.minutes.len();
        let whole = Self { from: 0, to: end, why: Why::Whole };
        if whole.changes(adjustments) <= MOST_CHANGES {
            return whole;
        }
        let (anchor, why) = match first_step(&timeline.minutes) {
            Some(minute) => (minute, Why::FirstStep),
            None => (0, Why::Start),
        };
        let stretch = |length: &usize| {
            // A third before, two thirds after.
            let to = (anchor.saturating_sub(length / 3) + length).min(end);
            Self { from: to.saturating_sub(*length), to, why }
        };
        let mut stretches = LENGTHS.iter().filter(|length| **length < end).map(stretch);
        let shortest = stretches.clone().next_back().unwrap_or(whole);
        stretches.find(|excerpt| excerpt.changes(adjustments) <= MOST_CHANGES).unwrap_or(shortest)
    }

    /// Whether a moment, in seconds from the start, lies in it.
    pub(crate) fn holds(&self, time_s: f64) -> bool {
        // What was changed after the horizon belongs to the last minute.
        time_s >= self.from as f64 * 60.0 && (time_s < self.to as f64 * 60.0 || self.why == Why::Whole)
    }

    fn changes(&self, adjustments: &Adjustments) -> usize {
        adjustments.changes.iter().filter(|change| self.holds(change.time_s)).count()
    }
}

/// The first minute in which a true limit is another than before, by more than a drift.
fn first_step(minutes: &[Minute]) -> Option<usize> {
    let stepped = |before: Option<u64>, after: Option<u64>| match (before, after) {
        (Some(before), Some(after)) => before.abs_diff(after) as f64 > (STEP * before as f64).max(0.5),
        (before, after) => before.is_some() != after.is_some(),
    };
    let found = minutes.windows(2).position(|pair| {
        let (before, after) = (&pair[0], &pair[1]);
        stepped(before.true_limit_calls, after.true_limit_calls)
            || stepped(before.true_limit_concurrency, after.true_limit_concurrency)
            || stepped(before.true_limit_tokens, after.true_limit_tokens)
    });
    found.map(|before| before + 1)
}

#[cfg(test)]
mod tests {
    use adaptive::Reason;
    use limiter_core::Dimension;
    use simulator::results::Change;

    use super::*;

    fn timeline(minutes: usize, limit: impl Fn(usize) -> u64) -> Timeline {
        let minute = |minute: usize| Minute {
            minute: minute as u32,
            true_limit_calls: Some(limit(minute)),
            ..Minute::default()
        };
        Timeline {
            scenario: String::new(),
            controller: String::new(),
            replication: 0,
            minutes: (0..minutes).map(minute).collect(),
        }
    }

    fn adjustments(every_minutes: usize, count: usize) -> Adjustments {
        let change = |index: usize| Change {
            time_s: (index * every_minutes * 60) as f64,
            dimension: Dimension::Calls,
            from: Some(1),
            to: Some(2),
            reason: Reason::Unrefused,
            adjustments: 1,
        };
        Adjustments {
            scenario: String::new(),
            controller: String::new(),
            replication: 0,
            changes: (0..count).map(change).collect(),
        }
    }

    #[test]
    fn a_quiet_run_is_shown_whole() {
        let excerpt = Excerpt::of(&timeline(20_160, |_| 60), &adjustments(300, 60));
        assert_eq!(excerpt, Excerpt { from: 0, to: 20_160, why: Why::Whole });
    }

    #[test]
    fn a_busy_one_is_shown_round_its_first_step_and_not_its_drift() {
        let drifting =
            timeline(20_160, |minute| if minute < 5_000 { 60 + minute as u64 / 1_000 } else { 40 });
        let excerpt = Excerpt::of(&drifting, &adjustments(10, 2_016));
        assert_eq!(excerpt, Excerpt { from: 4_760, to: 5_480, why: Why::FirstStep });
        assert!(excerpt.holds(5_000.0 * 60.0) && !excerpt.holds(5_480.0 * 60.0));
    }

    #[test]
    fn one_that_never_steps_is_shown_from_its_start() {
        let excerpt = Excerpt::of(&timeline(1_440, |_| 60), &adjustments(1, 1_440));
        assert_eq!(excerpt, Excerpt { from: 0, to: 60, why: Why::Start });
    }

    #[test]
    fn the_end_of_a_run_ends_an_excerpt() {
        let excerpt = Excerpt::of(
            &timeline(1_440, |minute| if minute < 1_430 { 60 } else { 40 }),
            &adjustments(1, 1_440),
        );
        assert_eq!(excerpt, Excerpt { from: 1_380, to: 1_440, why: Why::FirstStep });
    }
}
