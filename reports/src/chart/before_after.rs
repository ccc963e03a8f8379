//! Refusals without a limiter and with one, on the same scale.

use simulator::results::ControllerSummary;

use crate::ReportError;
use crate::chart::axis::{TimeAxis, ValueAxis};
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::columns::Bins;
use crate::chart::frame::{
    MARGIN, TOP, WIDTH, sheet, time_grid, time_marks, value_grid, warmup, warmup_note,
};
use crate::chart::lettering::Type;
use crate::palette::{BLACK, QUIET, REFUSED};
use crate::plan::ScenarioPlan;
use crate::text;

const PANEL_HEIGHT: f64 = 226.0;
const PANEL_GAP: f64 = 44.0;
const LEFT: f64 = 420.0;
const RIGHT: f64 = WIDTH as f64 - MARGIN;

const HEAD: Type = Type::bold(22.0, BLACK);
const FIGURE: Type = Type::bold(62.0, BLACK);
const LINE: Type = Type::regular(19.0, QUIET);

pub(crate) fn draw(
    plan: &ScenarioPlan<'_>,
    before: &ControllerSummary,
    after: &ControllerSummary,
) -> Result<Vec<u8>, ReportError> {
    let panels = [("Before: no limiter".to_owned(), before), (format!("After: {}", after.name), after)]
        .map(|(head, controller)| (head, controller, Bins::new(plan.timelines(&controller.name))));
    let bins = &panels[0].2;
    let caption = format!(
        "Bars: refusals an hour (codes 1302 and 1303) in each {} of the run, mean over {}; both panels on one scale. \
         Large: the mean over {}, with its 95% interval. Goodput: calls that ended well.{}",
        bins.length(),
        text::counted(u64::from(before.replications), "replication"),
        plan.sample(before.replications),
        warmup_note(plan.scenario.warmup_hours),
    );
    let mut canvas = sheet(
        plan,
        ("Refusals an hour, before and after", &plan.extent()),
        &caption,
        2.0 * PANEL_HEIGHT + PANEL_GAP + 62.0,
    )?;
    let highest = panels.iter().map(|(_, _, bins)| bins.highest()).fold(0.0, f64::max);
    let minutes = panels.iter().map(|(_, controller, _)| longest(plan, controller)).max().unwrap_or_default();
    let time = TimeAxis::new(minutes, (LEFT, RIGHT));
    for (index, (head, controller, bins)) in panels.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL_HEIGHT + PANEL_GAP);
        let bottom = top + PANEL_HEIGHT;
        numbers(&mut canvas, head, controller, top)?;
        let rate = ValueAxis::new(highest, (bottom, top), 4.0, 0.0);
        warmup(&mut canvas, &time, plan.scenario.warmup_hours, (top, bottom))?;
        time_grid(&mut canvas, &time, (top, bottom))?;
        value_grid(&mut canvas, &rate, (LEFT, RIGHT))?;
        bars(&mut canvas, bins, &time, &rate, bottom)?;
        if bins.highest() == 0.0 {
            let middle = ((LEFT + RIGHT) / 2.0, (top + bottom) / 2.0 + 7.0);
            canvas.boxed_text("no refusal at all", middle, Anchor::Middle, LINE)?;
        }
        if index + 1 == panels.len() {
            time_marks(&mut canvas, &time, bottom, (LEFT, RIGHT))?;
        }
    }
    canvas.png()
}

/// Refusals as bars; what is above zero is at least a pixel high. The timeline's lowest panel is drawn by it too.
pub(crate) fn bars(
    canvas: &mut Canvas,
    bins: &Bins,
    time: &TimeAxis,
    rate: &ValueAxis,
    bottom: f64,
) -> Drawn {
    for (bin, &value) in bins.rates.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let (begin, end) = bins.span(bin);
        let (left, right) = (time.place(begin), time.place(end));
        // A gap between bars, as long as there is room for one.
        let right = if right - left > 4.0 { right - 1.5 } else { right };
        canvas.rect((left, rate.place(value).min(bottom - 1.0)), (right, bottom), REFUSED)?;
    }
    Ok(())
}

fn numbers(canvas: &mut Canvas, head: &str, controller: &ControllerSummary, top: f64) -> Drawn {
    let room = LEFT - MARGIN - 90.0;
    canvas.text(&canvas.lettering.fit(head, HEAD, room), (MARGIN, top + 18.0), Anchor::Left, HEAD)?;
    let figure = text::rate(controller.hits_per_hour.mean);
    canvas.text(&figure, (MARGIN - 3.0, top + 84.0), Anchor::Left, FIGURE)?;
    let interval = match text::interval(&controller.hits_per_hour) {
        Some(interval) => format!("an hour ({interval})"),
        None => "an hour".to_owned(),
    };
    let success = match controller.success_rate {
        Some(share) => format!("{} of calls succeed", text::share(share)),
        None => "no calls".to_owned(),
    };
    let lines = [
        interval,
        success,
        format!("goodput {} a minute", text::rate(controller.goodput_per_minute.mean)),
        format!("added wait p95 {}", text::seconds(controller.added_wait_s.p95)),
    ];
    for (index, line) in lines.iter().enumerate() {
        let baseline = top + 118.0 + 27.0 * index as f64;
        canvas.text(
            &canvas.lettering.fit(line, LINE, room + 20.0),
            (MARGIN, baseline),
            Anchor::Left,
            LINE,
        )?;
    }
    Ok(())
}

fn longest(plan: &ScenarioPlan<'_>, controller: &ControllerSummary) -> usize {
    let lengths = plan.timelines(&controller.name).iter().map(|timeline| timeline.minutes.len());
    lengths.max().unwrap_or_default()
}
