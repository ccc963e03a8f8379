//! One rule, fitted to what the events tell of it.

use super::gauge::{Gauge, Step, Told};
use super::rule::Dimension;
use super::segments::Segmenter;
use super::wall::{Tally, Wall};

/// A rule's limits over time, and its wall.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub steps: Vec<Step>,
    pub wall: Wall,
    /// How far over the limit each event was.
    pub excess: Vec<f32>,
    /// What a change costs, in nats: the place and the new limit have to be said.
    pub penalty: f64,
}

/// Rounds in which segments and wall are learned in turn; they hardly change after the second.
const ROUNDS: usize = 4;
/// How far about the sizes found a bucket's next are looked for, and how much closer in each round.
const FIRST_NEAR: f64 = 0.03;
const NEARER: f64 = 0.15;

impl Fit {
    /// The limits among at most `most` candidates that explain best what is `told`; `None` where no refusal is.
    pub fn new(gauge: &Gauge<'_>, told: &[Told], softness: f64, most: usize) -> Option<Self> {
        let mut limits = candidates(gauge, told, softness, most);
        if limits.is_empty() {
            return None;
        }
        let penalty = change_penalty(gauge, told, &limits);
        let mut wall = Wall::first(softness);
        let mut steps = Vec::new();
        let mut excess = Vec::new();
        for round in 0..ROUNDS {
            let found = segment(gauge, told, &limits, &wall, penalty);
            let settled = found == steps && !(gauge.is_bucket() && round + 1 < ROUNDS);
            steps = found;
            if settled {
                break;
            }
            if gauge.is_bucket() {
                limits = near(&steps, FIRST_NEAR * NEARER.powi(round as i32), most);
            }
            excess = gauge.along(told, &steps);
            let mut tally = Tally::default();
            for (excess, told) in excess.iter().zip(told).filter(|(_, told)| **told != Told::Nothing) {
                tally.add(f64::from(*excess), *told == Told::Refused);
            }
            wall = Wall::learned(softness, &tally);
        }
        Some(Self { steps, wall, excess, penalty })
    }

    /// What its limits cost to say, in nats.
    pub fn says(&self) -> f64 {
        self.penalty * self.steps.len() as f64
    }
}

fn segment(gauge: &Gauge<'_>, told: &[Told], limits: &[f64], wall: &Wall, penalty: f64) -> Vec<Step> {
    let mut segmenter = Segmenter::new(limits.len(), penalty);
    gauge.walk(told, limits, |index, excess| {
        let refused = told[index] == Told::Refused;
        segmenter.offer(index, |state| wall.cost(excess[state], refused));
    });
    segmenter
        .path()
        .into_iter()
        .map(|stretch| Step { from: stretch.from, limit: limits[stretch.state] })
        .collect()
}

/// How far below the lowest refusal a soft wall is looked for.
const MOST_BELOW: u64 = 16;

/// What a change takes to say: at which of the events that tell anything, and which limit follows.
fn change_penalty(gauge: &Gauge<'_>, told: &[Told], limits: &[f64]) -> f64 {
    let mut telling = 0_u32;
    gauge.walk(told, &[limits.first().copied().unwrap_or_default()], |index, excess| {
        telling += u32::from(told[index] == Told::Refused || excess[0] > 0.0);
    });
    f64::from(telling.max(2)).ln() + (limits.len().max(2) as f64).ln()
}

/// Limits that a log could tell of: those just below a refusal, for a limit that explains a refusal and is lower than
/// need be explains nothing more; and one above all, for stretches without a refusal. Where there are too many, the
/// lowest of each run of refusals, so that none that a stretch needs is far away. A soft wall may begin further below, where
/// refusals are so rare that there was none.
fn candidates(gauge: &Gauge<'_>, told: &[Told], softness: f64, most: usize) -> Vec<f64> {
    let refused =
        || gauge.levels.iter().zip(told).filter(|(_, told)| **told == Told::Refused).map(|(level, _)| *level);
    let Some(highest) = gauge.levels.iter().copied().max().filter(|_| refused().next().is_some()) else {
        return Vec::new();
    };
    if gauge.is_bucket() {
        return bucket_sizes(gauge, refused().min().unwrap_or(1), highest, most);
    }
    let least = if gauge.rule.dimension == Dimension::Concurrency { 1 } else { 1.min(highest) };
    let distinct = |levels: &mut Vec<u64>| {
        levels.sort_unstable();
        levels.dedup();
    };
    let mut levels: Vec<u64> = refused().map(|level| level.saturating_sub(1).max(least)).collect();
    let in_order = levels.clone();
    distinct(&mut levels);
    if levels.len() > most {
        let run = in_order.len().div_ceil(most / 2).max(1);
        let lowest = in_order.chunks(run).filter_map(|run| run.iter().min()).copied();
        let spread = levels.iter().copied().step_by(levels.len().div_ceil(most / 2).max(1));
        levels = lowest.chain(spread).collect();
        distinct(&mut levels);
    }
    let lowest = levels[0];
    levels.push(highest);
    let below = (softness.ceil() as u64).min(MOST_BELOW);
    levels.extend((1..=below).map(|further| lowest.saturating_sub(further).max(least)));
    distinct(&mut levels);
    levels.into_iter().map(|level| level as f64).collect()
}

/// Sizes next to those that were found, by so great a share of them at most: a bucket that is a little too large or too
/// small explains little.
fn near(steps: &[Step], share: f64, most: usize) -> Vec<f64> {
    let each = (most / steps.len()).max(3);
    let mut sizes = Vec::new();
    for step in steps {
        let apart = (step.limit * 2.0 * share / each as f64).ceil().max(1.0);
        let half = (each / 2) as i32;
        sizes.extend((-half..=half).map(|number| (step.limit + f64::from(number) * apart).max(1.0)));
    }
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    sizes
}

/// A bucket that refuses holds at least half of what was taken in the last span, and at most all of it.
fn bucket_sizes(gauge: &Gauge<'_>, least_refused: u64, highest: u64, most: usize) -> Vec<f64> {
    let lowest =
        if gauge.rule.window.counts_refused { 1.0 } else { (least_refused as f64 / 2.2).floor().max(1.0) };
    let highest = (highest as f64).max(lowest);
    if highest - lowest < most as f64 {
        return (lowest as u64..=highest as u64).map(|size| size as f64).collect();
    }
    let ratio = (highest / lowest).powf(1.0 / (most - 1) as f64);
    let mut sizes: Vec<f64> = (0..most).map(|power| (lowest * ratio.powi(power as i32)).round()).collect();
    sizes.dedup();
    sizes
}
