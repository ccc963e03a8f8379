//! The law of one dimension, worked out by hand.

use super::*;

const HOUR: Micros = Micros::from_secs(3_600);

fn at(secs: u64) -> Time {
    Time::ZERO + Micros::from_secs(secs)
}

fn seek(level: u64) -> Seek {
    Seek::new(NonZeroU64::new(level), 1.0, HOUR)
}

fn level(seek: &Seek) -> u64 {
    seek.limit().unwrap().get()
}

/// A call that found the limit full was accepted, with nothing left of the budget.
fn fill(seek: &mut Seek, second: u64) -> Option<Move> {
    seek.accepted(level(seek), at(second), Time::ZERO, false, at(second))
}

/// A search that holds at 60, read at second 1.
fn holding() -> Seek {
    let mut seek = seek(61);
    assert_eq!(seek.refused(61, 0, false, at(1)), Move::Revealed);
    assert_eq!(level(&seek), 60);
    seek
}

#[test]
fn a_climb_ends_at_what_its_refusal_reveals() {
    let mut seek = seek(4);
    for (second, raised) in [(1, 5), (2, 6)] {
        assert_eq!(fill(&mut seek, second), Some(Move::Climbed));
        assert_eq!(level(&seek), raised);
    }
    assert_eq!(seek.refused(6, 0, false, at(4)), Move::Revealed);
    assert_eq!(level(&seek), 5);
}

#[test]
fn a_burst_is_read_by_counting_those_that_were_refused() {
    // Sixty at once, twenty of them refused: forty were accepted, whoever is told of first.
    let mut seek = seek(60);
    seek.refused(60, 0, false, at(1));
    for _ in 1..20 {
        assert!(seek.is_old(at(0)) && seek.reread());
    }
    assert_eq!(level(&seek), 40);
}

#[test]
fn a_surprise_that_climbs_back_was_a_drift() {
    let mut seek = holding();
    // 59 were accepted: 0.7 of them, and back to 0.98 of them.
    assert_eq!(seek.refused(60, 0, false, at(7_200)), Move::Fell);
    assert_eq!((level(&seek), seek.settled()), (41, Some(58)));
    let mut second = 7_201;
    while fill(&mut seek, second).is_some() {
        second += 1;
    }
    assert_eq!((level(&seek), second), (58, 7_201 + 17));
}

#[test]
fn a_surprise_that_is_refused_on_its_way_back_was_a_step() {
    let mut seek = holding();
    seek.refused(60, 0, false, at(7_200));
    for second in 7_201..7_210 {
        fill(&mut seek, second);
    }
    assert_eq!(seek.refused(50, 0, false, at(7_300)), Move::Revealed);
    assert_eq!(level(&seek), 49);
    // A return of what was lost is looked for sooner: (49 / 60)^3 of an hour.
    let sooner = at(7_300 + 1_961);
    assert_eq!(seek.accepted(49, sooner, Time::ZERO, true, sooner), Some(Move::Probed));
}

#[test]
fn a_probe_waits_for_its_time_for_the_budget_and_for_pressure() {
    let mut seek = holding();
    let mut probe =
        |seen, may_probe, second| seek.accepted(seen, at(second), Time::ZERO, may_probe, at(second));
    assert_eq!(probe(60, true, 3_000), None, "too early");
    assert_eq!(probe(60, false, 9_000), None, "no budget");
    assert_eq!(probe(59, true, 9_001), None, "no pressure");
    assert_eq!(probe(60, true, 9_002), Some(Move::Probed));
    assert_eq!(level(&seek), 61);
    assert_eq!(seek.refused(61, 0, false, at(9_003)), Move::Revealed);
    assert_eq!(level(&seek), 60, "a failed probe is no cut");
}

#[test]
fn what_was_granted_before_a_cut_or_a_raise_proves_nothing() {
    let mut seek = holding();
    seek.refused(60, 0, false, at(7_200));
    let before = seek;
    assert_eq!(seek.accepted(60, at(7_200), Time::ZERO, true, at(7_300)), None);
    assert_eq!(seek, before);
    assert_eq!(seek.accepted(41, at(7_201), at(7_201), true, at(7_300)), None, "another one was raised then");
    assert_eq!(level(&seek), 41);
}

#[test]
fn a_cut_in_vain_bounds_nothing_and_lets_both_climb_back() {
    let (mut calls, mut concurrency) = (holding(), seek(8));
    concurrency.refused(9, 0, false, at(2));
    assert!(!calls.was_cut_in_vain(60, at(7_200)));
    calls.refused(60, 0, false, at(7_200));
    assert!(calls.was_cut_in_vain(41, at(7_201)));
    calls.refused(41, 0, true, at(7_201));
    concurrency.make_room(4, at(7_201));
    assert_eq!((level(&calls), level(&concurrency)), (24, 2));
    assert_eq!((calls.settled(), concurrency.settled()), (Some(58), Some(7)));
    fill(&mut calls, 7_202);
    fill(&mut concurrency, 7_203);
    assert_eq!((level(&calls), level(&concurrency)), (25, 3));
    // Nothing has proven 25, and 3 is to be tried.
    calls.retract();
    assert_eq!(level(&calls), 24);
}

#[test]
fn what_is_foretold_needs_neither_refusal_nor_budget() {
    let mut seek = holding();
    let told = |seek: &mut Seek, target, second| seek.foretell(target, at(second + 180), at(second));
    assert!(told(&mut seek, 38, 4_000) && !told(&mut seek, 38, 4_900));
    assert_eq!(level(&seek), 38);
    assert!(!told(&mut seek, 60, 8_000));
    assert_eq!(fill(&mut seek, 8_180), None, "not before its time");
    assert_eq!(fill(&mut seek, 8_181), Some(Move::Told));
    assert_eq!(seek.refused(39, 0, false, at(8_182)), Move::Revealed);
    assert_eq!(level(&seek), 38, "one refusal, where it was foretold too high");
    let mut falling = holding();
    falling.refused(60, 0, false, at(7_200));
    told(&mut falling, 30, 7_210);
    assert_eq!(level(&falling), 41, "what is seen comes first");
}

#[test]
fn what_is_stated_bounds_and_is_climbed_to() {
    let mut seek = holding();
    assert!(seek.state(40, 10, at(100)));
    assert_eq!(level(&seek), 40);
    for (counted, second) in [(39, 9_000), (40, 200), (40, 9_001)] {
        seek.state(42, counted, at(second));
    }
    assert_eq!(fill(&mut seek, 9_002), Some(Move::Told));
    assert_eq!(fill(&mut seek, 9_003), Some(Move::Told));
    assert_eq!((fill(&mut seek, 9_004), level(&seek)), (None, 42));
}

#[test]
fn a_provider_that_lets_more_pass_for_a_while_is_read_with_a_margin() {
    let mut seek = seek(87);
    // A climb reads 86, and the holds after it are refused at once, down to what lasts.
    seek.readings.read(50, 86, at(60));
    seek.lower(86, Course::Hold, at(60));
    for (second, seen) in [(62, 86), (64, 82), (66, 76)] {
        assert_eq!(seek.refused(seen, 0, false, at(second)), Move::Fell);
    }
    let lasting = level(&seek);
    fill(&mut seek, 70);
    assert_eq!((level(&seek), seek.settled()), (lasting, Some(lasting)), "not back into the same mistake");
    // The next climb that reads 86 is believed as far as the last one held.
    let probed = at(40_000);
    assert_eq!(seek.accepted(lasting, probed, Time::ZERO, true, probed), Some(Move::Probed));
    seek.follow(NonZeroU64::new(87));
    seek.refused(87, 0, false, at(40_100));
    assert!(level(&seek).abs_diff(lasting) <= 5, "{} after {lasting}", level(&seek));
}
