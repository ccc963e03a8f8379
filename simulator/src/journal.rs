//! What a controller did and why, kept while a run goes on.

use adaptive::Adjustment;
use limiter_core::{Dimension, Limits};

use crate::results::Change;

/// Changes of one dimension within a minute that are kept apart.
const MOST_A_MINUTE: usize = 4;

/// The changes of one run, in the order in which they were made.
///
/// Some laws move their limits with every answer, so a journal must grow by its minutes and not by its calls. Changes
/// of one dimension for one reason that follow each other within a minute of the run are one entry; beyond
/// [`MOST_A_MINUTE`] entries, so are those that do not follow each other.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    changes: Vec<Change>,
    /// Where the entries of the current minute begin.
    minute_begins: usize,
}

impl Journal {
    /// Takes in an adjustment: a change for each dimension that it moves.
    pub fn note(&mut self, adjustment: &Adjustment) {
        let time_s = adjustment.at.as_secs_f64();
        for dimension in Dimension::ALL {
            let (from, to) = (value(&adjustment.from, dimension), value(&adjustment.to, dimension));
            if from != to {
                let reason = adjustment.reason;
                self.add(Change { time_s, dimension, from, to, reason, adjustments: 1 });
            }
        }
    }

    fn add(&mut self, change: Change) {
        if self.changes.last().is_some_and(|last| minute(last) != minute(&change)) {
            self.minute_begins = self.changes.len();
        }
        let this_minute = &mut self.changes[self.minute_begins..];
        let apart = this_minute.iter().filter(|entry| entry.dimension == change.dimension).count();
        let mut latest = this_minute.iter_mut().rev().filter(|entry| entry.dimension == change.dimension);
        let same = match apart {
            0..MOST_A_MINUTE => latest.next().filter(|entry| entry.reason == change.reason),
            _ => latest.find(|entry| entry.reason == change.reason),
        };
        match same {
            Some(entry) => {
                entry.to = change.to;
                entry.adjustments += 1;
            }
            None => self.changes.push(change),
        }
    }

    /// All that was noted.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

fn minute(change: &Change) -> u64 {
    (change.time_s / 60.0) as u64
}

/// A limit as a number: pacing in microseconds, where none is no limit.
fn value(limits: &Limits, dimension: Dimension) -> Option<u64> {
    match dimension {
        Dimension::Calls => limits.calls.map(|limit| limit.get()),
        Dimension::Tokens => limits.tokens.map(|limit| limit.get()),
        Dimension::Concurrency => limits.concurrency.map(|limit| limit.get()),
        Dimension::Pacing => Some(limits.pacing.get()).filter(|pacing| *pacing > 0),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use adaptive::Reason;
    use limiter_core::{Micros, Time};

    use super::*;

    fn limits(calls: u64, concurrency: u64) -> Limits {
        let (calls, concurrency) = (NonZeroU64::new(calls), NonZeroU64::new(concurrency));
        Limits { calls, concurrency, ..Limits::default() }
    }

    fn at(secs: u64, from: Limits, to: Limits, reason: Reason) -> Adjustment {
        Adjustment { at: Time::ZERO + Micros::from_secs(secs), from, to, reason }
    }

    #[test]
    fn each_dimension_that_moved_is_a_change() {
        let mut journal = Journal::default();
        journal.note(&at(1, limits(60, 5), limits(59, 4), Reason::Slow));
        let moved: Vec<_> =
            journal.into_changes().iter().map(|change| (change.dimension, change.from, change.to)).collect();
        assert_eq!(
            moved,
            [(Dimension::Calls, Some(60), Some(59)), (Dimension::Concurrency, Some(5), Some(4))]
        );
    }

    #[test]
    fn a_law_that_never_rests_takes_few_entries_a_minute() {
        let mut journal = Journal::default();
        for step in 0..6_000 {
            let reason = if step % 2 == 0 { Reason::Unrefused } else { Reason::Slow };
            journal.note(&at(step / 100, limits(60 + step, 5), limits(61 + step, 5), reason));
        }
        let changes = journal.into_changes();
        assert_eq!(changes.len(), MOST_A_MINUTE);
        assert_eq!(changes.iter().map(|change| change.adjustments).sum::<u32>(), 6_000);
        assert_eq!(changes.iter().filter_map(|change| change.to).max(), Some(6_060));
    }

    #[test]
    fn a_minutes_changes_for_one_reason_are_one() {
        let mut journal = Journal::default();
        let refused = Reason::Refused(Dimension::Calls);
        for (secs, from, to, reason) in [
            (1, 60, 50, refused),
            (2, 50, 40, refused),
            (3, 40, 41, Reason::Unrefused),
            (59, 41, 42, Reason::Unrefused),
            (60, 42, 43, Reason::Unrefused),
        ] {
            journal.note(&at(secs, limits(from, 5), limits(to, 5), reason));
        }
        let read: Vec<_> = (journal.into_changes().iter())
            .map(|change| (change.time_s, change.from, change.to, change.adjustments))
            .collect();
        assert_eq!(
            read,
            [(1.0, Some(60), Some(40), 2), (3.0, Some(40), Some(42), 2), (60.0, Some(42), Some(43), 1)]
        );
    }
}
