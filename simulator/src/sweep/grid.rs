//! The grid: every combination of values that makes a difference, under every controller.

use std::collections::BTreeMap;

use adaptive::{ControlLoop, InvalidSetting, Kind, Settings};
use limiter_core::Window;

use crate::contender::Contender;
use crate::sweep::{Axis, MOST_POINTS, Point};

/// Controllers and axes, and the points that they span.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    axes: Vec<Axis>,
    points: Vec<Point>,
}

/// A grid cannot be.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// It has more points than are run.
    #[error(
        "the grid has {points} points ({sizes}), and a sweep runs at most {MOST_POINTS}: take fewer values or \
         larger steps, and let the refinement do the rest"
    )]
    TooMany {
        /// Its points; so many or more.
        points: u128,
        /// How they come about.
        sizes: String,
    },
    /// Two axes are of one setting.
    #[error("`{0}` is on two axes of the grid: give all its values at once")]
    Twice(String),
    /// A point's settings cannot be.
    #[error("{point}: {source}")]
    Setting {
        /// The point.
        point: Point,
        /// Why.
        source: InvalidSetting,
    },
    /// A point's settings are none of the configuration.
    #[error("{point}: {source}")]
    Unreadable {
        /// The point.
        point: Point,
        /// Why.
        source: serde_json::Error,
    },
}

/// All that makes a difference to a run: what is equal here behaves alike.
type Behaviour = (Window, ControlLoop);

impl Grid {
    /// The grid of these axes over the configuration `base`, each point of which is checked.
    ///
    /// A setting that makes no difference to a controller, whatever the others are, is no dimension of its grid: so
    /// `fixed` is not run once for each `hits_per_hour`.
    ///
    /// # Errors
    /// Where it is too large, has a setting twice, or a point cannot be.
    pub fn new(controllers: &[Kind], axes: Vec<Axis>, base: &Settings) -> Result<Self, GridError> {
        for (index, axis) in axes.iter().enumerate() {
            if axes[..index].iter().any(|other| other.setting == axis.setting) {
                return Err(GridError::Twice(axis.setting.name().to_owned()));
            }
        }
        let sizes = axes.iter().map(|axis| axis.values.len());
        let count =
            sizes.fold(controllers.len() as u128, |product, size| product.saturating_mul(size as u128));
        if count > MOST_POINTS as u128 {
            let of_axes = axes.iter().map(|axis| format!("{} of {}", axis.values.len(), axis.setting.name()));
            let sizes = of_axes.chain([format!("{} controllers", controllers.len())]);
            return Err(GridError::TooMany { points: count, sizes: sizes.collect::<Vec<_>>().join(" × ") });
        }
        let mut points = Vec::new();
        for &controller in controllers {
            points.extend(points_of(controller, &axes, base)?);
        }
        Ok(Self { axes, points })
    }

    /// The settings that are varied, and their values.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// By controller, and within one by the axes, of which the last turns fastest.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

fn points_of(controller: Kind, axes: &[Axis], base: &Settings) -> Result<Vec<Point>, GridError> {
    let all = Turns::new(axes).map(|turn| point(controller, axes, &turn, |_| true));
    let mut behaviours = Vec::new();
    for point in all {
        behaviours.push(behaviour(&point, controller, base)?);
    }
    let strides: Vec<usize> =
        (0..axes.len()).map(|axis| axes[axis + 1..].iter().map(|axis| axis.values.len()).product()).collect();
    let matters: Vec<bool> = (strides.iter().zip(axes))
        .map(|(stride, axis)| {
            let first = |index: usize| index - index / stride % axis.values.len() * stride;
            (0..behaviours.len()).any(|index| behaviours[index] != behaviours[first(index)])
        })
        .collect();
    let told_apart = Turns::new(axes)
        .filter(|turn| turn.iter().zip(&matters).all(|(place, matters)| *matters || *place == 0));
    Ok(told_apart.map(|turn| point(controller, axes, &turn, |axis| matters[axis])).collect())
}

fn point(controller: Kind, axes: &[Axis], turn: &[usize], keep: impl Fn(usize) -> bool) -> Point {
    let kept = axes.iter().enumerate().filter(|(index, _)| keep(*index));
    let settings: BTreeMap<_, _> =
        kept.map(|(index, axis)| (axis.setting.path().to_owned(), axis.values[turn[index]])).collect();
    Point { controller: Contender::Controller(controller), settings }
}

fn behaviour(point: &Point, controller: Kind, base: &Settings) -> Result<Behaviour, GridError> {
    let settings = point.settings(base)?;
    let behaviour = settings
        .limiter
        .window()
        .and_then(|window| settings.control_loop(controller).map(|control| (window, control)));
    behaviour.map_err(|source| GridError::Setting { point: point.clone(), source })
}

/// Every combination of places on the axes; the last turns fastest.
struct Turns<'a> {
    axes: &'a [Axis],
    next: Option<Vec<usize>>,
}

impl<'a> Turns<'a> {
    fn new(axes: &'a [Axis]) -> Self {
        Self { axes, next: Some(vec![0; axes.len()]) }
    }
}

impl Iterator for Turns<'_> {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let turn = self.next.take()?;
        let mut following = turn.clone();
        for (place, axis) in following.iter_mut().zip(self.axes).rev() {
            *place += 1;
            if *place < axis.values.len() {
                self.next = Some(following);
                break;
            }
            *place = 0;
        }
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn grid(controllers: &[Kind], texts: &[&str]) -> Result<Grid, GridError> {
        Grid::new(controllers, axes(texts), &Settings::default())
    }

    fn shown(grid: &Grid) -> Vec<String> {
        grid.points().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_last_axis_turns_fastest() {
        let grid = grid(&[Kind::Fixed], &["max_concurrency=2,5", "max_calls_per_minute=30,60"]).unwrap();
        assert_eq!(
            shown(&grid),
            [
                "fixed with limiter.max_calls_per_minute = 30, limiter.max_concurrency = 2",
                "fixed with limiter.max_calls_per_minute = 60, limiter.max_concurrency = 2",
                "fixed with limiter.max_calls_per_minute = 30, limiter.max_concurrency = 5",
                "fixed with limiter.max_calls_per_minute = 60, limiter.max_concurrency = 5",
            ]
        );
    }

    #[test]
    fn what_makes_no_difference_to_a_controller_is_not_tried() {
        let kinds = [Kind::Fixed, Kind::Inspect, Kind::Predictive];
        let grid = grid(&kinds, &["max_concurrency=2,5", "hits_per_hour=0.3,0.7"]).unwrap();
        assert_eq!(
            shown(&grid),
            [
                "fixed with limiter.max_concurrency = 2",
                "fixed with limiter.max_concurrency = 5",
                "inspect",
                "predictive with controller.hits_per_hour = 0.3, limiter.max_concurrency = 2",
                "predictive with controller.hits_per_hour = 0.7, limiter.max_concurrency = 2",
                "predictive with controller.hits_per_hour = 0.3, limiter.max_concurrency = 5",
                "predictive with controller.hits_per_hour = 0.7, limiter.max_concurrency = 5",
            ]
        );
    }

    #[test]
    fn a_setting_that_matters_beside_some_others_only_is_tried() {
        // Under a ceiling of 4 it makes no difference whether 5 or 8 are asked for.
        let grid = grid(&[Kind::Fixed], &["ceiling_concurrency=4,0", "max_concurrency=5,8"]).unwrap();
        assert_eq!(grid.points().len(), 4);
    }

    #[test]
    fn no_axis_is_one_point_a_controller() {
        assert_eq!(shown(&grid(&[Kind::Fixed, Kind::Aimd], &[]).unwrap()), ["fixed", "aimd"]);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let cases: [(&[&str], &str); 4] = [
            (&["max_calls_per_minute=1..1000", "max_concurrency=1..1000"], "the grid has 1000000 points"),
            (&["max_concurrency=1", "limiter.max_concurrency=2"], "`max_concurrency` is on two axes"),
            (&["max_calls_per_minute=0,1"], "`limiter.max_calls_per_minute` is 0, but must be at least 1"),
            (
                &["floor_concurrency=2,5", "ceiling_concurrency=4,8"],
                "fixed with controller.ceiling_concurrency = 4, controller.floor_concurrency = 5: \
                 `controller.ceiling_concurrency` is 4, but must not be below its floor",
            ),
        ];
        for (texts, named) in cases {
            let error = grid(&[Kind::Fixed], texts).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
