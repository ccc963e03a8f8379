//! What a sweep amounts to.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::results::{ControllerSummary, Estimate};
use crate::sweep::front::front;
use crate::sweep::recommend::recommend;
use crate::sweep::{Axis, Measured, Point, Recommendation};

/// `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepResults {
    /// The version of ratepilot that simulated.
    pub version: String,
    /// SHA-256 of the effective configuration, which the grid overrides.
    pub config_sha256: String,
    /// SHA-256 of the trace file's bytes, where a trace was replayed.
    pub trace_sha256: Option<String>,
    /// The seed from which every stream was derived.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The horizon in hours, warm-up included.
    pub hours: f64,
    /// Hours at the start that the statistics leave out.
    pub warmup_hours: f64,
    /// How often each point was run.
    pub replications: u32,
    /// Refusals an hour that are acceptable.
    pub budget_hits_per_hour: f64,
    /// The settings that were varied and the values that the grid began with, in the order in which they were asked
    /// for.
    #[serde(serialize_with = "axes")]
    pub grid: Vec<Axis>,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The two ends that points are compared with, on the same arrivals and streams: no limiter, and the oracle.
    pub references: Vec<ControllerSummary>,
    /// Every point, by round, and within the first one in the order of the grid.
    pub points: Vec<SweptPoint>,
    /// The point that is recommended; `None` where nobody calls.
    pub recommendation: Option<Recommendation>,
    /// Its settings by path, and those of the configuration that are not the default: all that it takes to have it.
    pub recommended_config: BTreeMap<String, serde_json::Value>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweptPoint {
    /// What was run.
    #[serde(flatten)]
    pub point: Point,
    /// 0 for a point of the grid; else the round of refinement.
    pub round: u32,
    /// Whether the upper end of the 95% interval of its refusals lies below the budget.
    pub within_budget: bool,
    /// Whether no other point beats it in refusals, goodput and added wait.
    pub on_front: bool,
    /// Whether it is the one that is recommended.
    pub recommended: bool,
    /// What it amounts to.
    pub summary: ControllerSummary,
    /// This point less the recommended one, replication by replication; `None` for that one itself.
    pub less_recommended: Option<Versus>,
}

/// The difference of two points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Versus {
    /// Of refusals an hour.
    pub hits_per_hour: Estimate,
    /// Of goodput a minute.
    pub goodput_per_minute: Estimate,
}

impl Found {
    /// What points amount to, each with its round, beside the two ends, of which the oracle comes last.
    pub(crate) fn of(ends: &[&Measured], rows: &[(&Measured, Point, u32)], budget: f64) -> Self {
        let beside = |measured: &Measured| match ends.last() {
            Some(oracle) => measured.beside(oracle),
            None => measured.summary.clone(),
        };
        let measured: Vec<_> = rows.iter().map(|(measured, ..)| *measured).collect();
        let recommendation = recommend(&measured, budget);
        let best = recommendation.map(|recommendation| recommendation.point);
        let swept =
            |(index, ((measured, point, round), on_front)): (usize, (&(&Measured, Point, u32), bool))| {
                let others = best.filter(|best| *best != index).map(|best| measured.less(rows[best].0));
                SweptPoint {
                    point: point.clone(),
                    round: *round,
                    within_budget: measured.is_within(budget),
                    on_front,
                    recommended: best == Some(index),
                    summary: beside(measured),
                    less_recommended: others,
                }
            };
        Self {
            references: ends.iter().map(|end| beside(end)).collect(),
            points: rows.iter().zip(front(&measured)).enumerate().map(swept).collect(),
            recommendation,
            recommended_config: BTreeMap::new(),
        }
    }
}

impl SweepResults {
    /// The point that is recommended.
    pub fn best(&self) -> Option<&SweptPoint> {
        self.found.points.get(self.found.recommendation?.point)
    }

    /// One of the two ends, by name.
    pub fn reference(&self, name: &str) -> Option<&ControllerSummary> {
        self.found.references.iter().find(|reference| reference.name == name)
    }
}

/// As `[{"setting": …, "values": […]}]`.
fn axes<S: serde::Serializer>(axes: &[Axis], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        setting: &'a str,
        values: &'a [crate::sweep::Value],
    }
    serializer
        .collect_seq(axes.iter().map(|axis| Written { setting: axis.setting.path(), values: &axis.values }))
}
