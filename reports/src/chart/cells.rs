//! The cells of a heat map: where they lie, what stands beside them, and the line between those that keep the budget and
//! those that do not.

use simulator::sweep::SweptPoint;

use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::MARK;
use crate::chart::lettering::Type;
use crate::chart::plane::Plane;
use crate::palette::{BLACK, Ink, QUIET, WHITE};

/// Where the cells of a map lie on the paper.
#[derive(Clone, Copy)]
pub(crate) struct Cells {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub columns: usize,
    pub rows: usize,
}

impl Cells {
    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height * self.rows as f64
    }

    /// A place in cells from the lower left, on the paper.
    pub(crate) fn place(&self, (column, row): (f64, f64)) -> (f64, f64) {
        (self.left + self.width * column, self.bottom() - self.height * row)
    }

    /// Upper left and lower right.
    pub(crate) fn corners(&self, column: usize, row: usize) -> ((f64, f64), (f64, f64)) {
        let (left, bottom) = self.place((column as f64, row as f64));
        ((left, bottom - self.height), (left + self.width, bottom))
    }
}

/// Between cells that keep the budget and cells that do not.
pub(crate) fn budget_line(canvas: &mut Canvas, plane: &Plane<'_>, cells: Cells) -> Drawn {
    let keeps = |column: usize, row: usize| {
        let cell: Option<&&SweptPoint> = plane.cells.get(row)?.get(column)?.as_ref();
        cell.map(|point| point.within_budget)
    };
    let differ = |one: Option<bool>, other: Option<bool>| matches!((one, other), (Some(one), Some(other)) if one != other);
    for (thickness, ink) in [(7.0, WHITE), (3.5, BLACK)] {
        for row in 0..cells.rows {
            for column in 0..cells.columns {
                let ((left, top), (right, bottom)) = cells.corners(column, row);
                let half = thickness / 2.0;
                if differ(keeps(column, row), keeps(column + 1, row)) {
                    canvas.down(right, top - half, bottom + half, thickness, ink)?;
                }
                if differ(keeps(column, row), keeps(column, row + 1)) {
                    canvas.across(left - half, right + half, top, thickness, ink)?;
                }
            }
        }
    }
    Ok(())
}

/// The values of both sides; where there is no room for all, every second, third, …
pub(crate) fn marks(canvas: &mut Canvas, plane: &Plane<'_>, cells: Cells) -> Drawn {
    let widest =
        plane.across.reads.iter().map(|reads| canvas.lettering.width(reads, MARK)).fold(0.0, f64::max);
    let every = ((widest + 12.0) / cells.width).ceil().max(1.0) as usize;
    for (column, reads) in plane.across.reads.iter().enumerate().step_by(every) {
        let x = cells.left + cells.width * (column as f64 + 0.5);
        canvas.text(reads, (x, cells.bottom() + 22.0), Anchor::Middle, MARK)?;
    }
    let every = (22.0 / cells.height).ceil().max(1.0) as usize;
    for (row, reads) in plane.upwards.reads.iter().enumerate().step_by(every) {
        let y = cells.bottom() - cells.height * (row as f64 + 0.5);
        canvas.text(reads, (cells.left - 10.0, y + 6.5), Anchor::Right, MARK)?;
    }
    canvas.text(
        &plane.upwards.above(),
        (cells.left - 10.0, cells.top - 12.0),
        Anchor::Right,
        Type { ink: QUIET, ..MARK },
    )
}

/// A rectangle's edge, centred on its sides.
pub(crate) fn outline(
    canvas: &mut Canvas,
    (left, top): (f64, f64),
    (right, bottom): (f64, f64),
    thickness: f64,
    ink: Ink,
) -> Drawn {
    let half = thickness / 2.0;
    canvas.across(left - half, right + half, top, thickness, ink)?;
    canvas.across(left - half, right + half, bottom, thickness, ink)?;
    canvas.down(left, top, bottom, thickness, ink)?;
    canvas.down(right, top, bottom, thickness, ink)
}
