//! Histories by hand, each with the one thing that is wrong with it; and random ones, recounted slowly.

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;

/// A call of no tokens, granted at once and released a second later.
fn granted(client: u64, at_us: u64) -> Call {
    let grant = Grant {
        id: format!("grant of {client}"),
        at_us,
        released_us: Some(at_us + SECOND),
        ..Grant::default()
    };
    Call { client, priority: 1, tokens: 0, asked_us: at_us, queued_us: None, end: End::Granted(grant) }
}

fn grant(call: &mut Call) -> &mut Grant {
    match &mut call.end {
        End::Granted(grant) => grant,
        other => panic!("was not granted: {other:?}"),
    }
}

fn with_tokens(call: Call, tokens: u64) -> Call {
    Call { tokens, ..call }
}

fn settled(mut call: Call, at_us: u64, tokens: u64) -> Call {
    grant(&mut call).settled = Some(Settled { at_us, tokens });
    call
}

fn waited(call: Call, asked_us: u64, queued_us: u64) -> Call {
    Call { asked_us, queued_us: Some(queued_us), ..call }
}

/// Under one set of limits, counted over 10 s.
fn history(limits: Limits, calls: impl IntoIterator<Item = Call>) -> History {
    let calls = calls.into_iter().collect();
    History { window_us: 10 * SECOND, limits: vec![limits], calls, ..History::default() }
}

fn broken(history: &History) -> Vec<(u64, Rule)> {
    history.violations().iter().map(|violation| (violation.at_us, violation.rule)).collect()
}

#[test]
fn a_window_is_open_at_its_old_end() {
    let two = Limits { calls: Some(2), ..Limits::default() };
    let at = |times: [u64; 3]| history(two, (0..).zip(times).map(|(client, at_us)| granted(client, at_us)));
    at([0, 9 * SECOND, 10 * SECOND]).assert_kept();
    assert_eq!(broken(&at([0, 9 * SECOND, 10 * SECOND - 1])), [(10 * SECOND - 1, Rule::Calls)]);
    assert_eq!(broken(&at([5, 5, 5])), [(5, Rule::Calls)]);
}

#[test]
fn the_words_say_what_and_when() {
    let one = Limits { calls: Some(1), ..Limits::default() };
    let said = history(one, [granted(7, SECOND), granted(8, 2 * SECOND + 5)]).violations();
    let expected = "at 2.000005 s: 2 calls in the window with the grant of client 8, and the limit is 1";
    assert_eq!(said[0].to_string(), expected);
}

#[test]
#[should_panic(expected = "1 violations:\nat 2.000000 s: 2 calls")]
fn a_test_fails_with_the_words() {
    let one = Limits { calls: Some(1), ..Limits::default() };
    history(one, [granted(7, SECOND), granted(8, 2 * SECOND)]).assert_kept();
}

#[test]
fn tokens_count_as_reserved_then_as_settled() {
    let limits = Limits { tokens: Some(100), ..Limits::default() };
    let first = with_tokens(granted(0, 0), 60);
    let second = |at_us| with_tokens(granted(1, at_us), 60);
    assert_eq!(broken(&history(limits, [first.clone(), second(SECOND)])), [(SECOND, Rule::Tokens)]);
    history(limits, [settled(first.clone(), SECOND, 40), second(SECOND)]).assert_kept();
    let early = history(limits, [settled(first.clone(), SECOND + 1, 40), second(SECOND)]);
    assert_eq!(broken(&early), [(SECOND, Rule::Tokens)]);
    history(limits, [first.clone(), second(10 * SECOND)]).assert_kept();

    // More than the limit was used: nobody's fault, but no tokens are granted on top of it.
    let beyond = settled(first.clone(), SECOND, 500);
    let after = |tokens| history(limits, [beyond.clone(), with_tokens(granted(1, 2 * SECOND), tokens)]);
    assert_eq!(broken(&after(1)), [(2 * SECOND, Rule::Tokens)]);
    after(0).assert_kept();
    // It is known too late for a call of the same moment.
    history(limits, [beyond.clone(), with_tokens(granted(1, SECOND), 40)]).assert_kept();
    // Settled after it has left the window, it counts for nothing.
    history(limits, [settled(first, 11 * SECOND, 500), second(12 * SECOND)]).assert_kept();
}

#[test]
fn a_call_is_in_flight_until_its_release_or_the_end_of_its_lease() {
    let limits = Limits { concurrency: Some(1), ..Limits::default() };
    let held = |released_us, lease_until_us| {
        let mut call = granted(0, 0);
        (grant(&mut call).released_us, grant(&mut call).lease_until_us) = (released_us, lease_until_us);
        call
    };
    let then = |first: Call| history(limits, [first, granted(1, 5 * SECOND)]);
    then(held(Some(5 * SECOND), None)).assert_kept();
    then(held(None, Some(5 * SECOND))).assert_kept();
    then(held(Some(9 * SECOND), Some(5 * SECOND))).assert_kept();
    then(held(Some(0), None)).assert_kept();
    let late = then(held(Some(5 * SECOND + 1), Some(6 * SECOND)));
    assert_eq!(broken(&late), [(5 * SECOND, Rule::Concurrency)]);
    // It counts however long ago it left the window.
    let long = history(limits, [held(Some(60 * SECOND), None), granted(1, 50 * SECOND)]);
    assert_eq!(broken(&long), [(50 * SECOND, Rule::Concurrency)]);
}

#[test]
fn a_grant_that_nothing_ends_is_leaked() {
    let mut call = granted(0, 3);
    grant(&mut call).released_us = None;
    assert_eq!(broken(&history(Limits::default(), [call])), [(3, Rule::Leaked)]);
}

#[test]
fn the_pacing_is_kept_from_grant_to_grant() {
    let limits = Limits { pacing_us: 100, ..Limits::default() };
    history(limits, [granted(0, 300), granted(1, 100), granted(2, 200)]).assert_kept();
    let hasty = history(limits, [granted(0, 100), granted(1, 199), granted(2, 300)]);
    assert_eq!(broken(&hasty), [(199, Rule::Pacing)]);
}

#[test]
fn a_grant_is_under_the_limits_of_its_moment() {
    let limits =
        |from_us, version, calls| Limits { from_us, version, calls: Some(calls), ..Limits::default() };
    let under = |client, at_us, version| {
        let mut call = granted(client, at_us);
        grant(&mut call).version = version;
        call
    };
    let change = |last: Call| {
        let calls = vec![under(0, 0, 1), under(1, 0, 1), last];
        let limits = vec![limits(0, 1, 3), limits(SECOND, 2, 2)];
        History { window_us: 10 * SECOND, limits, calls, ..History::default() }
    };
    change(under(2, SECOND, 1)).assert_kept();
    assert_eq!(broken(&change(under(2, SECOND, 2))), [(SECOND, Rule::Calls)]);
    assert_eq!(broken(&change(under(2, SECOND + 1, 1))), [(SECOND + 1, Rule::Version)]);
    assert_eq!(broken(&change(under(2, SECOND - 1, 2))), [(SECOND - 1, Rule::Version)]);
    assert_eq!(broken(&change(under(2, 20 * SECOND, 9))), [(20 * SECOND, Rule::Version)]);
    // What was granted before the cut is no violation, and counts.
    change(under(2, 10 * SECOND, 2)).assert_kept();
}

#[test]
fn a_grant_is_given_once() {
    let mut calls = [granted(0, 0), granted(1, SECOND)];
    grant(&mut calls[1]).id = grant(&mut calls[0]).id.clone();
    assert_eq!(broken(&history(Limits::default(), calls)), [(SECOND, Rule::Twice)]);
}

#[test]
fn everybody_is_answered() {
    let call = |end| Call { asked_us: 5, end, ..granted(0, 0) };
    let ended = [call(End::GaveUp { at_us: 9 }), call(End::Died { at_us: 9 })];
    history(Limits::default(), ended).assert_kept();
    assert_eq!(broken(&history(Limits::default(), [call(End::Open)])), [(5, Rule::Unanswered)]);
}

#[test]
fn nobody_is_overtaken_by_an_equal() {
    let first = waited(granted(0, 50), 10, 20);
    let order = |other: Call| broken(&history(Limits::default(), [first.clone(), other]));
    assert_eq!(order(waited(granted(1, 40), 21, 30)), [(40, Rule::Order)]);
    assert_eq!(order(waited(granted(1, 60), 21, 30)), []);
    // One that goes at once overtakes as well.
    assert_eq!(order(granted(1, 40)), [(40, Rule::Order)]);
    // Which came first cannot be told.
    assert_eq!(order(waited(granted(1, 40), 20, 30)), []);
    assert_eq!(order(waited(granted(1, 40), 15, 17)), []);
    // The first was not in the queue yet, or goes at the same moment.
    assert_eq!(order(granted(1, 19)), []);
    assert_eq!(order(waited(granted(1, 50), 21, 30)), []);
    // Another level is another line.
    assert_eq!(order(Call { priority: 0, ..granted(1, 40) }), []);
}

#[test]
fn one_who_gave_up_was_overtaken_only_before() {
    for end in [End::GaveUp { at_us: 50 }, End::Died { at_us: 50 }] {
        let first = Call { end, ..waited(granted(0, 0), 10, 20) };
        let order = |at_us| broken(&history(Limits::default(), [first.clone(), granted(1, at_us)]));
        assert_eq!(order(49), [(49, Rule::Order)]);
        assert_eq!(order(50), []);
    }
}

#[test]
fn a_level_is_a_handicap_where_they_are_compared() {
    let first = waited(Call { priority: 0, ..granted(0, 90) }, 40, 40);
    let order = |other: Call| {
        let history = history(Limits::default(), [first.clone(), other]);
        broken(&History { handicap_us: Some(30), ..history })
    };
    // Counts as having come at 39, 40 and 41, the first at 40.
    assert_eq!(order(Call { priority: 1, ..waited(granted(1, 80), 9, 9) }), []);
    assert_eq!(order(Call { priority: 1, ..waited(granted(1, 80), 10, 10) }), []);
    assert_eq!(order(Call { priority: 1, ..waited(granted(1, 80), 11, 11) }), [(80, Rule::Order)]);
}

#[test]
fn a_store_that_lost_all_starts_anew() {
    let limits = Limits { calls: Some(1), concurrency: Some(1), pacing_us: SECOND, ..Limits::default() };
    let first = waited(granted(3, 9 * SECOND), 6, 7);
    let around = history(limits, [granted(0, 5), granted(1, 15), first]);
    let calm = History { losses_us: vec![10, 20], ..around.clone() };
    calm.assert_kept();
    let once = History { losses_us: vec![10], ..around };
    assert_eq!(broken(&once), [(9 * SECOND, Rule::Calls)]);
}

/// Counts again at the moment of each grant, by going through all others.
fn slowly(history: &History) -> Vec<(u64, Rule)> {
    let limits = &history.limits[0];
    let mut found = Vec::new();
    for (this, grant) in history.granted() {
        let now = grant.at_us;
        // The last of one moment answers for all of it.
        let before = || history.granted().filter(|(_, other)| other.at_us <= now);
        let in_window = || before().filter(|(_, other)| other.at_us + history.window_us > now);
        let charged = |(call, other): (&Call, &Grant)| match other.settled {
            Some(settled) if settled.at_us < now => settled.tokens,
            _ => call.tokens,
        };
        let in_flight = before().filter(|(_, other)| other.free_us().is_none_or(|free_us| free_us > now));
        let over = |count: u64, limit: Option<u64>| limit.is_some_and(|limit| count > limit);
        let rules = [
            (Rule::Calls, over(in_window().count() as u64, limits.calls)),
            (Rule::Tokens, this.tokens > 0 && over(in_window().map(charged).sum(), limits.tokens)),
            (Rule::Concurrency, over(in_flight.count() as u64, limits.concurrency)),
        ];
        found.extend(rules.into_iter().filter(|(_, broken)| *broken).map(|(rule, _)| (now, rule)));
    }
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn it_counts_as_one_counts_by_hand(
        calls in prop::collection::btree_map(
            0..2_000_u64,
            (0..20_u64, 1..600_u64, prop::option::of((1..600_u64, 0..40_u64))),
            0..60,
        ),
        (window_us, limit, tokens, concurrency) in (1..500_u64, 1..8_u64, 1..80_u64, 1..6_u64),
    ) {
        // Grants at even moments and all else at odd ones, so that every order can be told.
        let calls = (0..).zip(calls).map(|(client, (at, (tokens, held, settles)))| {
            let mut call = Call { tokens, ..granted(client, 2 * at) };
            grant(&mut call).released_us = Some(2 * (at + held) + 1);
            match settles {
                Some((after, tokens)) => settled(call, 2 * (at + after) + 1, tokens),
                None => call,
            }
        });
        let limits = Limits {
            calls: Some(limit),
            tokens: Some(tokens),
            concurrency: Some(concurrency),
            ..Limits::default()
        };
        let history = History { window_us, ..history(limits, calls) };
        prop_assert_eq!(broken(&history), slowly(&history));
    }
}
