//! Measures the points of a grid, and then those around the best.

use std::collections::{BTreeMap, BTreeSet};

use adaptive::{Kind, Settings};
use rayon::prelude::*;

use crate::contender::Contender;
use crate::scenario::Scenario;
use crate::simulate::{Plan, SimulateError};
use crate::sweep::recommend::recommend;
use crate::sweep::refine::around;
use crate::sweep::setting::fragment;
use crate::sweep::{Found, Grid, GridError, Measured, Point};
use crate::trace::Trace;

/// What is searched, and in which world: every point sees the same arrivals and streams.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// The world.
    pub scenario: &'a Scenario,
    /// Takes the place of the scenario's arrivals.
    pub trace: Option<&'a Trace>,
    /// What the operator has set, as far as the grid does not.
    pub settings: &'a Settings,
    /// Where the search begins.
    pub grid: &'a Grid,
    /// How often each point is run.
    pub replications: u32,
    /// Where all streams come from.
    pub seed: u64,
}

/// What a good point is, and how long it is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// Refusals an hour that are acceptable.
    pub budget: f64,
    /// How many times the best point's surroundings are refined.
    pub rounds: u32,
}

/// Whoever follows a sweep: to show its progress, and to keep what has been measured.
pub trait Watch: Sync {
    /// What goes wrong in it, or in the sweep.
    type Error: From<SweepError> + Send;

    /// So many points are to be measured now; round 0 is the grid.
    fn begins(&self, round: u32, points: usize);

    /// Another hour of a replication has been simulated.
    fn hour(&self);

    /// A point is done.
    ///
    /// # Errors
    /// Those for which the sweep is to stop.
    fn measured(&self, point: &Point, measured: &Measured) -> Result<(), Self::Error>;
}

/// Why a sweep failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A simulation failed.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// A point cannot be.
    #[error(transparent)]
    Point(#[from] GridError),
}

/// Nobody follows.
impl Watch for () {
    type Error = SweepError;

    fn begins(&self, _: u32, _: usize) {}

    fn hour(&self) {}

    fn measured(&self, _: &Point, _: &Measured) -> Result<(), SweepError> {
        Ok(())
    }
}

impl Sweep<'_> {
    /// What is measured before anything is refined, and what machines may share: the two ends that points are compared
    /// with, no limiter and the oracle, and then the grid.
    pub fn first_points(&self) -> Vec<Point> {
        ends().into_iter().chain(self.grid.points().iter().cloned()).collect()
    }

    /// Measures those of the points that are not `known`, and adds them, on as many threads as the pool that it is called in has.
    ///
    /// # Errors
    /// One of those that came up; the points that were done by then have been told to `watch`.
    pub fn measure<W: Watch>(
        &self,
        round: u32,
        points: &[Point],
        known: &mut BTreeMap<Point, Measured>,
        watch: &W,
    ) -> Result<(), W::Error> {
        let missing: Vec<&Point> = points.iter().filter(|point| !known.contains_key(*point)).collect();
        watch.begins(round, missing.len());
        let done: Result<Vec<_>, W::Error> = missing
            .into_par_iter()
            .map(|point| {
                let measured = self.one(point, watch)?;
                watch.measured(point, &measured)?;
                Ok((point.clone(), measured))
            })
            .collect();
        known.extend(done?);
        Ok(())
    }

    /// Measures the grid, refines around the best, and says what was found; `known` points are not measured again, and new
    /// ones are added to them.
    ///
    /// # Errors
    /// Those of [`Sweep::measure`].
    pub fn search<W: Watch>(
        &self,
        aim: Aim,
        known: &mut BTreeMap<Point, Measured>,
        watch: &W,
    ) -> Result<Found, W::Error> {
        self.measure(0, &self.first_points(), known, watch)?;
        let mut rounds: Vec<(Point, u32)> =
            self.grid.points().iter().map(|point| (point.clone(), 0)).collect();
        for round in 1..=aim.rounds {
            let measured: Vec<_> = rounds.iter().filter_map(|(point, _)| known.get(point)).collect();
            let Some(best) = recommend(&measured, aim.budget) else { break };
            let tried: BTreeSet<Point> = rounds.iter().map(|(point, _)| point.clone()).collect();
            let next = around(&rounds[best.point].0, &tried, self.grid.axes());
            if next.is_empty() {
                break;
            }
            self.measure(round, &next, known, watch)?;
            rounds.extend(next.into_iter().map(|point| (point, round)));
        }
        let ends: Vec<&Measured> = ends().iter().filter_map(|end| known.get(end)).collect();
        let rows: Vec<_> = rounds
            .into_iter()
            .filter_map(|(point, round)| Some((known.get(&point)?, point, round)))
            .collect();
        let mut found = Found::of(&ends, &rows, aim.budget);
        if let Some(best) = found.recommendation.and_then(|best| found.points.get(best.point)) {
            found.recommended_config = self.config(&best.point).map_err(SweepError::from)?;
        }
        Ok(found)
    }

    /// What it takes to have a point. One that keeps its limits is had under any controller that does not learn.
    fn config(&self, point: &Point) -> Result<BTreeMap<String, serde_json::Value>, GridError> {
        let mut settings = point.settings(self.settings)?;
        if point.controller == Contender::Controller(Kind::Fixed) {
            settings.controller.learn = false;
        }
        Ok(fragment(&settings, &point.settings))
    }

    fn one<W: Watch>(&self, point: &Point, watch: &W) -> Result<Measured, SweepError> {
        let settings = point.settings(self.settings)?;
        let plan = Plan {
            scenario: self.scenario,
            trace: self.trace,
            settings: &settings,
            contenders: &[point.controller],
            replications: self.replications,
            seed: self.seed,
        };
        let (fields, _) = plan.simulate(|_, _| (), || watch.hour())?;
        let runs = fields.into_iter().next().map(|(_, runs)| runs).unwrap_or_default();
        Ok(Measured::of(point.controller, &runs))
    }
}

/// What points are compared with: no limiter, and last the oracle, which knows the provider's limits.
fn ends() -> [Point; 2] {
    [Contender::None, Contender::Oracle].map(|controller| Point { controller, settings: BTreeMap::new() })
}
