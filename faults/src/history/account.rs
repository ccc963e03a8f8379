//! Calls, tokens, calls in flight and pacing, counted again from the first event to the last.

use super::{Call, Grant, History, Limits, Rule, Settled, Violation};

/// What happens at a moment, in the order in which it is taken where the moment is the same: what makes room first, since
/// nobody can tell any more which came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The store forgets.
    Loss,
    /// A grant leaves the window.
    Leaves(usize),
    /// A call is no longer in flight.
    Freed(usize),
    /// A reservation turns out to have been too high.
    SettledLess(usize),
    Granted(usize),
    /// A call that was freed at the moment of its grant.
    FreedAtOnce(usize),
    /// A reservation turns out to have been too low, or was settled at the moment of its grant.
    SettledLate(usize),
}

/// What counts at one moment.
#[derive(Debug, Default)]
struct Account {
    /// The tokens charged for each grant; `None`: it is not in the window.
    charged: Vec<Option<u64>>,
    in_flight: Vec<bool>,
    last_grant: Option<u64>,
    calls: u64,
    tokens: u64,
    held: u64,
}

/// Everything that these four, or the version of limits, forbid.
pub(super) fn recount(history: &History) -> Vec<Violation> {
    let mut granted: Vec<_> = history.granted().collect();
    // Within one moment, those under older limits came first.
    granted.sort_by_key(|(_, grant)| (grant.at_us, grant.version));
    let mut account = Account::over(granted.len());
    let mut found = Vec::new();
    for (at_us, event) in events(history, &granted) {
        match event {
            Event::Loss => account = Account::over(granted.len()),
            Event::Leaves(index) => account.charge(index, None),
            Event::Freed(index) | Event::FreedAtOnce(index) => account.hold(index, false),
            Event::SettledLess(index) | Event::SettledLate(index) => {
                let settled = granted[index].1.settled;
                // One that has left the window, or was forgotten, stays so.
                if let (Some(Settled { tokens, .. }), Some(_)) = (settled, account.charged[index]) {
                    account.charge(index, Some(tokens));
                }
            }
            Event::Granted(index) => {
                let (call, grant) = granted[index];
                let before = account.last_grant.replace(at_us);
                account.charge(index, Some(call.tokens));
                account.hold(index, true);
                match in_force(history, grant) {
                    Some(limits) => found.extend(judge(&account, limits, before, call, grant)),
                    None => found.push(Violation {
                        at_us,
                        rule: Rule::Version,
                        words: format!(
                            "client {} was granted under version {}, which was not in force",
                            call.client, grant.version
                        ),
                    }),
                }
            }
        }
    }
    found
}

/// What a grant breaks, once it is in the account.
fn judge<'a>(
    account: &Account,
    limits: &'a Limits,
    before: Option<u64>,
    call: &'a Call,
    grant: &'a Grant,
) -> impl Iterator<Item = Violation> + use<'a> {
    let counts = [
        (Rule::Calls, "calls in the window", account.calls, limits.calls),
        // Whoever asks for no tokens is not held up by others who used more than they said.
        (Rule::Tokens, "tokens in the window", account.tokens, limits.tokens.filter(|_| call.tokens > 0)),
        (Rule::Concurrency, "calls in flight", account.held, limits.concurrency),
    ];
    let over = counts.into_iter().filter_map(move |(rule, what, count, limit)| {
        let limit = limit.filter(|limit| count > *limit)?;
        let words =
            format!("{count} {what} with the grant of client {}, and the limit is {limit}", call.client);
        Some(Violation { at_us: grant.at_us, rule, words })
    });
    let gap = before.map(|before| grant.at_us - before).filter(|gap| *gap < limits.pacing_us);
    let hasty = gap.map(|gap| Violation {
        at_us: grant.at_us,
        rule: Rule::Pacing,
        words: format!(
            "client {} was granted {gap} us after the one before, and the pacing is {} us",
            call.client, limits.pacing_us
        ),
    });
    over.chain(hasty)
}

/// The limits under which a grant was given; `None`: they were not in force then.
fn in_force<'a>(history: &'a History, grant: &Grant) -> Option<&'a Limits> {
    let ends = history.limits.iter().skip(1).map(|next| next.from_us).chain([u64::MAX]);
    history.limits.iter().zip(ends).map(|(limits, end)| (limits.from_us..=end, limits)).find_map(
        |(span, limits)| (limits.version == grant.version && span.contains(&grant.at_us)).then_some(limits),
    )
}

fn events(history: &History, granted: &[(&Call, &Grant)]) -> Vec<(u64, Event)> {
    let mut events: Vec<_> = history.losses_us.iter().map(|at_us| (*at_us, Event::Loss)).collect();
    for (index, (call, grant)) in granted.iter().enumerate() {
        let at_us = grant.at_us;
        events.push((at_us, Event::Granted(index)));
        events.push((at_us.saturating_add(history.window_us), Event::Leaves(index)));
        if let Some(free_us) = grant.free_us() {
            let at_once = free_us <= at_us;
            let event = if at_once { Event::FreedAtOnce(index) } else { Event::Freed(index) };
            events.push((free_us.max(at_us), event));
        }
        if let Some(settled) = grant.settled {
            let makes_room = settled.tokens < call.tokens && settled.at_us > at_us;
            let event = if makes_room { Event::SettledLess(index) } else { Event::SettledLate(index) };
            events.push((settled.at_us.max(at_us), event));
        }
    }
    events.sort_unstable();
    events
}

impl Account {
    fn over(grants: usize) -> Self {
        Self { charged: vec![None; grants], in_flight: vec![false; grants], ..Self::default() }
    }

    fn charge(&mut self, index: usize, tokens: Option<u64>) {
        let before = std::mem::replace(&mut self.charged[index], tokens);
        self.calls = self.calls - u64::from(before.is_some()) + u64::from(tokens.is_some());
        self.tokens = self.tokens - before.unwrap_or(0) + tokens.unwrap_or(0);
    }

    fn hold(&mut self, index: usize, in_flight: bool) {
        let before = std::mem::replace(&mut self.in_flight[index], in_flight);
        self.held = self.held - u64::from(before) + u64::from(in_flight);
    }
}
