//! Which limits explain a log's refusals best.
//!
//! Every rule is fitted alone; then a second and a third limit are added where they explain refusals that the others
//! leave unexplained. An explanation's cost is its description length in nats: what its limits and changes take to say,
//! and what the log takes to say once they are known (Rissanen, "Modeling by shortest data description", 1978). Explanations
//! that cost nearly the same cannot be told apart by the log, and are returned as rivals.

use rayon::prelude::*;

use super::events::{Events, Sample};
use super::fit::Fit;
use super::gauge::{Gauge, Told};
use super::rule::{Dimension, Rule};
use crate::scenario::WindowKind;

/// Limits that explain the refusals together.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub rules: Vec<Rule>,
    pub softness: f64,
    /// In nats.
    pub cost: f64,
}

/// The best explanation, and those that the log cannot tell from it.
#[derive(Debug)]
pub(super) struct Verdict {
    pub best: Explanation,
    pub rivals: Vec<Explanation>,
    /// The cost of the refusals were they mere chance.
    pub by_chance: f64,
}

/// Costs this much higher make an explanation twenty times less likely.
const TELLING: f64 = 3.0;
/// Limits that a fit may choose from while rules are compared, and when the best is refined.
const FEW: usize = 48;
pub(super) const MANY: usize = 192;
/// A hard wall and a soft one of this softness are tried for every rule; the other softnesses for the best.
const TRIED_SOFT: f64 = 6.0;
const SOFTNESSES: [f64; 9] = [0.0, 2.0, 3.0, 4.0, 6.0, 10.0, 15.0, 22.0, 32.0];
/// Buckets that are tried on more than the screening's sample, for each dimension.
const SCREENED_BUCKETS: usize = 5;
/// The most events that are looked at while rules are compared, and from how many parts of the log; and to screen.
const SEARCHED: usize = 60_000;
const PARTS: usize = 4;
const SCREENED: usize = 20_000;
/// Explanations that are compared on the whole log.
const FINALISTS: usize = 3;
/// Rules that a second limit is added to.
const LEADERS: usize = 3;
/// Unexplained refusals that are worth a further limit.
const WORTH_A_LIMIT: usize = 2;

/// Explains the refusals of `events`; `None` where there are none, or nothing that could be limited.
pub(super) fn explain(events: &Events) -> Option<Verdict> {
    let all = Rule::candidates(events);
    let rules = screened(&all, &events.sample(2, SCREENED));
    let sample = events.sample(PARTS, SEARCHED);
    let singles: Vec<(Rule, f64)> = rules
        .iter()
        .flat_map(|rule| [0.0, TRIED_SOFT].map(|softness| (*rule, softness)))
        .filter(may_be_soft)
        .collect();
    let mut found =
        cost_all(&sample, singles.into_iter().map(|(rule, softness)| (vec![rule], softness)).collect());
    let leaders = leaders(&found);
    let softer =
        leaders.iter().flat_map(|rule| SOFTNESSES.map(|softness| (*rule, softness))).filter(may_be_soft);
    found.extend(cost_all(&sample, softer.map(|(rule, softness)| (vec![rule], softness)).collect()));
    // A second limit, and a third.
    for size in 1..3 {
        let best: Vec<Explanation> = most_telling(&found, size);
        for base in best {
            if unexplained(&sample, &base) < WORTH_A_LIMIT {
                continue;
            }
            let further = rules.iter().filter(|rule| base.rules.iter().all(|taken| rule.goes_with(taken)));
            let together: Vec<_> = further.map(|rule| [base.rules.as_slice(), &[*rule]].concat()).collect();
            let walls = if base.softness == 0.0 { vec![0.0] } else { vec![0.0, base.softness] };
            let tried = together.iter().flat_map(|rules| walls.iter().map(|wall| (rules.clone(), *wall)));
            found.extend(cost_all(&sample, tried.collect()));
        }
    }
    let whole = events.whole();
    found.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    if sample.counts() != whole.counts() {
        let finalists =
            finalists(&found).into_iter().map(|explanation| (explanation.rules, explanation.softness));
        found = cost_all(&whole, finalists.collect());
        found.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    }
    let best = found.first()?.clone();
    let rival = |other: &Explanation| other.cost < best.cost + TELLING && !same(other, &best);
    let rivals = found.iter().skip(1).filter(|other| rival(other)).cloned().collect();
    Some(Verdict { rivals, best, by_chance: by_chance(&whole) })
}

/// The best few of `found`, which is sorted, and the best with each kind of window.
fn finalists(found: &[Explanation]) -> Vec<Explanation> {
    let kind = |explanation: &Explanation| {
        let window = explanation.rules.iter().find(|rule| rule.dimension != Dimension::Concurrency);
        window.map(|rule| rule.window.kind)
    };
    let mut finalists: Vec<Explanation> = Vec::new();
    for explanation in found {
        let new = finalists.iter().all(|other| !same(other, explanation));
        let first = finalists.iter().all(|other| kind(other) != kind(explanation));
        if new && (first || finalists.len() < FINALISTS) {
            finalists.push(explanation.clone());
        }
    }
    finalists
}

/// The rules without the buckets that explain little: each bucket is filled anew for every size that it may have, so
/// that all of them on a whole log would take longer than everything else together.
fn screened(rules: &[Rule], events: &Sample<'_>) -> Vec<Rule> {
    let is_bucket = |rule: &&Rule| {
        rule.dimension != Dimension::Concurrency && rule.window.kind == WindowKind::TokenBucket
    };
    let buckets = rules.iter().filter(is_bucket).map(|rule| (vec![*rule], 0.0)).collect();
    let mut costs = cost_all(events, buckets);
    costs.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let few = |dimension| {
        let of = costs
            .iter()
            .map(|explanation| explanation.rules[0])
            .filter(move |rule| rule.dimension == dimension);
        of.take(SCREENED_BUCKETS)
    };
    let kept: Vec<Rule> = few(Dimension::Calls).chain(few(Dimension::Tokens)).collect();
    rules.iter().filter(|rule| !is_bucket(rule) || kept.contains(rule)).copied().collect()
}

/// Fits rules together, each to what the others leave unexplained, in turn.
pub(super) fn fit_together(
    events: &Sample<'_>,
    rules: &[Rule],
    softness: f64,
    most: usize,
) -> Option<Vec<Fit>> {
    let gauges: Vec<_> = rules.iter().map(|rule| Gauge::new(*rule, events)).collect();
    let mut fits: Vec<Option<Fit>> = vec![None; rules.len()];
    // The first limit alone, the next to what it leaves, and once more round.
    let turns = if rules.len() == 1 { 1 } else { 2 * rules.len() };
    for turn in 0..turns {
        let index = turn % rules.len();
        let told = told(events, rules, index, &fits);
        fits[index] = Fit::new(&gauges[index], &told, softness_of(rules[index], softness), most);
    }
    fits.into_iter().collect()
}

/// What the events tell about the rule at `index`, where the other fits explain what they do.
pub(super) fn told(events: &Sample<'_>, rules: &[Rule], index: usize, fits: &[Option<Fit>]) -> Vec<Told> {
    let explained = |event: usize| {
        let may_be = events.events[event].may_be;
        let others = fits.iter().zip(rules).enumerate().filter(|(other, _)| *other != index);
        others.into_iter().any(|(_, (fit, rule))| {
            fit.as_ref().is_some_and(|fit| fit.excess[event] > 0.0) && may_be.contain(rule.dimension)
        })
    };
    let mut told = vec![Told::Nothing; events.events.len()];
    for number in events.indices() {
        let event = &events.events[number];
        told[number] = match event.refused {
            false => Told::Accepted,
            true if event.may_be.contain(rules[index].dimension) && !explained(number) => Told::Refused,
            true => Told::Nothing,
        };
    }
    told
}

fn softness_of(rule: Rule, softness: f64) -> f64 {
    // As the provider's model has it: tokens always have a hard wall.
    if rule.dimension == Dimension::Tokens { 0.0 } else { softness }
}

fn may_be_soft((rule, softness): &(Rule, f64)) -> bool {
    *softness == 0.0 || rule.dimension != Dimension::Tokens
}

fn cost_all(events: &Sample<'_>, tried: Vec<(Vec<Rule>, f64)>) -> Vec<Explanation> {
    let cost = |(rules, softness): (Vec<Rule>, f64)| {
        let fits = fit_together(events, &rules, softness, FEW)?;
        let cost = cost(events, &rules, &fits, softness);
        Some(Explanation { rules, softness, cost })
    };
    // In order, whatever the threads: ties are broken by place.
    tried.into_par_iter().map(cost).collect::<Vec<_>>().into_iter().flatten().collect()
}

/// What the limits take to say, and what the log takes once they are known.
pub(super) fn cost(events: &Sample<'_>, rules: &[Rule], fits: &[Fit], softness: f64) -> f64 {
    let (mut below, mut below_refused, mut says) = (0_u64, 0_u64, 0.0);
    for index in events.indices() {
        let event = &events.events[index];
        let mut passes = 1.0;
        for (fit, rule) in fits.iter().zip(rules) {
            let excess = f64::from(fit.excess[index]);
            if excess > 0.0 && (!event.refused || event.may_be.contain(rule.dimension)) {
                passes *= 1.0 - fit.wall.refuses(excess);
            }
        }
        if passes == 1.0 {
            below += 1;
            below_refused += u64::from(event.refused);
        } else if event.refused {
            says -= (1.0 - passes).max(1e-9).ln();
        } else {
            says -= passes.max(1e-9).ln();
        }
    }
    let parameters: f64 = fits.iter().map(Fit::says).sum();
    let prior: f64 = rules.iter().map(Rule::prior_cost).sum();
    let wall = if softness > 0.0 { 0.5 * (events.counts().1.max(2) as f64).ln() } else { 0.0 };
    says + of_chance(below_refused, below) + parameters + prior + wall
}

/// The cost of all refusals and acceptances as so many throws of one coin.
fn by_chance(events: &Sample<'_>) -> f64 {
    let (all, refused) = events.counts();
    of_chance(refused, all)
}

fn of_chance(refused: u64, of: u64) -> f64 {
    let (refused, of) = (refused as f64, of as f64);
    let share = (refused + 0.5) / (of + 1.0);
    -refused * share.ln() - (of - refused) * (1.0 - share).ln()
}

fn unexplained(events: &Sample<'_>, explanation: &Explanation) -> usize {
    let Some(fits) = fit_together(events, &explanation.rules, explanation.softness, FEW) else { return 0 };
    let none = |index: usize| {
        let may_be = events.events[index].may_be;
        let mut fits = fits.iter().zip(&explanation.rules);
        !fits.any(|(fit, rule)| fit.excess[index] > 0.0 && may_be.contain(rule.dimension))
    };
    events.indices().filter(|index| events.events[*index].refused && none(*index)).count()
}

/// The best rules, at least the best of each dimension.
fn leaders(found: &[Explanation]) -> Vec<Rule> {
    let mut sorted: Vec<_> = found.iter().collect();
    sorted.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut leaders: Vec<Rule> = Vec::new();
    for rule in sorted.iter().map(|explanation| explanation.rules[0]) {
        let first = leaders.iter().all(|leader| leader.dimension != rule.dimension);
        if !leaders.contains(&rule) && (first || leaders.len() < LEADERS) {
            leaders.push(rule);
        }
    }
    leaders
}

/// The best explanations by so many limits, one for each set of rules.
fn most_telling(found: &[Explanation], size: usize) -> Vec<Explanation> {
    let mut sorted: Vec<_> = found.iter().filter(|explanation| explanation.rules.len() == size).collect();
    sorted.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut best: Vec<Explanation> = Vec::new();
    for explanation in sorted {
        let rule = explanation.rules[0];
        let first = best.iter().all(|taken| taken.rules[0].dimension != rule.dimension);
        let new = best.iter().all(|taken| taken.rules != explanation.rules);
        if new && (first || best.len() < LEADERS) {
            best.push(explanation.clone());
        }
    }
    best
}

/// Whether two explanations differ in their softness only, or in the order of their rules.
fn same(one: &Explanation, other: &Explanation) -> bool {
    one.rules.len() == other.rules.len() && one.rules.iter().all(|rule| other.rules.contains(rule))
}
