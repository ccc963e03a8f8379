//! What a provider says of its limits besides accepting and refusing: in headers, or in the text of a refusal.

use limiter_core::{Micros, Time};
use serde::{Deserialize, Serialize};

/// What an answer said of the limits, if anything. Nothing of it is needed, and all of it may be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hint {
    /// Calls in one window of the limiter (`x-ratelimit-limit-requests`, …).
    pub calls: Stated,
    /// Tokens in one window of the limiter (`anthropic-ratelimit-tokens-limit`, …).
    pub tokens: Stated,
    /// How long to wait before the next call (`retry-after`).
    pub retry_after: Option<Micros>,
    /// A cap of hours, days or a month is used up until then (1308 of GLM).
    pub quota_until: Option<Time>,
}

/// What was said of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stated {
    /// The limit itself.
    pub limit: Option<u64>,
    /// What is left of it, this call taken into account.
    pub remaining: Option<u64>,
    /// When all of it is there again.
    pub reset: Option<Time>,
}

impl Stated {
    /// What may be under way at most, where `counted` already are.
    pub fn bound(&self, counted: u64) -> Option<u64> {
        let left = self.remaining.map(|remaining| counted.saturating_add(remaining));
        self.limit.into_iter().chain(left).min().map(|bound| bound.max(1))
    }
}

impl Hint {
    /// Until when nothing is to be sent, of an answer that came at `now`.
    pub fn wait_until(&self, now: Time) -> Option<Time> {
        let used_up = |stated: &Stated| stated.reset.filter(|_| stated.remaining == Some(0));
        let waits = [
            self.retry_after.map(|wait| now + wait),
            self.quota_until,
            used_up(&self.calls),
            used_up(&self.tokens),
        ];
        waits.into_iter().flatten().max().filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_limit_and_what_is_left_bounds() {
        let stated = |limit, remaining| Stated { limit, remaining, reset: None };
        assert_eq!(stated(None, None).bound(7), None);
        assert_eq!(stated(Some(60), None).bound(7), Some(60));
        assert_eq!(stated(Some(60), Some(20)).bound(7), Some(27), "others use the account, too");
        assert_eq!(stated(Some(60), Some(59)).bound(7), Some(60));
        assert_eq!(stated(None, Some(0)).bound(0), Some(1), "a limit of 0 would never be left");
    }

    #[test]
    fn the_longest_wait_counts() {
        let at = |secs| Time::ZERO + Micros::from_secs(secs);
        let calls = Stated { remaining: Some(0), reset: Some(at(130)), limit: None };
        let hint = Hint { calls, retry_after: Some(Micros::from_secs(20)), ..Hint::default() };
        assert_eq!(hint.wait_until(at(100)), Some(at(130)));
        assert_eq!(hint.wait_until(at(120)), Some(at(140)));
        let left = Hint { calls: Stated { remaining: Some(1), ..calls }, ..Hint::default() };
        assert_eq!(left.wait_until(at(100)), None);
    }
}
