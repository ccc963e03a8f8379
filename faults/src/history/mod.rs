//! What happened, and whether it may have happened.

mod account;
mod queue;

use std::collections::BTreeMap;
use std::fmt;

/// What was asked of a limiter and what it answered, by as many clients as there were.
///
/// All times are in microseconds on the store's clock. Where a time can only be told within bounds, each field says which
/// bound it wants, so that nothing right is called wrong.
///
/// A store that loses what it held starts anew: what was granted before a loss counts no more, nor does the order of
/// those who waited. So [`History::violations`] vouches for each stretch between losses, and in a window with n losses in
/// it at most n + 1 times the limit was granted.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// For how long a grant counts, guard included: from its moment, which counts, until this much later, which does not.
    pub window_us: u64,
    /// By how much later a caller counts as having come for each level of its priority; `None`: levels are not compared.
    pub handicap_us: Option<u64>,
    /// The limits in force, in the order of time.
    pub limits: Vec<Limits>,
    /// When the store lost what it held.
    pub losses_us: Vec<u64>,
    /// Everything that was asked, in any order.
    pub calls: Vec<Call>,
}

/// Limits, in force until the next ones are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Since when. At that very moment both these and the ones before are in force.
    pub from_us: u64,
    /// What a grant calls them by.
    pub version: u64,
    /// Calls a window.
    pub calls: Option<u64>,
    /// Tokens a window.
    pub tokens: Option<u64>,
    /// Calls in flight.
    pub concurrency: Option<u64>,
    /// From one grant to the next.
    pub pacing_us: u64,
}

/// One thing that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who asked: names it in a violation.
    pub client: u64,
    /// Its level, 0 the most urgent.
    pub priority: u8,
    /// What it reserves.
    pub tokens: u64,
    /// When it asked: no later than it could take a place in the queue.
    pub asked_us: u64,
    /// When it was known to wait: no earlier than it had its place. `None`: it did not wait, or nobody can tell.
    pub queued_us: Option<u64>,
    /// How that ended.
    pub end: End,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was granted.
    Granted(Grant),
    /// Its time was up, it was cancelled, or it was told that it can never go.
    GaveUp {
        /// When: no later than it left the queue.
        at_us: u64,
    },
    /// Its process died.
    Died {
        /// When: no later than it was out of the queue.
        at_us: u64,
    },
    /// Nobody told it anything until the recording ended. That is a violation.
    Open,
}

/// What was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Its name, which no other has.
    pub id: String,
    /// When.
    pub at_us: u64,
    /// The version of the limits under which it was granted.
    pub version: u64,
    /// When the store was told that the call has ended: no later than it knew. With what it takes an abandoned call to
    /// stop counting. `None`: never.
    pub released_us: Option<u64>,
    /// When its lease ran out, or would have run out, as last renewed: no later than it did. `None`: there is no lease.
    pub lease_until_us: Option<u64>,
    /// What the reservation became.
    pub settled: Option<Settled>,
}

/// What a reservation became.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// When: no later than the store knew.
    pub at_us: u64,
    /// The tokens used, more or fewer than were reserved.
    pub tokens: u64,
}

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in microseconds.
    pub at_us: u64,
    /// Which rule was broken.
    pub rule: Rule,
    /// What happened and what was allowed, in words.
    pub words: String,
}

/// What a limiter promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// In no window more calls than the limit.
    Calls,
    /// In no window more tokens than the limit, as reserved, then as settled, when any are granted.
    Tokens,
    /// Never more calls in flight than the limit when one is granted; a lease counts until its release or end.
    Concurrency,
    /// From one grant to the next at least the pacing.
    Pacing,
    /// Every grant is under limits that were in force at its moment.
    Version,
    /// No grant is given twice.
    Twice,
    /// Who came first goes first.
    Order,
    /// Everybody gets an answer.
    Unanswered,
    /// Every grant is released, or its lease ends.
    Leaked,
}

impl History {
    /// All that must not have happened, in the order of time.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = account::recount(self);
        found.extend(queue::recount(self));
        found.extend(self.twice());
        found.extend(self.unanswered());
        found.extend(self.leaked());
        found.sort_by_key(|violation| (violation.at_us, violation.rule));
        found
    }

    /// Does nothing where nothing was violated.
    ///
    /// # Panics
    /// Where something was, with the first few of it.
    #[track_caller]
    pub fn assert_kept(&self) {
        let found = self.violations();
        let first: Vec<_> = found.iter().take(10).map(Violation::to_string).collect();
        assert!(found.is_empty(), "{} violations:\n{}", found.len(), first.join("\n"));
    }

    /// Everything granted, with its call.
    fn granted(&self) -> impl Iterator<Item = (&Call, &Grant)> {
        self.calls.iter().filter_map(|call| match &call.end {
            End::Granted(grant) => Some((call, grant)),
            End::GaveUp { .. } | End::Died { .. } | End::Open => None,
        })
    }

    fn twice(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut holders = BTreeMap::new();
        for (call, grant) in self.granted() {
            if let Some(holder) = holders.insert(&grant.id, call.client) {
                let words =
                    format!("client {} holds the grant {:?} of client {holder}", call.client, grant.id);
                found.push(Violation { at_us: grant.at_us, rule: Rule::Twice, words });
            }
        }
        found
    }

    fn unanswered(&self) -> impl Iterator<Item = Violation> {
        self.calls.iter().filter(|call| call.end == End::Open).map(|call| Violation {
            at_us: call.asked_us,
            rule: Rule::Unanswered,
            words: format!("client {} asked, and was told nothing until the end", call.client),
        })
    }

    fn leaked(&self) -> impl Iterator<Item = Violation> {
        let held = |grant: &Grant| grant.released_us.is_none() && grant.lease_until_us.is_none();
        self.granted().filter(move |(_, grant)| held(grant)).map(|(call, grant)| Violation {
            at_us: grant.at_us,
            rule: Rule::Leaked,
            words: format!("client {} keeps the grant {:?} for ever", call.client, grant.id),
        })
    }
}

impl Grant {
    /// When it stops to count as in flight; `None`: never.
    fn free_us(&self) -> Option<u64> {
        self.released_us.into_iter().chain(self.lease_until_us).min()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}.{:06} s: {}", self.at_us / 1_000_000, self.at_us % 1_000_000, self.words)
    }
}

#[cfg(test)]
mod tests;
