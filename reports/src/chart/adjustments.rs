//! What a controller did with each limit, and why: its inner life, as far as it shows.

use limiter_core::Dimension;
use simulator::results::{Adjustments, Change, ControllerSummary, Minute, Timeline};

use crate::ReportError;
use crate::chart::axis::{TimeAxis, ValueAxis};
use crate::chart::canvas::{Anchor, Canvas, Drawn, Triangle};
use crate::chart::columns::Columns;
use crate::chart::frame::{
    MARGIN, PANEL, TOP, WIDTH, sheet, time_grid, time_marks, value_grid, warmup, warmup_note,
};
use crate::chart::kind::Kind;
use crate::chart::lettering::Type;
use crate::chart::series::{MEAN, PEAK, direct, filled, highest, mean_of, steps};
use crate::chart::timeline::{LIMIT_LINE, TRUTH_LINE, limit_ink};
use crate::excerpt::{Excerpt, Why};
use crate::palette::{BLACK, Ink, QUIET, TRUTH};
use crate::plan::ScenarioPlan;
use crate::text;

const LEFT: f64 = MARGIN + 66.0;
const RIGHT: f64 = WIDTH as f64 - MARGIN - 176.0;
const LEGEND: f64 = 44.0;
const NAME: f64 = 34.0;
const GAP: f64 = 58.0;
/// The height of a panel where there is one, and where there are more.
const HEIGHTS: (f64, f64) = (420.0, 270.0);
const MARK: f64 = 7.0;
const LEGEND_TEXT: Type = Type::regular(17.0, BLACK);
const VALUE: f64 = 15.0;

/// One limit: the controller's, the provider's, and what was used of it.
struct Panel {
    dimension: Dimension,
    name: &'static str,
    used: &'static str,
    limit: fn(&Minute) -> Option<u64>,
    truth: fn(&Minute) -> Option<u64>,
    use_of: fn(&Minute) -> u64,
}

const PANELS: [Panel; 3] = [
    Panel {
        dimension: Dimension::Calls,
        name: "Calls a minute",
        used: "granted",
        limit: |minute| minute.limit_calls,
        truth: |minute| minute.true_limit_calls,
        use_of: |minute| u64::from(minute.granted),
    },
    Panel {
        dimension: Dimension::Concurrency,
        name: "Calls in flight",
        used: "most in flight",
        limit: |minute| minute.limit_concurrency,
        truth: |minute| minute.true_limit_concurrency,
        use_of: |minute| u64::from(minute.in_flight),
    },
    Panel {
        dimension: Dimension::Tokens,
        name: "Tokens a minute",
        used: "accepted",
        limit: |minute| minute.limit_tokens,
        truth: |minute| minute.true_limit_tokens,
        use_of: |minute| minute.tokens,
    },
];

pub(crate) fn draw(
    plan: &ScenarioPlan<'_>,
    controller: &ControllerSummary,
    timeline: &Timeline,
    adjustments: &Adjustments,
) -> Result<Vec<u8>, ReportError> {
    let excerpt = Excerpt::of(timeline, adjustments);
    let minutes = &timeline.minutes[excerpt.from..excerpt.to];
    let columns = Columns::new(minutes, RIGHT - LEFT);
    let panels: Vec<&Panel> =
        PANELS.iter().filter(|panel| panel.is_needed(&timeline.minutes, &adjustments.changes)).collect();
    let height = if panels.len() > 1 { HEIGHTS.1 } else { HEIGHTS.0 };
    let body = LEGEND + NAME + (height + GAP) * panels.len() as f64 - GAP + 62.0;
    let title = format!("{}: what it did, and why", controller.name);
    let extent = plan.extent_of_one(timeline.replication);
    let caption = caption(plan, timeline, adjustments, &excerpt, &columns);
    let mut canvas = sheet(plan, (&title, &extent), &caption, body)?;
    legend(&mut canvas, &excerpt, adjustments)?;
    let time = TimeAxis::excerpt((excerpt.from, excerpt.to), (LEFT, RIGHT));
    let ink = plan.look(&controller.name).ink;
    let mut top = TOP + LEGEND + NAME;
    for panel in &panels {
        let paper = (top, top + height);
        warmup(&mut canvas, &time, plan.scenario.warmup_hours, paper)?;
        time_grid(&mut canvas, &time, paper)?;
        let shown = adjustments
            .changes
            .iter()
            .filter(|change| change.dimension == panel.dimension && excerpt.holds(change.time_s));
        panel.draw(&mut canvas, &columns, &shown.collect::<Vec<_>>(), &time, paper, ink)?;
        top += height + GAP;
    }
    time_marks(&mut canvas, &time, top - GAP, (LEFT, RIGHT))?;
    canvas.png()
}

fn caption(
    plan: &ScenarioPlan<'_>,
    timeline: &Timeline,
    adjustments: &Adjustments,
    excerpt: &Excerpt,
    columns: &Columns<'_>,
) -> String {
    let hours = |minutes: usize| text::hours(minutes as f64 / 60.0);
    let end = timeline.minutes.len();
    let which = match excerpt.why {
        Why::Whole => "The whole replication".to_owned(),
        why => format!(
            "Shown are hours {} to {} of {}, {}, as much as can be told apart",
            hours(excerpt.from),
            hours(excerpt.to),
            hours(end),
            if why == Why::FirstStep {
                "round the first step of a true limit"
            } else {
                "the start of the run"
            }
        ),
    };
    let gathered = match columns.each {
        1 => String::new(),
        each => format!(" Columns of {each} minutes: peak (light) and mean (dark)."),
    };
    let paced = match adjustments.changes.iter().any(|change| change.dimension == Dimension::Pacing) {
        true => " It also paced calls, which is not drawn.",
        false => "",
    };
    let warmed = match plan.scenario.warmup_hours * 60.0 > excerpt.from as f64 {
        true => warmup_note(plan.scenario.warmup_hours),
        false => "",
    };
    format!(
        "{which}. Marks stand at the limit after the change; numbers: that limit, for the outermost mark in a place. Changes of one \
         limit for one reason within a minute are one mark. Coloured: the controller's limit; dark on it: the \
         provider's; grey: use.{gathered}{paced}{warmed}"
    )
}

/// The kinds of change that this controller made: how many are shown, of all.
fn legend(canvas: &mut Canvas, excerpt: &Excerpt, adjustments: &Adjustments) -> Drawn {
    let mut left = MARGIN;
    for kind in Kind::ALL {
        let drawn =
            |change: &&Change| Kind::of(change.reason) == kind && change.dimension != Dimension::Pacing;
        let all = adjustments.changes.iter().filter(drawn);
        let shown = all.clone().filter(|change| excerpt.holds(change.time_s)).count();
        let all = all.count();
        if all == 0 {
            continue;
        }
        let count = match excerpt.why {
            Why::Whole => text::count(all as u64),
            _ => format!("{} of {}", text::count(shown as u64), text::count(all as u64)),
        };
        let (mark, ink) = kind.look();
        canvas.triangle((left + 8.0, TOP + 2.0), MARK, mark, ink)?;
        let entry = format!("{} ({count})", kind.words());
        canvas.text(&entry, (left + 22.0, TOP + 8.0), Anchor::Left, LEGEND_TEXT)?;
        left += canvas.lettering.width(&entry, LEGEND_TEXT) + 50.0;
    }
    Ok(())
}

impl Panel {
    fn is_needed(&self, minutes: &[Minute], changes: &[Change]) -> bool {
        changes.iter().any(|change| change.dimension == self.dimension)
            || minutes.iter().any(|minute| (self.truth)(minute).is_some())
    }

    fn draw(
        &self,
        canvas: &mut Canvas,
        columns: &Columns<'_>,
        changes: &[&Change],
        time: &TimeAxis,
        (top, bottom): (f64, f64),
        ink: Ink,
    ) -> Drawn {
        let limit = columns.ranges(self.limit);
        let truth = columns.ranges(self.truth);
        let peaks = columns.ranges(|minute| Some((self.use_of)(minute)));
        let real = highest(&truth).max(highest(&peaks));
        let ends = changes.iter().flat_map(|change| [change.from, change.to]).flatten();
        let thought = ends.map(|end| end as f64).fold(highest(&limit), f64::max);
        // A limit that never binds must not press everything else onto the ground.
        let cut = real > 0.0 && thought > 4.0 * real;
        let axis = ValueAxis::new(if cut { 1.5 * real } else { real.max(thought) }, (bottom, top), 5.0, 1.0);

        canvas.text(self.name, (MARGIN, top - 16.0), Anchor::Left, PANEL)?;
        value_grid(canvas, &axis, (LEFT, RIGHT))?;
        // Columns count from the excerpt's start.
        let here = TimeAxis::new(columns.minutes().len(), (LEFT, RIGHT));
        let peaks: Vec<f64> = peaks.into_iter().map(|range| range.map_or(0.0, |(_, high)| high)).collect();
        let means = columns.means(self.use_of);
        for (heights, ink) in [(&peaks, PEAK), (&means, MEAN)].into_iter().take(columns.each.min(2)) {
            filled(canvas, columns, heights, &here, &axis, ink)?;
        }
        let start = columns
            .minutes()
            .first()
            .and_then(self.limit)
            .or_else(|| changes.first().and_then(|change| change.from));
        held(canvas, start, changes, time, &axis, limit_ink(ink))?;
        steps(canvas, columns, &truth, &here, &axis, TRUTH_LINE, TRUTH)?;
        marks(canvas, changes, time, &axis)?;

        let mut labels = vec![(self.used.to_owned(), mean_of(&means), QUIET)];
        if let Some((_, high)) = truth.iter().rev().find_map(|range| *range) {
            labels.push((format!("true limit {}", text::compact(high as u64)), high, TRUTH));
        }
        if let Some(last) = changes.last().map_or(start, |change| change.to) {
            let beyond = if last as f64 > axis.top { " ↑" } else { "" };
            labels.push((format!("limit {}{beyond}", text::compact(last)), last as f64, ink));
        }
        direct(canvas, &labels, &axis, RIGHT + 12.0, (top, bottom))
    }
}

/// The controller's limit from change to change, at the moments at which they were made; broken where there is none.
fn held(
    canvas: &mut Canvas,
    start: Option<u64>,
    changes: &[&Change],
    time: &TimeAxis,
    axis: &ValueAxis,
    ink: Ink,
) -> Drawn {
    let half = LIMIT_LINE / 2.0;
    let (mut left, mut limit) = (LEFT, start);
    for change in changes.iter().copied().map(Some).chain([None]) {
        let right = change.map_or(RIGHT, |change| time.place(change.time_s / 60.0));
        if let Some(limit) = limit {
            canvas.across(left, right, axis.place(limit as f64), LIMIT_LINE, ink)?;
        }
        let Some(change) = change else { break };
        // A change that gathers several may begin elsewhere than the one before it ended.
        let heights =
            [limit, change.from, change.to].into_iter().flatten().map(|limit| axis.place(limit as f64));
        let (high, low) = heights.fold((f64::INFINITY, 0.0_f64), |(high, low), y| (high.min(y), low.max(y)));
        if high < low {
            canvas.rect((right - half, high - half), (right + half, low + half), ink)?;
        }
        (left, limit) = (right, change.to);
    }
    Ok(())
}

/// A mark for each change, and the limit that it leads to where that has room beside the ones before it.
fn marks(canvas: &mut Canvas, changes: &[&Change], time: &TimeAxis, axis: &ValueAxis) -> Drawn {
    let place = |change: &Change| {
        let limit = change.to.map_or(axis.top, |limit| limit as f64);
        (time.place(change.time_s / 60.0), axis.place(limit))
    };
    for change in changes {
        let (mark, ink) = look(change);
        canvas.triangle(place(change), MARK, mark, ink)?;
    }
    // A number stands beyond all marks in its place, so that it can only be that of the outermost.
    let places: Vec<(f64, f64)> = changes.iter().map(|change| place(change)).collect();
    let mut free = f64::NEG_INFINITY;
    for (change, &(x, y)) in changes.iter().zip(&places) {
        let (mark, ink) = look(change);
        let Some(to) = change.to else { continue };
        let reads = text::compact(to);
        let face = Type::bold(VALUE, ink.as_text());
        let half = canvas.lettering.width(&reads, face) / 2.0;
        let outward = if mark.up { -1.0 } else { 1.0 };
        let mut near = places.iter().filter(|(other, _)| (x - other).abs() < half + MARK);
        if x - half < free || near.any(|(_, other)| (other - y) * outward > 0.5) {
            continue;
        }
        let baseline = if mark.up { y - MARK - 5.0 } else { y + MARK + 16.0 };
        canvas.text(&reads, (x, baseline), Anchor::Middle, face)?;
        free = x + half + 6.0;
    }
    Ok(())
}

/// A mark points where the limit went, whatever its reason usually does.
fn look(change: &Change) -> (Triangle, Ink) {
    let (mark, ink) = Kind::of(change.reason).look();
    // No limit is the highest of all.
    let [from, to] = [change.from, change.to].map(|limit| limit.unwrap_or(u64::MAX));
    (Triangle { up: if from == to { mark.up } else { to > from }, ..mark }, ink)
}
