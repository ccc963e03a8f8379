//! The search for one limit: climb until a refusal reads it off, hold, fall when surprised, and climb again.

use std::num::NonZeroU64;

use limiter_core::{MAX_LIMIT, Micros, Time};
use serde::{Deserialize, Serialize};

/// `r`: a raise, as a share of the level; one at least. It is granted at once to those who wait, so it is also
/// the number of refusals that it may cost.
const RAISE: f64 = 0.02;
/// `d`: the first cut of a fall, at the least and at the most: how far a limit drifts between two surprises.
const DRIFT: (f64, f64) = (0.02, 0.06);
/// Surprises closer than this are too many, and `d` doubles; further apart than twice that, and it shrinks.
const DRIFT_TURN: Micros = Micros::from_secs(4 * 3_600);
/// The further cuts of a fall: a second refusal in a row says that the limit went down by a step, and steps of
/// 10 to 50% are what providers make.
const STEPS: [f64; 3] = [0.15, 0.30, 0.40];
/// The same where the fall follows a climb so closely that the climb must have read too high.
const MISREAD_STEPS: [f64; 3] = [0.06, 0.12, 0.24];
/// How closely.
const MISREAD_WITHIN: Micros = Micros::from_secs(600);
/// `m` at the most: a climb that seems to have read higher than this has met a step.
const MOST_MARGIN: f64 = 0.5;
/// What is left of `m` with each climb that has read rightly.
const MARGIN_KEPT: f64 = 0.9;
/// Cuts after the first, after which a fall is hardly this dimension's: they leave less than a third.
const CREDIBLE_CUTS: usize = 3;
/// A gap under the refused level that is not worth the refusal that closing it costs.
const NARROW: f64 = 0.04;
/// A fall has ended when nothing was refused for so long.
const FALL_ENDS: Micros = Micros::from_secs(90);
/// A climb that won less than this share was not worth its refusal, and the next hold is longer…
const WORTH: f64 = 0.03;
/// …by this factor, up to so many times the first hold.
const PATIENCE: (f64, f64) = (1.5, 2.5);
/// The hold after a deep fall, as a share of the first hold, at the least.
const SHORTEST_HOLD: f64 = 0.1;
/// The weight of the newest call in the pressure, and the least pressure that is reckoned with.
const PRESSURE: (f64, f64) = (0.01, 0.03);
/// From which share on a limit counts as full, and what is kept of earlier calls with each new one that fills it.
const BRIM: (f64, f64) = (0.8, 0.995);
/// Hours after which a change of the limit is all but forgotten.
const MEMORY_HOURS: f64 = 12.0;

/// One dimension's limit, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seek {
    /// `x`, the limit in force; `None` as long as the dimension does not limit.
    level: Option<u64>,
    /// From which share of the level on demand presses against it.
    press: f64,
    /// The highest count that the provider accepted since the last cut.
    proven: u64,
    course: Course,
    /// When the level last changed: what was granted earlier says nothing of it.
    changed: Time,
    /// When it was last lowered.
    lowered: Time,
    /// What the last climb read off its refusal, and when.
    read: Option<(Time, u64)>,
    /// `m`: the share by which climbs read too high, as some providers let more pass for a while than for long.
    margin: f64,
    /// `d`, and when the last surprise was.
    drift: f64,
    surprised: Option<Time>,
    /// How long the first hold lasts, how long this one does, and since when.
    first_hold: Micros,
    hold: Micros,
    held_since: Time,
    /// `p`: the share of recent calls that found the limit full.
    pressure: f64,
    /// Recent calls that filled the limit: how many were accepted, and how many refused.
    at_brim: (f64, f64),
    /// How often the limit changes by as much as matters, an hour, fading; and when it was last reckoned.
    turbulence: f64,
    turbulent_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Course {
    /// Raised with every proof; from the level of the last hold, and below one that was refused lately.
    Climb { from: u64, below: Option<u64> },
    /// Kept, at what was last accepted.
    Hold,
    /// Cut again with every refusal; from the level of the last hold.
    Fall { from: u64, refused: u64, cuts: usize, misread: bool },
}

/// How strongly a refusal speaks against a dimension; the greater, the more, the first difference deciding.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Suspicion {
    /// It was not cut so deep already that another must be to blame.
    credible: bool,
    /// More than had ever been accepted.
    beyond_proven: bool,
    /// A limit that was not full is hardly what was hit.
    at_brim: bool,
    /// How long ago it was cut, up to the end of a fall: the one that was cut just now was cut in vain.
    spared: Micros,
    /// Of the calls that filled the limit, how many were refused: few, where another limit is the one that binds.
    refused_share: f64,
    /// How full it was.
    filled: f64,
}

/// What happened to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Raised from a hold: it costs a refusal, if the limit has not risen.
    Probed,
    /// Raised again, as the last raise was accepted.
    Climbed,
    /// Set to what a refusal has revealed.
    Revealed,
    /// Cut, as what had been accepted was refused.
    Fell,
}

impl Seek {
    /// A search from `level`, which is a guess. Demand presses where it fills the share `press` of a level;
    /// holds last `first_hold` at first.
    pub(super) fn new(level: Option<NonZeroU64>, press: f64, first_hold: Micros) -> Self {
        let level = level.map(NonZeroU64::get);
        Self {
            level,
            press,
            proven: 0,
            course: Course::Climb { from: level.unwrap_or(1), below: None },
            changed: Time::ZERO,
            lowered: Time::ZERO,
            read: None,
            margin: 0.0,
            drift: DRIFT.0,
            surprised: None,
            first_hold,
            hold: first_hold,
            held_since: Time::ZERO,
            pressure: 1.0,
            at_brim: (0.0, 0.0),
            turbulence: 0.0,
            turbulent_at: Time::ZERO,
        }
    }

    pub(super) fn limit(&self) -> Option<NonZeroU64> {
        self.level.and_then(NonZeroU64::new)
    }

    /// Takes over the limit that is really in force: a floor, a ceiling or an operator may have set another.
    pub(super) fn follow(&mut self, limit: Option<NonZeroU64>) {
        self.level = limit.map(NonZeroU64::get);
    }

    /// How strongly a refusal at that count speaks against this dimension, to be compared with another's.
    pub(super) fn suspicion(&self, seen: u64, now: Time) -> Suspicion {
        let filled = self.filled(seen);
        let (accepted, refused) = self.at_brim;
        Suspicion {
            credible: !matches!(self.course, Course::Fall { cuts: CREDIBLE_CUTS.., .. }),
            beyond_proven: seen > self.proven,
            at_brim: filled >= BRIM.0,
            spared: now.since(self.lowered).min(FALL_ENDS),
            refused_share: (refused + 1.0) / (accepted + refused + 2.0),
            filled,
        }
    }

    /// Notes how a call ended that saw so many under way, if they filled the limit.
    pub(super) fn note(&mut self, seen: u64, was_refused: bool) {
        if self.filled(seen) >= BRIM.0 {
            let (accepted, refused) = &mut self.at_brim;
            *accepted = *accepted * BRIM.1 + f64::from(u8::from(!was_refused));
            *refused = *refused * BRIM.1 + f64::from(u8::from(was_refused));
        }
    }

    fn filled(&self, seen: u64) -> f64 {
        self.level.map_or(0.0, |level| seen as f64 / level as f64)
    }

    /// Whether a refusal of a call granted at `granted_at` is answered already.
    pub(super) fn is_old(&self, granted_at: Time) -> bool {
        granted_at <= self.lowered && self.lowered > Time::ZERO
    }

    /// How often the limit changes by as much as matters, an hour.
    pub(super) fn turbulence(&self, now: Time) -> f64 {
        let hours = now.since(self.turbulent_at).as_secs_f64() / 3_600.0;
        self.turbulence * (-hours / MEMORY_HOURS).exp()
    }

    /// A call that saw so many under way was accepted; `may_probe`: the budget has a refusal to spare.
    pub(super) fn accepted(
        &mut self,
        seen: u64,
        granted_at: Time,
        may_probe: bool,
        now: Time,
    ) -> Option<Move> {
        let level = self.level.filter(|_| granted_at > self.lowered)?;
        self.proven = self.proven.max(seen);
        let presses = seen as f64 >= level as f64 * self.press;
        if let Course::Fall { from, refused, cuts, misread } = self.course
            && (presses || now.since(self.lowered) >= FALL_ENDS)
        {
            self.end_fall(level, (from, refused), cuts, misread, now);
        }
        self.pressure += PRESSURE.0 * (f64::from(u8::from(presses)) - self.pressure);
        if !presses || granted_at <= self.changed {
            return None;
        }
        match self.course {
            Course::Climb { below, .. } => self.raise(level, below, now).then_some(Move::Climbed),
            Course::Hold if may_probe && now >= self.probe_at() => {
                // The last climb was not followed by a surprise, so it read rightly.
                self.margin *= MARGIN_KEPT;
                self.course = Course::Climb { from: level, below: None };
                self.raise(level, None, now).then_some(Move::Probed)
            }
            _ => None,
        }
    }

    /// A call that saw so many under way was refused, and this dimension is to blame; `others` of those that it
    /// saw were refused themselves.
    pub(super) fn refused(&mut self, seen: u64, others: u64, now: Time) -> Move {
        let level = self.level.map_or(seen, |level| level.min(seen)).max(1);
        // Those that were under way beside these were accepted: that is what the provider allows.
        let revealed = level.saturating_sub(1 + others);
        let (course, to, moved) = match self.course {
            Course::Climb { from, .. } => {
                self.read = Some((now, revealed));
                // A climb that fails is no cut: what the hold before it had, it has again.
                let to = less(revealed, self.margin).max(from.min(revealed));
                self.rest_after(from, to, now);
                (Course::Hold, to, Move::Revealed)
            }
            Course::Hold => {
                let misread = self.read.is_some_and(|(at, _)| now.since(at) < MISREAD_WITHIN);
                if !misread {
                    self.learn_drift(now);
                }
                let fall = Course::Fall { from: level, refused: level, cuts: 0, misread };
                (fall, less(revealed, self.drift), Move::Fell)
            }
            Course::Fall { from, cuts, misread, .. } => {
                let steps = if misread { MISREAD_STEPS } else { STEPS };
                let cut = steps[cuts.min(steps.len() - 1)];
                let fall = Course::Fall { from, refused: level, cuts: cuts + 1, misread };
                (fall, less(revealed, cut), Move::Fell)
            }
        };
        self.course = course;
        self.level = Some(to.clamp(1, MAX_LIMIT));
        self.proven = self.proven.min(to);
        self.changed = now;
        self.lowered = now;
        moved
    }

    /// One more of the calls that were granted before a reading was refused: so one fewer was accepted than was
    /// read. Whether that changed the level.
    pub(super) fn reread(&mut self) -> bool {
        let (Course::Hold, Some(level), Some((at, read))) = (self.course, self.level, self.read) else {
            return false;
        };
        if at != self.lowered || level <= 1 {
            return false;
        }
        self.read = Some((at, read.saturating_sub(1)));
        self.level = Some(level - 1);
        true
    }

    fn raise(&mut self, level: u64, below: Option<u64>, now: Time) -> bool {
        let raised = level + ((level as f64 * RAISE) as u64).max(1);
        if below.is_some_and(|below| raised >= below) || raised > MAX_LIMIT {
            self.course = Course::Hold;
            return false;
        }
        self.level = Some(raised);
        self.changed = now;
        true
    }

    fn end_fall(&mut self, level: u64, (from, refused): (u64, u64), cuts: usize, misread: bool, now: Time) {
        if let Some((_, read)) = self.read.filter(|_| misread) {
            self.margin = (1.0 - level as f64 / read.max(1) as f64).clamp(self.margin, MOST_MARGIN);
        }
        self.hold = if cuts == 0 {
            // A limit that drifts down does not come back soon.
            self.longer_hold()
        } else {
            // The deeper a fall, the more a return is worth, and the sooner it is looked for.
            let kept = level as f64 / from.max(1) as f64;
            times(self.first_hold, kept.powi(3).clamp(SHORTEST_HOLD, 1.0))
        };
        self.held_since = now;
        let gap = refused.saturating_sub(1).saturating_sub(level);
        self.course = if !misread && cuts > 0 && gap as f64 > level as f64 * NARROW {
            Course::Climb { from: level, below: Some(refused) }
        } else {
            Course::Hold
        };
    }

    fn rest_after(&mut self, from: u64, to: u64, now: Time) {
        if to as f64 >= from as f64 * (1.0 + WORTH) {
            self.hold = self.first_hold;
            self.stir(now);
        } else {
            self.hold = self.longer_hold();
        }
        self.held_since = now;
    }

    fn longer_hold(&self) -> Micros {
        let (factor, most) = PATIENCE;
        times(self.hold, factor).min(times(self.first_hold, most))
    }

    /// Where few calls find the limit full, a higher one is worth little, and is looked for more seldom.
    fn probe_at(&self) -> Time {
        self.held_since + times(self.hold, self.pressure.max(PRESSURE.1).sqrt().recip())
    }

    fn learn_drift(&mut self, now: Time) {
        self.stir(now);
        let since = self.surprised.map(|last| now.since(last));
        if since.is_some_and(|since| since < DRIFT_TURN) {
            self.drift = (self.drift * 2.0).min(DRIFT.1);
        } else if since.is_some_and(|since| since > times(DRIFT_TURN, 2.0)) {
            self.drift = (self.drift / 1.5).max(DRIFT.0);
        }
        self.surprised = Some(now);
    }

    /// The limit has changed by as much as matters.
    fn stir(&mut self, now: Time) {
        self.turbulence = self.turbulence(now) + 1.0 / MEMORY_HOURS;
        self.turbulent_at = now;
    }
}

fn less(level: u64, share: f64) -> u64 {
    (level as f64 * (1.0 - share)).round() as u64
}

fn times(span: Micros, factor: f64) -> Micros {
    Micros::from_secs_f64(span.as_secs_f64() * factor)
}

#[cfg(test)]
mod tests {
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

    /// A search that holds at 60, read at second 1.
    fn holding() -> Seek {
        let mut seek = seek(61);
        assert_eq!(seek.refused(61, 0, at(1)), Move::Revealed);
        assert_eq!(level(&seek), 60);
        seek
    }

    #[test]
    fn a_climb_ends_at_what_its_refusal_reveals() {
        let mut seek = seek(4);
        for (second, raised) in [(1, 5), (2, 6)] {
            let seen = level(&seek);
            assert_eq!(seek.accepted(seen, at(second), false, at(second)), Some(Move::Climbed));
            assert_eq!(level(&seek), raised);
        }
        assert_eq!(seek.refused(6, 0, at(4)), Move::Revealed);
        assert_eq!(level(&seek), 5);
    }

    #[test]
    fn a_burst_is_read_by_counting_those_that_were_refused() {
        // Sixty at once, twenty of them refused: forty were accepted, whoever is told of first.
        let mut seek = seek(60);
        seek.refused(60, 0, at(1));
        for _ in 1..20 {
            assert!(seek.is_old(at(0)) && seek.reread());
        }
        assert_eq!(level(&seek), 40);
    }

    #[test]
    fn a_surprise_is_a_drift_and_a_second_one_a_step() {
        let mut seek = holding();
        // 0.98 * 59, then 0.85 * 57, then 0.70 * 47.
        for (second, seen, left) in [(7_200, 60, 58), (7_205, 58, 48), (7_210, 48, 33)] {
            assert_eq!(seek.refused(seen, 0, at(second)), Move::Fell);
            assert_eq!(level(&seek), left);
        }
        // Accepted at 33, and 48 was refused: it climbs between them, and no further.
        let mut second = 7_220;
        while seek.accepted(level(&seek), at(second), false, at(second)).is_some() {
            second += 1;
        }
        assert_eq!(level(&seek), 47);
    }

    #[test]
    fn a_probe_waits_for_its_time_for_the_budget_and_for_pressure() {
        let mut seek = holding();
        assert_eq!(seek.accepted(60, at(3_000), true, at(3_000)), None, "too early");
        assert_eq!(seek.accepted(60, at(9_000), false, at(9_000)), None, "no budget");
        assert_eq!(seek.accepted(59, at(9_001), true, at(9_001)), None, "no pressure");
        assert_eq!(seek.accepted(60, at(9_002), true, at(9_002)), Some(Move::Probed));
        assert_eq!(level(&seek), 61);
        assert_eq!(seek.refused(61, 0, at(9_003)), Move::Revealed);
        assert_eq!(level(&seek), 60, "a failed probe is no cut");
    }

    #[test]
    fn what_was_granted_before_a_cut_proves_nothing() {
        let mut seek = holding();
        seek.refused(60, 0, at(7_200));
        let before = seek;
        assert_eq!(seek.accepted(60, at(7_200), true, at(7_300)), None);
        assert_eq!(seek, before);
    }

    #[test]
    fn a_provider_that_lets_more_pass_for_a_while_is_read_with_a_margin() {
        let mut seek = seek(87);
        // A climb reads 86, and the holds after it are refused at once, down to what lasts.
        seek.refused(87, 0, at(60));
        for (second, seen) in [(62, 86), (64, 83), (66, 77)] {
            seek.refused(seen, 0, at(second));
        }
        let lasting = level(&seek);
        seek.accepted(lasting, at(70), false, at(70));
        assert_eq!(level(&seek), lasting, "it does not climb back into the same mistake");
        // The next climb that reads 86 is believed as far as the last one held.
        let probed = at(40_000);
        assert_eq!(seek.accepted(lasting, probed, true, probed), Some(Move::Probed));
        seek.follow(NonZeroU64::new(87));
        seek.refused(87, 0, at(40_100));
        assert!(level(&seek).abs_diff(lasting) <= 3, "{} after {lasting}", level(&seek));
    }
}
