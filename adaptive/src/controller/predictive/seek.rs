//! The search for one limit: climb until a refusal reads it off, hold, fall when surprised, and climb back.

use std::num::NonZeroU64;

use limiter_core::{MAX_LIMIT, Micros, Time};
use serde::{Deserialize, Serialize};

use super::blame::{Brim, Suspicion};
use super::hold::Hold;
use super::reading::Readings;

/// `r`: a raise, as a share of the level; one at least. It is granted at once to those who wait, so it is also
/// the number of refusals that it may cost.
const RAISE: f64 = 0.02;
/// The first cut of a fall, and each further one. A cut costs the capacity of a minute or two, and a refusal that
/// of ten: so it is cut deep enough that most falls end with the first.
const CUTS: (f64, f64) = (0.3, 0.4);
/// A fall has ended when nothing was refused for so long, even if nothing presses against the limit.
const FALL_ENDS: Micros = Micros::from_secs(90);

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
    hold: Hold,
    readings: Readings,
    brim: Brim,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Course {
    /// Raised with every proof; from the level of the last hold.
    Climb { from: u64 },
    /// Kept, at what was last accepted.
    Hold,
    /// Cut with every refusal, until a call is accepted: then it climbs back to `top`. It fell from `height`.
    Fall { height: u64, top: u64, misread: bool },
    /// Raised with every proof, up to `top`.
    Return { height: u64, top: u64 },
    /// Raised with every proof, up to what earlier days or the provider have told; from the level of the last hold.
    Told { from: u64, top: u64 },
}

/// What happened to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Raised from a hold: it costs a refusal, if the limit has not risen.
    Probed,
    /// Raised again, as the last raise was accepted.
    Climbed,
    /// Raised towards what earlier days or the provider have told.
    Told,
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
            course: Course::Climb { from: level.unwrap_or(1) },
            changed: Time::ZERO,
            lowered: Time::ZERO,
            hold: Hold::new(first_hold),
            readings: Readings::default(),
            brim: Brim::default(),
        }
    }

    pub(super) fn limit(&self) -> Option<NonZeroU64> {
        self.level.and_then(NonZeroU64::new)
    }

    /// The limit or, in a fall, the one that it is on its way back to.
    pub(super) fn settled(&self) -> Option<u64> {
        match self.course {
            Course::Return { top, .. } | Course::Fall { top, misread: false, .. } => Some(top),
            _ => self.level,
        }
    }

    /// How often the limit changes by as much as matters, an hour.
    pub(super) fn turbulence(&self, now: Time) -> f64 {
        self.hold.turbulence(now)
    }

    /// Takes over the limit that is really in force: a floor, a ceiling or an operator may have set another.
    pub(super) fn follow(&mut self, limit: Option<NonZeroU64>) {
        self.level = limit.map(NonZeroU64::get);
    }

    /// Notes how a call ended that saw so many under way, if they filled the limit.
    pub(super) fn note(&mut self, seen: u64, was_refused: bool) {
        self.brim.note(self.filled(seen), was_refused);
    }

    /// How strongly a refusal at that count speaks against this dimension, to be compared with another's.
    pub(super) fn suspicion(&self, seen: u64, now: Time) -> Suspicion {
        let changed = (!matches!(self.course, Course::Fall { .. })).then_some(now.since(self.changed));
        let spared = now.since(self.lowered).min(FALL_ENDS);
        self.brim.suspicion(self.filled(seen), seen > self.proven, changed, spared)
    }

    /// Whether this dimension was cut just now, and yet a call is refused that saw no more than was accepted
    /// since: then it need not be the one to blame.
    pub(super) fn was_cut_in_vain(&self, seen: u64, now: Time) -> bool {
        match self.course {
            Course::Fall { .. } => true,
            Course::Return { .. } => seen <= self.proven && now.since(self.lowered) < FALL_ENDS,
            _ => false,
        }
    }

    /// Whether a refusal of a call granted at `granted_at` is answered already.
    pub(super) fn is_old(&self, granted_at: Time) -> bool {
        granted_at <= self.lowered && self.lowered > Time::ZERO
    }

    /// A call that saw so many under way was accepted. It says something of the level only if it was granted
    /// after `raised`, when any dimension was raised last. `may_probe`: the budget has a refusal to spare.
    pub(super) fn accepted(
        &mut self,
        seen: u64,
        granted_at: Time,
        raised: Time,
        may_probe: bool,
        now: Time,
    ) -> Option<Move> {
        let level = self.level.filter(|_| granted_at > self.lowered)?;
        self.proven = self.proven.max(seen);
        let presses = seen as f64 >= level as f64 * self.press;
        self.hold.note(presses);
        if presses || now.since(self.lowered) >= FALL_ENDS {
            self.end_fall(now);
        }
        if !presses || granted_at <= self.changed.max(raised) {
            return None;
        }
        match self.course {
            Course::Climb { .. } => {
                self.raise(level, MAX_LIMIT, now);
                Some(Move::Climbed)
            }
            Course::Return { top, .. } if level < top => {
                self.raise(level, top, now);
                Some(Move::Climbed)
            }
            Course::Return { height, .. } => {
                self.returned(height, level, now);
                self.course = Course::Hold;
                None
            }
            Course::Told { top, .. } if level < top => {
                self.raise(level, top, now);
                Some(Move::Told)
            }
            Course::Told { .. } => {
                self.course = Course::Hold;
                None
            }
            Course::Hold if may_probe && now >= self.hold.probe_at() => {
                self.readings.lasted();
                self.course = Course::Climb { from: level };
                self.raise(level, MAX_LIMIT, now);
                Some(Move::Probed)
            }
            _ => None,
        }
    }

    /// A call that saw so many under way was refused, and this dimension is to blame; `others` of those that it
    /// saw were refused themselves. `in_vain`: another dimension may as well be to blame.
    pub(super) fn refused(&mut self, seen: u64, others: u64, in_vain: bool, now: Time) -> Move {
        let level = self.level.map_or(seen, |level| level.min(seen)).max(1);
        // Those that were under way beside these were accepted: that is what the provider allows.
        let revealed = level.saturating_sub(1 + others);
        match self.course {
            Course::Climb { from } => {
                // A climb that fails is no cut: what the hold before it had, it has again.
                let to = self.readings.read(from, revealed, now).max(from.min(revealed));
                self.hold.after_climb(from, to, now);
                self.lower(to, Course::Hold, now);
                Move::Revealed
            }
            Course::Told { from, .. } => {
                let to = self.readings.believed(revealed).max(from.min(revealed));
                self.hold.rest_longer(now);
                self.lower(to, Course::Hold, now);
                Move::Revealed
            }
            Course::Return { height, .. } if !in_vain => {
                let to = self.readings.believed(revealed);
                self.returned(height, to, now);
                self.readings.forget();
                self.lower(to, Course::Hold, now);
                Move::Revealed
            }
            Course::Hold => {
                self.hold.stir(now);
                let misread = self.readings.misled(revealed, now);
                let cut = if misread { self.readings.misread() } else { CUTS.0 };
                let fall = Course::Fall { height: level, top: self.hold.below(revealed), misread };
                self.lower(less(revealed, cut), fall, now);
                Move::Fell
            }
            Course::Fall { height, top, misread } => {
                let misread = misread && self.readings.came_from_below(level);
                let cut = if misread { self.readings.misread() } else { CUTS.1 };
                if !misread {
                    self.readings.acquit();
                }
                let top = if in_vain { top } else { revealed };
                self.lower(less(revealed, cut), Course::Fall { height, top, misread }, now);
                Move::Fell
            }
            Course::Return { height, top } => {
                self.lower(less(revealed, CUTS.1), Course::Fall { height, top, misread: false }, now);
                Move::Fell
            }
        }
    }

    /// Makes room: another dimension was cut in vain, so this one may be the one to blame. Both climb back, one
    /// raise at a time, and only one of them meets a refusal.
    pub(super) fn make_room(&mut self, seen: u64, now: Time) {
        let Some(level) = self.level else { return };
        let (height, top) = match self.course {
            Course::Fall { height, top, .. } | Course::Return { height, top } => (height, top),
            _ => (level, level),
        };
        let to = less(level.min(seen), CUTS.1);
        self.lower(to, Course::Fall { height, top, misread: false }, now);
    }

    /// Takes back a raise that nothing has proven yet, as another dimension is raised: were both refused, nobody
    /// could tell which was.
    pub(super) fn retract(&mut self) {
        if let (Course::Climb { from }, Some(level)) = (self.course, self.level) {
            self.level = Some(level.min(self.proven.max(from)));
        }
        if let (Course::Return { .. }, Some(level)) = (self.course, self.level) {
            self.level = Some(level.min(self.proven.max(1)));
        }
    }

    /// The limit is foretold to be at `target`, from `then` on if that is more; whether that changed the level.
    pub(super) fn foretell(&mut self, target: u64, then: Time, now: Time) -> bool {
        let Some(level) = self.level.filter(|level| self.course == Course::Hold && *level != target) else {
            return false;
        };
        if target < level {
            self.lower(target, Course::Hold, now);
            return true;
        }
        self.course = Course::Told { from: level, top: target };
        self.changed = then;
        false
    }

    /// The provider says that at most `bound` may be under way, where `counted` are; whether that changed the level.
    /// It is raised where a climb or a probe would be, as it may be wrong.
    pub(super) fn state(&mut self, bound: u64, counted: u64, now: Time) -> bool {
        let Some(level) = self.level else { return false };
        let may_rise = match self.course {
            Course::Climb { .. } | Course::Return { .. } => true,
            Course::Hold => now >= self.hold.probe_at(),
            Course::Fall { .. } | Course::Told { .. } => false,
        };
        if bound < level {
            self.lower(bound, Course::Hold, now);
            true
        } else if bound > level && may_rise && counted >= level {
            self.course = Course::Told { from: level, top: bound };
            false
        } else {
            false
        }
    }

    /// One more of the calls that were granted before a reading was refused: so one fewer was accepted than was
    /// read. Whether that changed the level.
    pub(super) fn reread(&mut self) -> bool {
        let is_reading = self.course == Course::Hold && self.readings.was_at(self.lowered);
        let Some(level) = self.level.filter(|level| is_reading && *level > 1) else { return false };
        self.level = Some(level - 1);
        true
    }

    fn filled(&self, seen: u64) -> f64 {
        self.level.map_or(0.0, |level| seen as f64 / level as f64)
    }

    fn raise(&mut self, level: u64, most: u64, now: Time) {
        self.level = Some((level + ((level as f64 * RAISE) as u64).max(1)).min(most));
        self.changed = now;
    }

    fn lower(&mut self, to: u64, course: Course, now: Time) {
        self.course = course;
        self.level = Some(to.clamp(1, MAX_LIMIT));
        self.proven = self.proven.min(to);
        self.changed = now;
        self.lowered = now;
    }

    fn end_fall(&mut self, now: Time) {
        let Course::Fall { height, top, misread } = self.course else { return };
        self.course = if misread {
            self.hold.rest_longer(now);
            Course::Hold
        } else {
            Course::Return { height, top }
        };
    }

    /// A fall from `height` has ended for good at `to`.
    fn returned(&mut self, height: u64, to: u64, now: Time) {
        if self.hold.after_fall(height, to, now) {
            self.readings.drifted(now);
        }
    }
}

fn less(level: u64, share: f64) -> u64 {
    (level as f64 * (1.0 - share)).round() as u64
}

#[cfg(test)]
mod tests;
