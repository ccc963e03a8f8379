//! What one process has granted within the window, known to the store or not: what it tells a store that has lost its
//! memory, and what it goes on from when there is no store.

use std::collections::{BTreeSet, HashMap};

use crate::time::{Micros, Time};

/// The grants of one process in one pool, on the process's clock.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: HashMap<u64, Entry>,
    /// The same by age; two grants of one microsecond are told apart by their numbers.
    by_age: BTreeSet<(Time, u64)>,
    open: usize,
}

/// One grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Time,
    /// Reserved, and then used.
    pub(super) tokens: u64,
    /// Still in flight.
    pub(super) open: bool,
    pub(super) lease: Lease,
}

/// What the store knows of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lease {
    /// Nothing so far: it was granted without the store.
    Untold,
    Held,
    /// It has given the slot away; whoever holds the permit is to hear of that, even if the slot was taken again.
    Lost,
}

impl Journal {
    pub(super) fn grant(&mut self, number: u64, tokens: u64, at: Time, lease: Lease) {
        let entry = Entry { at, tokens, open: true, lease };
        if self.entries.insert(number, entry).is_none() {
            self.by_age.insert((at, number));
            self.open += 1;
        }
    }

    /// The call has ended; `used`: what its tokens are settled to. False: it was given up before.
    pub(super) fn close(&mut self, number: u64, used: Option<u64>) -> bool {
        let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.open) else { return false };
        entry.open = false;
        entry.tokens = used.unwrap_or(entry.tokens);
        self.open -= 1;
        true
    }

    /// Forgets what ended and has left the window; `span` is how long a grant counts.
    ///
    /// A few entries a call: as many leave as come, and no call pays for all of an idle time's.
    pub(super) fn prune(&mut self, now: Time, span: Micros) {
        const MOST: usize = 4;
        for _ in 0..MOST {
            let Some(&(at, number)) = self.by_age.first() else { return };
            if at + span > now {
                return;
            }
            self.by_age.pop_first();
            if self.entries.get(&number).is_some_and(|entry| entry.open) {
                // Still in flight: to be looked at again when it would next matter.
                self.by_age.insert((now, number));
            } else {
                self.entries.remove(&number);
            }
        }
    }

    /// The calls of the window, forgotten by an operator's wish; those in flight stay so.
    pub(super) fn forget(&mut self) {
        self.entries.retain(|_, entry| entry.open);
        self.by_age.retain(|(_, number)| self.entries.contains_key(number));
        for entry in self.entries.values_mut() {
            entry.at = Time::ZERO;
        }
    }

    /// The store has given away the slots of all calls in flight that it knew; how many that were.
    pub(super) fn lose(&mut self) -> usize {
        let held = self.entries.values_mut().filter(|entry| entry.open && entry.lease == Lease::Held);
        held.map(|entry| entry.lease = Lease::Lost).count()
    }

    pub(super) fn is_lost(&self, number: u64) -> bool {
        self.entries.get(&number).is_some_and(|entry| entry.lease == Lease::Lost)
    }

    /// The store has been told of these.
    pub(super) fn told(&mut self, calls: &[(u64, Entry)]) {
        for (number, _) in calls {
            if let Some(entry) = self.entries.get_mut(number).filter(|entry| entry.lease == Lease::Untold) {
                entry.lease = Lease::Held;
            }
        }
    }

    /// What counts at `now` and the store has not been told of.
    pub(super) fn untold(&self, now: Time, span: Micros) -> Vec<(u64, Entry)> {
        let untold = self.entries.iter().filter(|(_, entry)| entry.lease == Lease::Untold);
        (untold.filter(|(_, entry)| entry.open || entry.at + span > now))
            .map(|(number, entry)| (*number, *entry))
            .collect()
    }

    /// Gives up all that is in flight.
    pub(super) fn quit(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| entry.open) {
            (entry.open, entry.lease) = (false, Lease::Lost);
        }
        self.open = 0;
    }

    /// How many calls are in flight.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The numbers of the calls in flight.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|(_, entry)| entry.open).map(|(number, _)| *number)
    }

    /// Does anything count at `now`?
    pub(super) fn counts(&self, now: Time, span: Micros) -> bool {
        self.open > 0 || self.by_age.last().is_some_and(|(at, _)| *at + span > now)
    }

    /// What counts at `now`, the calls in flight first.
    pub(super) fn counting(&self, now: Time, span: Micros) -> Vec<(u64, Entry)> {
        let mut counting: Vec<_> = (self.entries.iter())
            .filter(|(_, entry)| entry.open || entry.at + span > now)
            .map(|(number, entry)| (*number, *entry))
            .collect();
        counting.sort_by_key(|(number, entry)| (!entry.open, entry.at, *number));
        counting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Micros = Micros::from_secs(60);

    fn at(secs: u64) -> Time {
        Time::ZERO + Micros::from_secs(secs)
    }

    fn numbers(journal: &Journal, now: Time) -> Vec<u64> {
        journal.counting(now, SPAN).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn what_is_in_flight_counts_however_old_and_the_rest_for_the_window() {
        let mut journal = Journal::default();
        for number in 1..=3 {
            journal.grant(number, 10, at(number), Lease::Held);
        }
        journal.close(1, Some(7));
        journal.close(3, None);
        journal.close(3, Some(99));
        assert_eq!((numbers(&journal, at(5)), journal.open()), (vec![2, 1, 3], 1));
        assert_eq!(
            journal.counting(at(5), SPAN)[1].1,
            Entry { at: at(1), tokens: 7, open: false, lease: Lease::Held }
        );
        assert_eq!(numbers(&journal, at(62)), [2, 3]);
        journal.prune(at(200), SPAN);
        assert_eq!(numbers(&journal, at(200)), [2]);
        journal.close(2, None);
        for second in 300..303 {
            journal.prune(at(second), SPAN);
        }
        assert!(journal.is_empty());
    }

    #[test]
    fn a_lost_lease_stays_lost() {
        let mut journal = Journal::default();
        journal.grant(1, 5, at(1), Lease::Held);
        assert_eq!((journal.lose(), journal.lose()), (1, 0));
        journal.grant(2, 5, at(2), Lease::Untold);
        assert_eq!(journal.lose(), 0, "the store never had it");
        journal.told(&journal.counting(at(2), SPAN));
        assert_eq!((journal.is_lost(1), journal.is_lost(2), journal.lose()), (true, false, 1));
    }

    #[test]
    fn forgetting_keeps_what_is_in_flight() {
        let mut journal = Journal::default();
        journal.grant(1, 5, at(1), Lease::Held);
        journal.grant(2, 5, at(2), Lease::Held);
        journal.close(1, None);
        journal.forget();
        assert_eq!(numbers(&journal, at(3)), [2]);
    }
}
