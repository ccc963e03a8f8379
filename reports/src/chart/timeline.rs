//! One replication under one controller: limits, grants and refusals, minute by minute.

use simulator::results::{ControllerSummary, Minute, Timeline};

use crate::ReportError;
use crate::chart::axis::{TimeAxis, ValueAxis};
use crate::chart::before_after::bars;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::columns::{Bins, Columns};
use crate::chart::frame::{
    MARGIN, PANEL, TOP, WIDTH, sheet, time_grid, time_marks, value_grid, warmup, warmup_note,
};
use crate::chart::lettering::Type;
use crate::chart::series::{LABEL, MEAN, PEAK, direct, filled, highest, mean_of, steps, swings};
use crate::palette::{BLACK, Ink, QUIET, REFUSED, RULE, TRUTH};
use crate::plan::ScenarioPlan;
use crate::text;

const LEFT: f64 = MARGIN + 66.0;
const RIGHT: f64 = WIDTH as f64 - MARGIN - 176.0;
const CALLS_HEIGHT: f64 = 290.0;
const CONCURRENCY_HEIGHT: f64 = 150.0;
const REFUSALS_HEIGHT: f64 = 92.0;
const RUG_HEIGHT: f64 = 18.0;
/// A limit that lies on the true one is still seen on both sides of it.
pub(crate) const LIMIT_LINE: f64 = 5.5;
pub(crate) const TRUTH_LINE: f64 = 2.0;
/// Between panels: room for the next one's name.
const GAP: f64 = 56.0;
const NAME: f64 = 34.0;

/// The oracle's own ink is as dark as the truth that lies on it.
pub(crate) fn limit_ink(ink: Ink) -> Ink {
    if ink == BLACK { RULE } else { ink }
}

/// One axis with what the limiter thinks, what the provider allows, and what is used.
struct Panel<'a> {
    name: &'a str,
    used: &'a str,
    limit: fn(&Minute) -> Option<u64>,
    truth: fn(&Minute) -> Option<u64>,
    use_of: fn(&Minute) -> u64,
}

const CALLS: Panel<'static> = Panel {
    name: "Calls a minute",
    used: "granted",
    limit: |minute| minute.limit_calls,
    truth: |minute| minute.true_limit_calls,
    use_of: |minute| u64::from(minute.granted),
};
const CONCURRENCY: Panel<'static> = Panel {
    name: "Calls in flight",
    used: "most in flight",
    limit: |minute| minute.limit_concurrency,
    truth: |minute| minute.true_limit_concurrency,
    use_of: |minute| u64::from(minute.in_flight),
};

pub(crate) fn draw(
    plan: &ScenarioPlan<'_>,
    controller: &ControllerSummary,
    timeline: &Timeline,
) -> Result<Vec<u8>, ReportError> {
    let minutes = timeline.minutes.as_slice();
    let columns = Columns::new(minutes, RIGHT - LEFT);
    let bins = Bins::new(&[timeline]);
    let mut panels = vec![(CALLS, CALLS_HEIGHT)];
    if minutes
        .iter()
        .any(|minute| minute.limit_concurrency.is_some() || minute.true_limit_concurrency.is_some())
    {
        panels.push((CONCURRENCY, CONCURRENCY_HEIGHT));
    }
    let body = NAME
        + panels.iter().map(|(_, height)| height + GAP).sum::<f64>()
        + RUG_HEIGHT
        + REFUSALS_HEIGHT
        + 62.0;
    let title = format!("{}: limits, calls and refusals", controller.name);
    let mut canvas = sheet(
        plan,
        (&title, &plan.extent_of_one(timeline.replication)),
        &caption(plan, timeline, &columns, &bins),
        body,
    )?;
    let time = TimeAxis::new(minutes.len(), (LEFT, RIGHT));
    let mut top = TOP + NAME;
    for (panel, height) in &panels {
        let ink = plan.look(&controller.name).ink;
        panel.draw(&mut canvas, &columns, &time, (top, top + height), (plan.scenario.warmup_hours, ink))?;
        top += height + GAP;
    }
    refusals(&mut canvas, plan, minutes, &bins, &time, top)?;
    canvas.png()
}

fn caption(plan: &ScenarioPlan<'_>, timeline: &Timeline, columns: &Columns<'_>, bins: &Bins) -> String {
    let gathered = match columns.each {
        1 => "Each column is a minute".to_owned(),
        each => format!(
            "Each column is {each} minutes: limits from lowest to highest, use as peak (light) and mean (dark)"
        ),
    };
    let overloads: u64 = timeline.minutes.iter().map(|minute| u64::from(minute.overloads)).sum();
    let overload = match overloads {
        0 => String::new(),
        _ => format!(". Not drawn: {} (1305)", text::counted(overloads, "overload")),
    };
    format!(
        "{gathered}. Ticks: every minute with a refusal (1302, 1303); bars: refusals an hour in \
         each {}{overload}.{}",
        bins.length(),
        warmup_note(plan.scenario.warmup_hours),
    )
}

impl Panel<'_> {
    fn draw(
        &self,
        canvas: &mut Canvas,
        columns: &Columns<'_>,
        time: &TimeAxis,
        (top, bottom): (f64, f64),
        (warmup_hours, ink): (f64, Ink),
    ) -> Drawn {
        let limit = columns.ranges(self.limit);
        let truth = columns.ranges(self.truth);
        let peaks = columns.ranges(|minute| Some((self.use_of)(minute)));
        let real = highest(&truth).max(highest(&peaks));
        // A limit that never binds must not press everything else onto the ground.
        let cut = real > 0.0 && highest(&limit) > 4.0 * real;
        let axis =
            ValueAxis::new(if cut { 1.5 * real } else { real.max(highest(&limit)) }, (bottom, top), 5.0, 1.0);

        canvas.text(self.name, (MARGIN, top - 18.0), Anchor::Left, PANEL)?;
        warmup(canvas, time, warmup_hours, (top, bottom))?;
        time_grid(canvas, time, (top, bottom))?;
        value_grid(canvas, &axis, (LEFT, RIGHT))?;
        let swings = swings(&limit, &axis);
        if swings {
            steps(canvas, columns, &limit, time, &axis, 1.0, ink.tint(0.4))?;
        }
        let peaks: Vec<f64> = peaks.into_iter().map(|range| range.map_or(0.0, |(_, high)| high)).collect();
        let means = columns.means(self.use_of);
        for (heights, ink) in [(&peaks, PEAK), (&means, MEAN)].into_iter().take(columns.each.min(2)) {
            filled(canvas, columns, heights, time, &axis, ink)?;
        }
        // The truth lies on top, thinner than the limit: where both are one, both are seen.
        if !swings {
            steps(canvas, columns, &limit, time, &axis, LIMIT_LINE, limit_ink(ink))?;
        }
        steps(canvas, columns, &truth, time, &axis, TRUTH_LINE, TRUTH)?;

        let mut labels = vec![(self.used.to_owned(), mean_of(&means), QUIET)];
        if let Some((_, high)) = truth.iter().rev().find_map(|range| *range) {
            labels.push((format!("true limit {}", text::compact(high as u64)), high, TRUTH));
        }
        if let Some((_, high)) = limit.iter().rev().find_map(|range| *range) {
            let beyond = if high > axis.top { " ↑" } else { "" };
            labels.push((format!("limit {}{beyond}", text::compact(high as u64)), high, ink));
        }
        direct(canvas, &labels, &axis, RIGHT + 12.0, (top, bottom))
    }
}

/// Every minute with a refusal as a tick, and below them the rate as bars.
fn refusals(
    canvas: &mut Canvas,
    plan: &ScenarioPlan<'_>,
    minutes: &[Minute],
    bins: &Bins,
    time: &TimeAxis,
    top: f64,
) -> Drawn {
    let (bars_top, bottom) = (top + RUG_HEIGHT, top + RUG_HEIGHT + REFUSALS_HEIGHT);
    let rate = ValueAxis::new(bins.highest(), (bottom, bars_top + 6.0), 2.0, 1.0);
    canvas.text("Refusals an hour", (MARGIN, top - 18.0), Anchor::Left, PANEL)?;
    warmup(canvas, time, plan.scenario.warmup_hours, (top, bottom))?;
    time_grid(canvas, time, (bars_top, bottom))?;
    value_grid(canvas, &rate, (LEFT, RIGHT))?;
    bars(canvas, bins, time, &rate, bottom)?;
    for (minute, _) in minutes.iter().enumerate().filter(|(_, minute)| minute.hits > 0) {
        canvas.down(time.place(minute as f64 + 0.5), top, top + RUG_HEIGHT - 5.0, 1.5, REFUSED)?;
    }
    let hits: u64 = minutes.iter().map(|minute| u64::from(minute.hits)).sum();
    let label = match hits {
        0 => "no refusal".to_owned(),
        1 => "1 refusal".to_owned(),
        hits => format!("{} refusals", text::compact(hits)),
    };
    let face = Type::bold(LABEL, REFUSED.as_text());
    canvas.text(&label, (RIGHT + 12.0, (bars_top + bottom) / 2.0), Anchor::Left, face)?;
    time_marks(canvas, time, bottom, (LEFT, RIGHT))
}
