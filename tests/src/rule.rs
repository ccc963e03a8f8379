//! The provider's rule, written a second time from its description and not from the simulator's code, and slowly: every
//! row is judged by going through all rows before it.

use crate::row::Row;
use crate::world::{Provider, Window};

/// What the provider answers to an attempt, as far as its limits and not chance decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within every limit.
    Within,
    /// Too many calls in the window or in flight.
    Count,
    /// Too many tokens in the window.
    Tokens,
}

/// Checks the rows of one run, in their order, against the rule for a hard wall.
///
/// # Errors
/// The first row that the rule contradicts, and why.
pub fn check(provider: &Provider, rows: &[Row]) -> Result<(), String> {
    for (index, row) in rows.iter().enumerate() {
        let (before, at) = (&rows[..index], row.reached());
        let said = (row.limit_calls, row.limit_concurrency);
        let true_limits = (provider.calls_at(at), provider.concurrency_at(at));
        if said != true_limits {
            return Err(format!("row {index}: the limits are {true_limits:?}, not {said:?}\n{row:?}"));
        }
        let refuse = provider.overload_at(at);
        let possible: &[(&str, Option<u16>)] = match verdict(provider, before, row) {
            Verdict::Count => &[("refused", Some(1302))],
            Verdict::Tokens => &[("refused", Some(1303))],
            Verdict::Within if refuse == 0.0 => &[("success", None), ("timeout", None)],
            Verdict::Within if refuse == 1.0 => &[("overload", Some(1305))],
            Verdict::Within => &[("success", None), ("timeout", None), ("overload", Some(1305))],
        };
        if !possible.contains(&(row.outcome.as_str(), row.code)) {
            return Err(format!("row {index}: the rule says one of {possible:?}\n{row:?}"));
        }
    }
    Ok(())
}

/// Calls in flight at the provider once the last of `rows` has reached it.
pub fn in_flight(rows: &[Row]) -> u64 {
    let at = rows.last().map_or(0, Row::reached);
    rows.iter().filter(|row| row.is_accepted() && row.finished() > at).count() as u64
}

fn verdict(provider: &Provider, before: &[Row], row: &Row) -> Verdict {
    let at = row.reached();
    // Rows are in the order in which they reach the provider, so those that count come last.
    let in_window = || before.iter().rev().take_while(|earlier| counts(provider, earlier.reached(), at));
    let counted =
        in_window().filter(|earlier| earlier.is_accepted() || provider.counts_refused && earlier.is_hit());
    let in_flight = before.iter().filter(|earlier| earlier.is_accepted() && earlier.finished() > at);
    let tokens: u64 = in_window().filter(|earlier| earlier.is_accepted()).map(Row::tokens).sum();
    if provider.calls_at(at).is_some_and(|limit| counted.count() as u64 >= limit)
        || provider.concurrency_at(at).is_some_and(|limit| in_flight.count() as u64 >= limit)
    {
        Verdict::Count
    } else if provider.tokens_at(at).is_some_and(|limit| tokens + row.tokens() > limit) {
        Verdict::Tokens
    } else {
        Verdict::Within
    }
}

/// Whether what came at `earlier` still counts at `at`.
fn counts(provider: &Provider, earlier: u64, at: u64) -> bool {
    match provider.window {
        Window::Sliding => earlier + provider.window_us() > at,
        Window::Fixed => earlier / provider.window_us() == at / provider.window_us(),
        Window::TokenBucket => panic!("a bucket does not count; choose a world that does"),
    }
}
