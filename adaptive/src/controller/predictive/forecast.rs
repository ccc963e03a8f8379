//! What a limit was at this time on earlier days, and whether that is worth believing.

use limiter_core::{Micros, Time};
use serde::{Deserialize, Serialize};

/// A day is remembered by the quarter of an hour…
const SLOT: Micros = Micros::from_secs(900);
const DAY: usize = 96;
/// …over a week and a day.
const WEEK: usize = 7 * DAY;
const KEPT: usize = WEEK + DAY;
/// A slot begins so long before its quarter of an hour: what was sent in the last window must have left it when a
/// limit falls on the hour.
const LEAD: Micros = Micros::from_secs(120);
/// A forecast is judged by the change over so many slots.
const HORIZON: usize = 4;
/// Slots after which a past error is all but forgotten.
const MEMORY: f64 = 2.0 * DAY as f64;
/// An earlier day is believed if it has foretold changes with at most this share of the error of foretelling none.
const TRUSTED: f64 = 0.8;
/// An error that is assumed before there were any: one small change that came twice at the same time is chance.
const DOUBT: f64 = 0.002;

/// The levels of the last eight days, by the quarter of an hour.
///
/// With `L(n)` the level in slot `n`, an earlier day foretells that from slot `a`, when the level was last set by
/// what the provider answered, to slot `n` it changes by the factor `r_k = L(n - 96 k) / L(a - 96 k)`. It is
/// believed only as far as it was right: its error `|ln L(n) / L(n - 4) - ln r_k|` is averaged over two days, and so
/// is that of foretelling no change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Forecast {
    /// By slot, modulo their number; 0: not known.
    levels: Vec<u64>,
    /// The slot that has begun last.
    slot: usize,
    /// The slot, and the level in it, when the level was last set by an answer.
    anchor: (usize, u64),
    day: Record,
    week: Record,
}

/// How well an earlier day foretells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    /// The mean error of its changes, and of no change.
    error: f64,
    without: f64,
}

impl Forecast {
    pub(super) const fn new() -> Self {
        let none = Record { error: 0.0, without: 0.0 };
        Self { levels: Vec::new(), slot: 0, anchor: (0, 0), day: none, week: none }
    }

    /// When the next slot begins after `now`.
    pub(super) fn next_slot(now: Time) -> Time {
        let slots = (now + LEAD).as_micros() / SLOT.get() + 1;
        Time::from_micros(slots * SLOT.get()) - LEAD
    }

    /// When a rise that is foretold for the slot that begins at `now` has surely come.
    pub(super) fn has_begun(now: Time) -> Time {
        now + LEAD + Micros::new(LEAD.get() / 2)
    }

    /// Takes in that the level was set to `level` by what the provider answered.
    pub(super) fn set(&mut self, level: u64) {
        self.anchor = (self.slot, level);
    }

    /// The slot of `now` begins, with `level` in force; the level that is foretold for it.
    pub(super) fn begin_slot(&mut self, level: u64, now: Time) -> Option<u64> {
        let slot = ((now + LEAD).as_micros() / SLOT.get()) as usize;
        if slot <= self.slot {
            return None;
        }
        self.levels.resize(KEPT, 0);
        // Nobody looked for a while: the level was kept.
        for passed in self.slot.max(slot.saturating_sub(KEPT))..slot {
            self.levels[passed % KEPT] = level;
            self.judge(passed);
        }
        self.slot = slot;
        self.foretold(slot)
    }

    fn judge(&mut self, slot: usize) {
        let Some(change) = ratio(&self.levels, slot, HORIZON) else { return };
        for (record, ago) in [(&mut self.day, DAY), (&mut self.week, WEEK)] {
            let foretold = slot.checked_sub(ago).and_then(|slot| ratio(&self.levels, slot, HORIZON));
            if let Some(foretold) = foretold {
                record.error += ((change - foretold).abs() - record.error) / MEMORY;
                record.without += (change.abs() - record.without) / MEMORY;
            }
        }
    }

    fn foretold(&self, slot: usize) -> Option<u64> {
        let [first, second] = self.witnesses()?;
        // Where no answer has set the level for a day, what was held a day ago stands for it.
        let day_ago = slot.saturating_sub(DAY - 1);
        let (anchor, level) =
            if self.anchor.0 >= day_ago { self.anchor } else { (day_ago, *self.levels.get(day_ago % KEPT)?) };
        let witness = |ago| {
            let then = slot.checked_sub(ago)?;
            Some((ratio(&self.levels, then, slot - anchor)?, self.levels[then % KEPT]))
        };
        let (change, held) = witness(first)?;
        // The second day may begin too late to tell.
        let (other, other_held) =
            if slot > second { witness(second).unwrap_or((change, held)) } else { return None };
        // Both must have moved the same way, and the smaller move is made…
        let least = if change * other <= 0.0 { 0.0 } else { change.abs().min(other.abs()).copysign(change) };
        let target = (level as f64 * least.exp()).round() as u64;
        // …never beyond what was held at that time.
        match least {
            0.0 => None,
            up if up > 0.0 => Some(target.min(held.max(other_held)).max(level)),
            _ => Some(target.max(held.min(other_held)).min(level)),
        }
    }

    /// How many slots ago they were: the last two days, or the same day of last week, if they are believed.
    fn witnesses(&self) -> Option<[usize; 2]> {
        let (day, week) = (self.day.share(), self.week.share());
        if week.min(day) > TRUSTED {
            None
        } else if week <= day {
            Some([WEEK, WEEK])
        } else {
            Some([DAY, 2 * DAY])
        }
    }
}

impl Record {
    /// Of the error of foretelling no change; infinite before there was one.
    fn share(&self) -> f64 {
        (self.error + DOUBT) / self.without
    }
}

/// `ln L(slot) / L(slot - over)`.
fn ratio(levels: &[u64], slot: usize, over: usize) -> Option<f64> {
    let at = |slot: usize| levels.get(slot % KEPT).copied().filter(|level| *level > 0);
    let (before, after) = (at(slot.checked_sub(over)?)?, at(slot)?);
    Some((after as f64 / before as f64).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quarters of an hour from `from` on, told which level was in force in each, and what was foretold.
    fn live(
        forecast: &mut Forecast,
        quarters: std::ops::Range<u64>,
        level: impl Fn(u64) -> u64,
    ) -> Vec<(u64, u64)> {
        let mut foretold = Vec::new();
        for quarter in quarters {
            let begins = Time::ZERO + Micros::new(quarter * SLOT.get()) - LEAD;
            if let Some(target) = forecast.begin_slot(level(quarter - 1), begins) {
                foretold.push((quarter, target));
            }
            if level(quarter) != level(quarter - 1) {
                forecast.set(level(quarter));
            }
        }
        foretold
    }

    /// 60, and 38 from 15:00 to 18:00.
    fn peak(quarter: u64) -> u64 {
        if (60..72).contains(&(quarter % 96)) { 38 } else { 60 }
    }

    #[test]
    fn the_next_slot_begins_two_minutes_early() {
        let next = Forecast::next_slot(Time::ZERO + Micros::from_secs(10));
        assert_eq!(next, Time::ZERO + Micros::from_secs(900 - 120));
        assert_eq!(Forecast::next_slot(next), next + SLOT);
    }

    #[test]
    fn a_daily_peak_is_foretold_once_it_has_come_twice() {
        let mut forecast = Forecast::new();
        forecast.set(60);
        assert_eq!(live(&mut forecast, 1..192, peak), []);
        let foretold = live(&mut forecast, 192..288, peak);
        assert_eq!(foretold.first(), Some(&(192 + 60, 38)));
        assert!(foretold.contains(&(192 + 72, 60)), "{foretold:?}");
    }

    #[test]
    fn what_comes_at_another_hour_each_day_is_not() {
        let mut forecast = Forecast::new();
        forecast.set(60);
        let random = |quarter: u64| 40 + (quarter / 20).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 50;
        assert_eq!(live(&mut forecast, 1..1_344, random), []);
    }

    #[test]
    fn a_weekend_is_foretold_by_the_last() {
        let working = |quarter: u64| if quarter / 96 % 7 < 5 { peak(quarter) } else { 60 };
        let mut forecast = Forecast::new();
        forecast.set(60);
        live(&mut forecast, 1..2 * WEEK as u64, working);
        let foretold = live(&mut forecast, 2 * WEEK as u64..3 * WEEK as u64, working);
        let falls: Vec<_> =
            foretold.iter().filter(|(_, level)| *level == 38).map(|(at, _)| at / 96 % 7).collect();
        assert!((0..5).all(|day| falls.contains(&day)), "{falls:?}");
        assert!(!falls.contains(&5) && !falls.contains(&6), "{falls:?}");
    }

    #[test]
    fn a_gap_of_any_length_is_bounded_work() {
        let mut forecast = Forecast::new();
        forecast.set(60);
        let end_of_time = Time::from_micros(u64::MAX / 2);
        assert_eq!(forecast.begin_slot(60, end_of_time), None);
        assert_eq!(forecast.levels.len(), KEPT);
    }
}
