//! What a sweep is: all that its results depend on, written down beside what it has measured.

use std::path::{Path, PathBuf};

use adaptive::{Kind, Settings};
use serde::{Deserialize, Serialize};
use simulator::Contender;
use simulator::scenario::Scenario;
use simulator::sweep::{Aim, Axis, Grid, Sweep, default_axes, leaves};
use simulator::trace::Trace;

use super::args::SweepArgs;
use super::shard::Shard;
use crate::args::Common;
use crate::asked::{contenders, format, scenario_text, set_horizon, trace};
use crate::config;
use crate::console::note;
use crate::fault::Fault;
use crate::simulate::replications;

/// What a sweep is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The world in which points are measured.
    pub world: World,
    /// Which points are.
    pub search: Search,
    /// The part of them that this machine measures; `None`: all.
    pub shard: Option<Shard>,
}

/// All that the measurement of a point depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    pub version: String,
    pub config: Settings,
    pub config_sha256: String,
    /// The name or file that was asked for, and what it said.
    pub scenario: String,
    pub scenario_text: String,
    pub hours: Option<f64>,
    pub trace: Option<TraceFile>,
    pub seed: u64,
    pub replications: u32,
}

/// The trace that is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceFile {
    pub path: PathBuf,
    /// As it was asked for.
    pub format: String,
    pub sha256: String,
}

/// Which points are measured, and which is the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    pub controllers: Vec<Kind>,
    pub grid: Vec<String>,
    pub budget: f64,
    pub refine: u32,
}

/// A sweep that can be run.
pub struct Prepared {
    pub definition: Definition,
    pub scenario: Scenario,
    pub trace: Option<Trace>,
    pub grid: Grid,
}

impl Prepared {
    /// What the arguments ask for.
    ///
    /// # Errors
    /// Where they ask for what there is not, or a file cannot be read.
    pub fn asked(args: &SweepArgs, common: &Common) -> Result<Self, Fault> {
        let controllers = kinds(&args.controllers)?;
        let asked_format = format(&args.format)?;
        if !(args.budget.is_finite() && args.budget > 0.0) {
            return Err(Fault::call(anyhow::anyhow!(
                "--budget {:?} must be a number above 0: refusals an hour that are acceptable",
                args.budget
            )));
        }
        let config = config::load(common.config.as_deref())?;
        let axes = axes(&args.grid, &config.settings)?;
        let scenario_text = scenario_text(&args.scenario)?;
        let mut scenario = Scenario::parse(&args.scenario, &scenario_text).map_err(Fault::call)?;
        let trace = args.trace.as_ref().map(|path| trace(path, asked_format)).transpose()?;
        set_horizon(&mut scenario, args.hours, trace.as_ref())?;
        if let Some(trace) = trace.as_ref().filter(|trace| trace.was_unsorted()) {
            note(format_args!(
                "{} was not sorted by arrival: its calls are replayed in order",
                trace.path().display()
            ));
        }
        let grid = Grid::new(&controllers, axes, &config.settings).map_err(Fault::call)?;
        let world = World {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: config.settings,
            config_sha256: config.sha256,
            scenario: args.scenario.clone(),
            scenario_text,
            hours: args.hours,
            trace: trace.as_ref().map(|trace| TraceFile {
                path: trace.path().to_owned(),
                format: args.format.clone(),
                sha256: trace.sha256().to_owned(),
            }),
            seed: args.seed,
            replications: replications(args.replications, &scenario, trace.is_some()),
        };
        let search = Search {
            controllers,
            grid: grid.axes().iter().map(ToString::to_string).collect(),
            budget: args.budget,
            refine: args.refine,
        };
        Ok(Self { definition: Definition { world, search, shard: args.shard }, scenario, trace, grid })
    }

    /// A sweep that was written down; its trace may have moved to `moved`.
    ///
    /// # Errors
    /// Where its trace is gone or has changed.
    pub fn again(definition: Definition, moved: Option<&Path>) -> Result<Self, Fault> {
        let Definition { world, search, .. } = &definition;
        let mut scenario = Scenario::parse(&world.scenario, &world.scenario_text).map_err(Fault::failure)?;
        let trace = match &world.trace {
            None => None,
            Some(file) => {
                let trace = trace(moved.unwrap_or(&file.path), format(&file.format)?)?;
                if trace.sha256() != file.sha256 {
                    let what = format!("{} is not the trace of this sweep", trace.path().display());
                    return Err(Fault::call(anyhow::anyhow!("{what}; give that one with --trace")));
                }
                Some(trace)
            }
        };
        set_horizon(&mut scenario, world.hours, trace.as_ref())?;
        let axes = axes(&search.grid, &world.config)?;
        let grid = Grid::new(&search.controllers, axes, &world.config).map_err(Fault::call)?;
        Ok(Self { scenario, trace, grid, definition })
    }

    /// What is to be simulated.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep {
            scenario: &self.scenario,
            trace: self.trace.as_ref(),
            settings: &self.definition.world.config,
            grid: &self.grid,
            replications: self.definition.world.replications,
            seed: self.definition.world.seed,
        }
    }

    /// What a good point is.
    pub fn aim(&self) -> Aim {
        Aim { budget: self.definition.search.budget, rounds: self.definition.search.refine }
    }
}

impl World {
    /// What differs from another world first, in words; `None` where nothing does. A trace may have moved.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let differ = |what: &str, one: String, two: String| {
            (one != two).then(|| format!("its {what} is {one} there and {two} here"))
        };
        let other_text = || "its scenario's file says something else".to_owned();
        let trace = |world: &Self| {
            let file = world.trace.as_ref();
            file.map_or("none".to_owned(), |file| {
                format!("{} ({}, {})", file.path.display(), file.format, &file.sha256)
            })
        };
        let same_trace = match (&self.trace, &other.trace) {
            (Some(one), Some(two)) => (&one.sha256, &one.format) == (&two.sha256, &two.format),
            (one, two) => one == two,
        };
        let hours = |world: &Self| world.hours.map_or("the whole".to_owned(), |hours| hours.to_string());
        differ("version of ratepilot", self.version.clone(), other.version.clone())
            .or_else(|| differ("seed", self.seed.to_string(), other.seed.to_string()))
            .or_else(|| differ("scenario", self.scenario.clone(), other.scenario.clone()))
            .or_else(|| (self.scenario_text != other.scenario_text).then(other_text))
            .or_else(|| if same_trace { None } else { differ("trace", trace(self), trace(other)) })
            .or_else(|| differ("--hours", hours(self), hours(other)))
            .or_else(|| differ("replications", self.replications.to_string(), other.replications.to_string()))
            .or_else(|| setting_that_differs(&self.config, &other.config))
    }
}

fn setting_that_differs(one: &Settings, other: &Settings) -> Option<String> {
    let pairs = leaves(one).into_iter().zip(leaves(other));
    pairs.into_iter().find(|(one, other)| one != other).map(|((path, one), (_, other))| {
        format!("its configuration has {path} = {one} there and {other} here")
    })
}

/// The controllers of a list that have something to be set.
fn kinds(names: &str) -> Result<Vec<Kind>, Fault> {
    if names.trim() == "all" {
        return Ok(Kind::ALL.to_vec());
    }
    let kind = |contender| match contender {
        Contender::Controller(kind) => Ok(kind),
        Contender::None | Contender::Oracle => Err(Fault::call(anyhow::anyhow!(
            "--controllers: '{contender}' has nothing to be set; it is run beside the others anyway"
        ))),
    };
    contenders(names)?.into_iter().map(kind).collect()
}

fn axes(grid: &[String], base: &Settings) -> Result<Vec<Axis>, Fault> {
    if grid.is_empty() {
        return default_axes(base).map_err(Fault::call);
    }
    let axis = |text: &String| text.parse().map_err(|error| Fault::call(anyhow::anyhow!("--grid: {error}")));
    grid.iter().map(axis).collect()
}
