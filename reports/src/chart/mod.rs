//! Charts of a run, as PNG files.
//!
//! Every chart is 1200 pixels wide and readable at two thirds of that. Units, sample and the meaning of an
//! interval are written into the picture, because pictures are passed on without their page.

mod axis;
mod before_after;
mod canvas;
mod columns;
mod controllers;
mod frame;
mod lettering;
mod timeline;
mod waits;

use simulator::results::Results;

use crate::plan::{Figure, plan};
use crate::{Artifact, ReportError};

/// Draws the charts of every scenario.
///
/// A chart for which there are no data is left out:
///
/// | file | shows | needs |
/// |---|---|---|
/// | `SCENARIO-before-after.png` | refusals over time without a limiter and with one, on the same scale | `none` and a controller besides `none` and `oracle`: `predictive`, else `aimd`, else the first |
/// | `SCENARIO-controllers.png` | refusals, goodput and added wait, controller by controller | a controller |
/// | `SCENARIO-waits.png` | the distribution of the added wait | a curve with a point |
/// | `SCENARIO-timeline-CONTROLLER.png` | limits, grants and refusals, minute by minute, in the first replication | a timeline |
///
/// The same results give the same bytes.
///
/// # Errors
/// [`ReportError`], where a picture cannot be drawn or compressed.
pub fn charts(results: &Results) -> Result<Vec<Artifact>, ReportError> {
    let mut charts = Vec::new();
    for plan in plan(results) {
        for planned in &plan.figures {
            let bytes = match planned.figure {
                Figure::BeforeAfter { before, after } => before_after::draw(&plan, before, after)?,
                Figure::Controllers => controllers::draw(&plan)?,
                Figure::Waits => waits::draw(&plan)?,
                Figure::Timeline { controller, timeline } => timeline::draw(&plan, controller, timeline)?,
            };
            charts.push(Artifact::new(&planned.file, bytes));
        }
    }
    Ok(charts)
}
