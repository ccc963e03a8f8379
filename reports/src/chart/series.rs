//! What is drawn over time: filled columns, lines in steps, and names at their ends.

use crate::chart::axis::{TimeAxis, ValueAxis, spread};
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::columns::{Columns, Range};
use crate::chart::lettering::Type;
use crate::palette::Ink;

/// The size of a name at a line's end.
pub(crate) const LABEL: f64 = 19.0;
/// Use is grey, so that the only colour is the controller's: the most within a column…
pub(crate) const PEAK: Ink = Ink(0xdd, 0xdd, 0xdd);
/// …and its mean.
pub(crate) const MEAN: Ink = Ink(0xc2, 0xc2, 0xc2);

/// Bars from zero, a column each.
pub(crate) fn filled(
    canvas: &mut Canvas,
    columns: &Columns<'_>,
    heights: &[f64],
    time: &TimeAxis,
    axis: &ValueAxis,
    ink: Ink,
) -> Drawn {
    for (column, &height) in heights.iter().enumerate().filter(|(_, height)| **height > 0.0) {
        let (begin, end) = columns.span(column);
        let (left, right) = (time.place(begin), time.place(end));
        let right = if right - left > 4.0 { right - 1.0 } else { right };
        canvas.rect((left, axis.place(height)), (right, axis.place(0.0)), ink)?;
    }
    Ok(())
}

/// Whether a series moves so much within most of its columns that as a line it would hide all else.
pub(crate) fn swings(ranges: &[Range], axis: &ValueAxis) -> bool {
    const FAR: f64 = 14.0;
    let far = ranges.iter().flatten().filter(|(low, high)| axis.place(*low) - axis.place(*high) > FAR);
    2 * far.count() > ranges.len()
}

/// A line in steps: a column covers all its values, and reaches to those of the column before it.
pub(crate) fn steps(
    canvas: &mut Canvas,
    columns: &Columns<'_>,
    ranges: &[Range],
    time: &TimeAxis,
    axis: &ValueAxis,
    thickness: f64,
    ink: Ink,
) -> Drawn {
    let half = thickness / 2.0;
    let mut before: Range = None;
    for (column, range) in ranges.iter().enumerate() {
        if let Some((low, high)) = *range {
            let (begin, end) = columns.span(column);
            let (left, right) = (time.place(begin), time.place(end));
            canvas.rect((left, axis.place(high) - half), (right, axis.place(low) + half), ink)?;
            if let Some((below, above)) = before
                && (above < low || below > high)
            {
                let (from, to) = if above < low { (above, low) } else { (high, below) };
                canvas.rect(
                    (left - half, axis.place(to) - half),
                    (left + half, axis.place(from) + half),
                    ink,
                )?;
            }
        }
        before = *range;
    }
    Ok(())
}

/// Names at the right end of what they name.
pub(crate) fn direct(
    canvas: &mut Canvas,
    labels: &[(String, f64, Ink)],
    axis: &ValueAxis,
    x: f64,
    (top, bottom): (f64, f64),
) -> Drawn {
    let mut places: Vec<f64> = labels.iter().map(|(_, value, _)| axis.place(*value)).collect();
    spread(&mut places, LABEL + 5.0, (top + 4.0, bottom - 4.0));
    for ((label, _, ink), y) in labels.iter().zip(places) {
        canvas.text(label, (x, y + 6.5), Anchor::Left, Type::bold(LABEL, ink.as_text()))?;
    }
    Ok(())
}

/// The highest of all values.
pub(crate) fn highest(ranges: &[Range]) -> f64 {
    ranges.iter().flatten().map(|(_, high)| *high).fold(0.0, f64::max)
}

/// The mean; 0 of none.
pub(crate) fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
