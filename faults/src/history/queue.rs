//! Who went before whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, End, History, Rule, Violation};

/// What happens at a moment, in the order in which it is taken where the moment is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The store forgets who waits.
    Loss,
    Leaves,
    Waits,
    Granted,
}

/// The waiters of one line, by the latest that they may count as having come, and their number.
type Line = BTreeSet<(u64, usize)>;

/// Everybody who was granted although somebody waited who had certainly come before.
pub(super) fn recount(history: &History) -> Vec<Violation> {
    let mut lines: BTreeMap<u8, Line> = BTreeMap::new();
    let mut found = Vec::new();
    for (at_us, event, index) in events(history) {
        let Some(call) = history.calls.get(index) else {
            lines.clear();
            continue;
        };
        let line = lines.entry(line(history, call)).or_default();
        match event {
            Event::Loss => {}
            Event::Leaves => {
                line.remove(&latest(history, index));
            }
            Event::Waits => {
                line.insert(latest(history, index));
            }
            Event::Granted => {
                let earliest = call.asked_us + handicap_us(history, call);
                if let Some((came_us, first)) = line.first().filter(|(came_us, _)| *came_us < earliest) {
                    let (client, first) = (call.client, history.calls[*first].client);
                    let words = format!(
                        "client {client} was granted before client {first}, who waited and was at least {} us ahead",
                        earliest - came_us
                    );
                    found.push(Violation { at_us, rule: Rule::Order, words });
                }
            }
        }
    }
    found
}

/// The line in which a call stands: one for all where levels are compared.
fn line(history: &History, call: &Call) -> u8 {
    if history.handicap_us.is_some() { 0 } else { call.priority }
}

fn latest(history: &History, index: usize) -> (u64, usize) {
    let call = &history.calls[index];
    (call.queued_us.unwrap_or(call.asked_us) + handicap_us(history, call), index)
}

fn handicap_us(history: &History, call: &Call) -> u64 {
    history.handicap_us.unwrap_or(0) * u64::from(call.priority)
}

/// Moment, event, and whose it is; a loss is nobody's.
fn events(history: &History) -> Vec<(u64, Event, usize)> {
    let mut events: Vec<_> =
        history.losses_us.iter().map(|at_us| (*at_us, Event::Loss, usize::MAX)).collect();
    for (index, call) in history.calls.iter().enumerate() {
        let end_us = match &call.end {
            End::Granted(grant) => {
                events.push((grant.at_us, Event::Granted, index));
                grant.at_us
            }
            End::GaveUp { at_us } | End::Died { at_us } => *at_us,
            End::Open => u64::MAX,
        };
        // One whose place was only known when it was over was ahead of nobody for certain.
        if let Some(queued_us) = call.queued_us.filter(|queued_us| *queued_us < end_us) {
            events.push((queued_us, Event::Waits, index));
            events.push((end_us, Event::Leaves, index));
        }
    }
    events.sort_unstable();
    events
}
