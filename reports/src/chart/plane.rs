//! The plane through a sweep's points that a heat map shows: the one that the recommended point lies in.

use std::collections::BTreeMap;

use simulator::sweep::{Axis, Point, Setting, SweepResults, SweptPoint, Value};

use crate::sweep::{reads, setting_name};

/// Two settings, or a setting and the controllers; all else is as at the recommended point, or as near to it as the
/// grid comes.
pub(crate) struct Plane<'a> {
    /// What differs from left to right.
    pub across: Side,
    /// What differs from bottom to top.
    pub upwards: Side,
    /// From bottom to top, and from left to right.
    pub cells: Vec<Vec<Option<&'a SweptPoint>>>,
    /// The recommended point…
    pub best: &'a SweptPoint,
    /// …and its place in cells: 0.5 is the middle of the first. One of the refinement lies between them, or beside the
    /// plane.
    pub place: (f64, f64),
    /// What is the same everywhere, in words; empty where nothing is left to be said.
    pub fixed: String,
    /// What of it is otherwise at the recommended point, in words.
    pub aside: String,
}

impl Plane<'_> {
    /// Whether the recommended point is at none of the cells' places.
    pub(crate) fn is_between(&self) -> bool {
        [self.place.0, self.place.1].iter().any(|place| place.fract() != 0.5)
    }
}

/// One side of the plane.
pub(crate) struct Side {
    pub name: String,
    pub reads: Vec<String>,
}

impl Side {
    /// Its name, to stand above its values.
    pub(crate) fn above(&self) -> String {
        format!("{} ↓", self.name)
    }
}

/// `None` where no setting has two values under the recommended controller, or none is recommended.
pub(crate) fn plane(results: &SweepResults) -> Option<Plane<'_>> {
    let best = results.best()?;
    let has = |axis: &&Axis| axis.values.len() > 1 && best.point.settings.contains_key(axis.setting.path());
    let mut axes: Vec<&Axis> = results.grid.iter().filter(has).collect();
    // The longest goes across, where there is most room.
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.values.len()));
    let (across, others) = axes.split_first()?;
    let (upwards, others) =
        others.split_first().map_or((None, others), |(axis, others)| (Some(axis), others));
    let known: BTreeMap<&Point, &SweptPoint> =
        results.found.points.iter().map(|point| (&point.point, point)).collect();

    let mut middle = best.point.clone();
    for axis in others {
        let path = axis.setting.path();
        middle.settings.insert(path.to_owned(), nearest(axis, best.point.settings[path]));
    }
    let cell = |row: &Point, value: Value| {
        let mut point = row.clone();
        point.settings.insert(across.setting.path().to_owned(), value);
        known.get(&point).copied()
    };
    let row = |row: &Point| across.values.iter().map(|value| cell(row, *value)).collect::<Vec<_>>();
    let (upwards_side, rows): (Side, Vec<Point>) = match upwards {
        Some(axis) => (side(axis), axis.values.iter().map(|value| at(&middle, axis, *value)).collect()),
        None => controllers(results, &middle, |point| row(point).iter().any(Option::is_some)),
    };
    let column = position(across, *best.point.settings.get(across.setting.path())?);
    let row_of_best = match upwards {
        Some(axis) => position(axis, *best.point.settings.get(axis.setting.path())?),
        None => rows.iter().position(|row| row.controller == best.point.controller)? as f64 + 0.5,
    };
    let said = |point: &Point, keep: &dyn Fn(&str) -> bool| {
        let paths = others.iter().map(|axis| axis.setting.path()).filter(|path| keep(path));
        let words =
            paths.map(|path| format!("{} = {}", setting_name(path), reads(path, point.settings[path])));
        words.collect::<Vec<_>>().join(", ")
    };
    Some(Plane {
        across: side(across),
        upwards: upwards_side,
        cells: rows.iter().map(row).collect(),
        best,
        place: (column, row_of_best),
        fixed: said(&middle, &|_| true),
        aside: said(&best.point, &|path| best.point.settings[path] != middle.settings[path]),
    })
}

fn side(axis: &Axis) -> Side {
    let path = axis.setting.path();
    Side { name: setting_name(path), reads: axis.values.iter().map(|value| reads(path, *value)).collect() }
}

/// A row a controller, where there is no second setting.
fn controllers(
    results: &SweepResults,
    middle: &Point,
    is_there: impl Fn(&Point) -> bool,
) -> (Side, Vec<Point>) {
    let mut rows: Vec<Point> = Vec::new();
    for point in &results.found.points {
        let row = Point { controller: point.point.controller, settings: middle.settings.clone() };
        if !rows.contains(&row) && is_there(&row) {
            rows.push(row);
        }
    }
    // The first one is to be on top.
    rows.reverse();
    let reads = rows.iter().map(|row| row.controller.to_string()).collect();
    (Side { name: "controller".to_owned(), reads }, rows)
}

fn at(point: &Point, axis: &Axis, value: Value) -> Point {
    let mut point = point.clone();
    point.settings.insert(axis.setting.path().to_owned(), value);
    point
}

fn nearest(axis: &Axis, value: Value) -> Value {
    let rank = |value: Value| axis.setting.rank(value);
    let away = |other: &&Value| if **other == value { 0.0 } else { (rank(**other) - rank(value)).abs() };
    axis.values.iter().min_by(|one, other| away(one).total_cmp(&away(other))).copied().unwrap_or(value)
}

/// Where a value lies on an axis of cells: in the middle of its own, or between the middles of its neighbours'.
fn position(axis: &Axis, value: Value) -> f64 {
    let rank = |setting: &Setting, value: Value| setting.rank(value);
    let here = rank(&axis.setting, value);
    let ranks: Vec<f64> = axis.values.iter().map(|value| rank(&axis.setting, *value)).collect();
    let above = ranks.partition_point(|rank| *rank < here);
    match (above.checked_sub(1).and_then(|below| ranks.get(below)), ranks.get(above)) {
        (_, Some(high)) if *high <= here => above as f64 + 0.5,
        (Some(low), Some(high)) if high.is_finite() => above as f64 - 0.5 + (here - low) / (high - low),
        (Some(_), Some(_)) => above as f64,
        (None, _) => 0.5,
        (_, None) => ranks.len() as f64 - 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_between_two_cells_lies_between_their_middles() {
        let axis: Axis = "max_concurrency=2,4,8,0".parse().expect("an axis");
        let places = [2, 3, 4, 5, 8, 100, 0, 1].map(|value| position(&axis, Value::Whole(value)));
        assert_eq!(places, [0.5, 1.0, 1.5, 1.75, 2.5, 3.0, 3.5, 0.5]);
    }

    #[test]
    fn the_nearest_value_of_the_grid_is_taken() {
        let axis: Axis = "max_concurrency=2,4,8,0".parse().expect("an axis");
        let found = [3, 7, 9, 0].map(|value| nearest(&axis, Value::Whole(value)));
        assert_eq!(found, [2, 8, 8, 0].map(Value::Whole));
    }
}
