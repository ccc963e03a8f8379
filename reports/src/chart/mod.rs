//! Charts of a run, as PNG files.
//!
//! Every chart is 1200 pixels wide and readable at two thirds of that. Units, sample and the meaning of an
//! interval are written into the picture, because pictures are passed on without their page.

mod adjustments;
mod axis;
mod before_after;
mod canvas;
mod cells;
mod columns;
mod controllers;
mod differences;
mod frame;
pub(crate) mod front;
pub(crate) mod heat_map;
mod kind;
mod labels;
mod league;
mod lettering;
mod plane;
mod ramp;
mod rate_axis;
mod series;
mod timeline;
mod waits;

use simulator::results::Results;

use crate::plan::{Figure, LEAGUE_FILE, has_league, plan};
use crate::{Artifact, ReportError};

/// Draws the charts of all scenarios together, and of every one.
///
/// A chart for which there are no data is left out:
///
/// | file | shows | needs |
/// |---|---|---|
/// | `league.png` | refusals and goodput of all controllers in all scenarios | two scenarios |
/// | `SCENARIO-before-after.png` | refusals over time without a limiter and with one, on the same scale | `none` and a controller besides `none` and `oracle`: `predictive`, else `aimd`, else the first |
/// | `SCENARIO-controllers.png` | refusals, goodput and added wait, controller by controller | a controller |
/// | `SCENARIO-differences.png` | ours less every other, replication by replication | two controllers |
/// | `SCENARIO-waits.png` | the distribution of the added wait | a curve with a point |
/// | `SCENARIO-timeline-CONTROLLER.png` | limits, grants and refusals, minute by minute, in the first replication | a timeline |
/// | `SCENARIO-adjustments-CONTROLLER.png` | what the controller did with each limit in it, and why | a timeline and a change |
///
/// The same results give the same bytes.
///
/// # Errors
/// [`ReportError`], where a picture cannot be drawn or compressed.
pub fn charts(results: &Results) -> Result<Vec<Artifact>, ReportError> {
    let mut charts = Vec::new();
    let plans = plan(results);
    if has_league(results) {
        charts.push(Artifact::new(LEAGUE_FILE, league::draw(results, &plans)?));
    }
    for plan in plans {
        for planned in &plan.figures {
            let bytes = match planned.figure {
                Figure::BeforeAfter { before, after } => before_after::draw(&plan, before, after)?,
                Figure::Controllers => controllers::draw(&plan)?,
                Figure::Differences => differences::draw(&plan)?,
                Figure::Waits => waits::draw(&plan)?,
                Figure::Adjustments { controller, timeline, adjustments } => {
                    adjustments::draw(&plan, controller, timeline, adjustments)?
                }
                Figure::Timeline { controller, timeline } => timeline::draw(&plan, controller, timeline)?,
            };
            charts.push(Artifact::new(&planned.file, bytes));
        }
    }
    Ok(charts)
}
