//! Picks thresholds: a grid of settings, refined around the best of its points, and the one that is recommended.
//!
//! A [`Grid`] is spanned by controllers and [`Axis`]es, a [`Sweep`] measures its points in one world, and the outcome,
//! [`Found`], names the Pareto front and the [`Recommendation`]. Every point sees the same arrivals and streams
//! (common random numbers), so points are compared pair by pair. What was measured before can be handed in, so that
//! a sweep can be stopped, resumed, and shared by many machines; the results do not depend on it.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use adaptive::{Kind, Settings};
//! use simulator::scenario::{Scenario, builtin};
//! use simulator::sweep::{Aim, Grid, Sweep};
//!
//! let mut scenario = Scenario::parse("constant", builtin::find("constant")?)?;
//! scenario.horizon = limiter_core::Time::from_secs_f64(3_600.0);
//! let settings = Settings::default();
//! // The provider allows 60 calls a minute, and the grid comes no nearer to that than 50.
//! let grid = Grid::new(&[Kind::Fixed], vec!["max_calls_per_minute=30..90:20".parse()?], &settings)?;
//! let sweep = Sweep { scenario: &scenario, trace: None, settings: &settings, grid: &grid, replications: 4, seed: 1 };
//! let found = sweep.search(Aim { budget: 1.0, rounds: 3 }, &mut BTreeMap::new(), &())?;
//! let best = &found.points[found.recommendation.expect("somebody calls").point];
//! assert_eq!(best.point.settings["limiter.max_calls_per_minute"].as_f64(), 60.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod front;
mod grid;
mod measured;
mod point;
mod recommend;
mod refine;
mod results;
mod search;
mod setting;
#[cfg(test)]
mod testing;
mod value;

pub use axis::{Axis, AxisError, default_axes};
pub use grid::{Grid, GridError};
pub use measured::{Counts, Measured};
pub use point::Point;
pub use recommend::{Recommendation, TIE};
pub use results::{Found, SweepResults, SweptPoint, Versus};
pub use search::{Aim, Sweep, SweepError, Watch};
pub use setting::{Setting, UnknownSetting, leaves};
pub use value::Value;

/// A grid of more points is refused, as is an axis of more values: at a second each they would take hours.
pub const MOST_POINTS: usize = 10_000;
