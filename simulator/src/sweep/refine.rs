//! Points between those of the grid, around the best.

use std::collections::{BTreeMap, BTreeSet};

use crate::sweep::{Axis, Point, Value};

/// More axes than this would make thousands of points a round; the first ones are refined.
const MOST_AXES: usize = 4;
/// Values nearer to each other than this share of the larger are not told apart.
const NEAR: f64 = 0.01;

/// The points halfway from `best` to its nearest neighbours in each direction, diagonals included, that have not been
/// tried: at most 3^4 - 1.
pub fn around(best: &Point, tried: &BTreeSet<Point>, axes: &[Axis]) -> Vec<Point> {
    let numbers = axes.iter().filter(|axis| axis.setting.is_number());
    let steps: Vec<(&Axis, Vec<Value>)> = numbers
        .filter_map(|axis| Some((axis, *best.settings.get(axis.setting.path())?)))
        .map(|(axis, value)| (axis, halfway(axis, value, tried)))
        .filter(|(_, values)| values.len() > 1)
        .take(MOST_AXES)
        .collect();
    let mut settings: Vec<BTreeMap<String, Value>> = vec![best.settings.clone()];
    for (axis, values) in steps {
        let each = settings.into_iter().flat_map(|settings| {
            values.iter().map(move |value| {
                let mut settings = settings.clone();
                settings.insert(axis.setting.path().to_owned(), *value);
                settings
            })
        });
        settings = each.collect();
    }
    let points = settings.into_iter().map(|settings| Point { controller: best.controller, settings });
    points.filter(|point| !tried.contains(point)).collect()
}

/// A value, and those halfway to the next that were tried below and above it.
fn halfway(axis: &Axis, value: Value, tried: &BTreeSet<Point>) -> Vec<Value> {
    let rank = |value: Value| axis.setting.rank(value);
    let known = tried.iter().filter_map(|point| point.settings.get(axis.setting.path()).copied());
    let known: Vec<f64> = known.map(rank).chain(axis.values.iter().copied().map(rank)).collect();
    let here = rank(value);
    let below = known.iter().copied().filter(|other| *other < here).fold(f64::NAN, f64::max);
    let above = known.iter().copied().filter(|other| *other > here).fold(f64::NAN, f64::min);
    let between = |other: f64| {
        let middle = f64::midpoint(here, other);
        // Beside no limit there is no middle.
        let far = middle.is_finite() && (middle - here).abs() > NEAR * middle.abs().max(here.abs());
        let middle = if axis.setting.is_whole() { Some(middle.floor()) } else { six_digits(middle) };
        let value = middle.filter(|_| far).and_then(|middle| axis.setting.read(&middle.to_string()));
        value.filter(|value| rank(*value) != here && rank(*value) != other)
    };
    [between(below), Some(value), between(above)].into_iter().flatten().collect()
}

/// Halving makes digits that nobody wants to read in a configuration.
fn six_digits(number: f64) -> Option<f64> {
    format!("{number:.5e}").parse().ok()
}

#[cfg(test)]
mod tests {
    use adaptive::{Kind, Settings};

    use super::*;
    use crate::sweep::Grid;

    fn refined(grid: &[&str], best: usize) -> Vec<String> {
        let axes: Vec<Axis> = grid.iter().map(|text| text.parse().unwrap()).collect();
        let grid = Grid::new(&[Kind::Predictive], axes, &Settings::default()).unwrap();
        let tried = grid.points().iter().cloned().collect();
        let around = around(&grid.points()[best], &tried, grid.axes());
        let values =
            |point: &Point| point.settings.values().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        around.iter().map(values).collect()
    }

    #[test]
    fn the_best_is_surrounded() {
        let around = refined(&["max_calls_per_minute=40,60,80", "max_concurrency=2,6,10"], 4);
        assert_eq!(around, ["50 4", "50 6", "50 8", "60 4", "60 8", "70 4", "70 6", "70 8"]);
    }

    #[test]
    fn at_an_edge_there_is_one_side_only() {
        assert_eq!(refined(&["max_concurrency=2,6,10"], 0), ["4"]);
        assert_eq!(refined(&["max_concurrency=2,6,10"], 2), ["8"]);
        assert_eq!(refined(&["hits_per_hour=0.1,0.2"], 1), ["0.15"]);
    }

    #[test]
    fn between_neighbours_there_is_nothing() {
        for (grid, best) in [
            ("max_concurrency=4,5,6", 1),
            ("max_concurrency=5", 0),
            ("learn=true,false", 0),
            // No limit is not halfway to anything.
            ("max_concurrency=4,0", 1),
            ("hits_per_hour=1.0,1.001", 0),
        ] {
            assert_eq!(refined(&[grid], best), [""; 0], "{grid}");
        }
    }

    #[test]
    fn rounds_end() {
        let axes: Vec<Axis> = vec!["max_concurrency=1,1000".parse().unwrap()];
        let grid = Grid::new(&[Kind::Fixed], axes, &Settings::default()).unwrap();
        let mut tried: BTreeSet<Point> = grid.points().iter().cloned().collect();
        let best = grid.points()[0].clone();
        let rounds = (0..100).take_while(|_| {
            let next = around(&best, &tried, grid.axes());
            tried.extend(next.iter().cloned());
            !next.is_empty()
        });
        assert_eq!(rounds.count(), 9, "halved from 1000 to 2");
    }
}
