//! A sweep's plane as three maps of the same cells: refusals, and what avoiding them costs.

use simulator::results::ControllerSummary;
use simulator::sweep::{SweepResults, SweptPoint};

use crate::ReportError;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::cells::{Cells, budget_line, marks, outline};
use crate::chart::frame::{MARGIN, MARK, PANEL, TOP, WIDTH, titled};
use crate::chart::lettering::{Lettering, Type};
use crate::chart::plane::{Plane, plane};
use crate::chart::ramp::{BLUES, ORANGES, PURPLES, Ramp};
use crate::chart::rate_axis::RateAxis;
use crate::palette::{BLACK, RULE, SHADE, WHITE};
use crate::sweep::{extent, point_in_words};
use crate::text;

/// Above the cells: a map's title, and the word at the chosen column.
const HEAD: f64 = 64.0;
/// Below them: the marks of the columns.
const FOOT: f64 = 44.0;
/// The name of what differs across, below the last map.
const NAME: f64 = 22.0;
/// To the right of the cells: the scale.
const SCALE: f64 = 122.0;
const BAR: f64 = 20.0;
const HIGHEST_CELL: f64 = 42.0;
/// All rows of a map together take no more than this.
const HIGHEST_MAP: f64 = 300.0;
const NUMBER: f64 = 17.0;

/// What one map shows.
struct Measure {
    title: String,
    /// A value that its scale must hold.
    holds: Option<f64>,
    ramp: Ramp,
    value: fn(&ControllerSummary) -> f64,
    reads: fn(&ControllerSummary) -> String,
}

/// `None` where there are no two cells to compare.
pub(crate) fn draw(results: &SweepResults) -> Result<Option<Vec<u8>>, ReportError> {
    let (Some(plane), Some(best)) = (plane(results), results.best()) else { return Ok(None) };
    let (columns, rows) = (plane.across.reads.len(), plane.upwards.reads.len());
    let lettering = Lettering::load()?;
    let above = plane.upwards.above();
    let widths = plane.upwards.reads.iter().chain([&above]).map(|reads| lettering.width(reads, MARK));
    let left = MARGIN + widths.fold(0.0, f64::max).min(260.0) + 14.0;
    let width = (f64::from(WIDTH) - MARGIN - SCALE - left) / columns as f64;
    let height = (HIGHEST_MAP / rows as f64).min(HIGHEST_CELL);
    let map = HEAD + height * rows as f64 + FOOT;

    let measures = measures(results);
    let (caption, run) = (caption(results, &plane, best), extent(results));
    let notes: String = measures.iter().map(|measure| measure.axis(&plane).note(&measure.title)).collect();
    let title = "Refusals, goodput and added wait over the grid";
    let mut canvas = titled(
        (title, name(results, &lettering), &run),
        &(caption + &notes),
        map * measures.len() as f64 + NAME,
    )?;
    for (index, measure) in measures.iter().enumerate() {
        let top = TOP + map * index as f64 + HEAD;
        let cells = Cells { left, top, width, height, columns, rows };
        measure.draw(&mut canvas, &plane, cells)?;
    }
    let middle = left + width * columns as f64 / 2.0;
    let below = TOP + map * measures.len() as f64 + 10.0;
    canvas.text(&plane.across.name, (middle, below), Anchor::Middle, MARK)?;
    canvas.png().map(Some)
}

fn measures(results: &SweepResults) -> [Measure; 3] {
    let compared = results.found.points.iter().all(|point| point.summary.goodput_vs_oracle.is_some());
    let goodput = if compared {
        Measure {
            title: "Goodput, of the oracle's".to_owned(),
            holds: Some(1.0),
            ramp: BLUES,
            value: |summary| summary.goodput_vs_oracle.unwrap_or(0.0),
            reads: |summary| summary.goodput_vs_oracle.map_or_else(String::new, text::ratio),
        }
    } else {
        Measure {
            title: "Goodput, calls a minute".to_owned(),
            holds: None,
            ramp: BLUES,
            value: |summary| summary.goodput_per_minute.mean,
            reads: |summary| text::rate(summary.goodput_per_minute.mean),
        }
    };
    [
        Measure {
            title: "Refusals an hour".to_owned(),
            holds: Some(results.budget_hits_per_hour),
            ramp: ORANGES,
            value: |summary| summary.hits_per_hour.mean,
            reads: |summary| text::rate(summary.hits_per_hour.mean),
        },
        goodput,
        Measure {
            title: "Added wait, p95, seconds".to_owned(),
            holds: None,
            ramp: PURPLES,
            // What nobody notices is as good as none.
            value: |summary| (summary.added_wait_s.p95 * 100.0).round() / 100.0,
            reads: |summary| text::seconds(summary.added_wait_s.p95),
        },
    ]
}

/// The scenario's name, as far as the font has its letters.
fn name<'a>(results: &'a SweepResults, lettering: &Lettering) -> &'a str {
    if lettering.knows(&results.scenario) { &results.scenario } else { "sweep" }
}

fn caption(results: &SweepResults, plane: &Plane<'_>, best: &SweptPoint) -> String {
    let hours = text::length(results.hours - results.warmup_hours);
    let replications = text::counted(u64::from(results.replications), "replication");
    let all = || plane.cells.iter().flatten().flatten();
    let budget = text::hours(results.budget_hits_per_hour);
    let line = match (all().any(|cell| cell.within_budget), all().any(|cell| !cell.within_budget)) {
        (true, true) => format!(
            "The black line parts cells that stay below {budget} an hour (upper end of the 95% interval) from those \
             that do not."
        ),
        (true, false) => format!("All cells stay below {budget} an hour (upper end of the 95% interval)."),
        _ => format!("No cell stays below {budget} an hour (upper end of the 95% interval)."),
    };
    let place = match (plane.is_between(), plane.aside.is_empty()) {
        (_, false) => ", beside this plane",
        (true, true) => ", between the cells",
        (false, true) => "",
    };
    let chosen = if best.within_budget { "Chosen" } else { "Fewest refusals" };
    let fixed = if plane.fixed.is_empty() { String::new() } else { format!(" at {}", plane.fixed) };
    let controller = if plane.upwards.name == "controller" {
        String::new()
    } else {
        format!(" of {}", best.point.controller)
    };
    format!(
        "A cell: a point{controller}{fixed}, mean over {replications} × {hours}, on the same calls as all others. {line} \
         {chosen}: {}, with {} refusals an hour{}{place}. Darker is more; the scales start at zero.",
        point_in_words(&best.point),
        text::rate(best.summary.hits_per_hour.mean),
        text::interval(&best.summary.hits_per_hour)
            .map_or_else(String::new, |interval| format!(" (95% interval {interval})")),
    )
}

impl Measure {
    /// From no share of the colours to all of them.
    fn axis(&self, plane: &Plane<'_>) -> RateAxis {
        let shown = plane.cells.iter().flatten().flatten().copied();
        let shown = shown.chain([plane.best]);
        let values: Vec<f64> = shown.map(|point| (self.value)(&point.summary)).chain(self.holds).collect();
        RateAxis::new(&values, (0.0, 1.0))
    }

    fn draw(&self, canvas: &mut Canvas, plane: &Plane<'_>, cells: Cells) -> Drawn {
        let axis = self.axis(plane);
        let share = |point: &SweptPoint| axis.place((self.value)(&point.summary));
        canvas.text(&self.title, (MARGIN, cells.top - 34.0), Anchor::Left, PANEL)?;
        let legible = self.is_legible(canvas, plane, cells);
        for (row, points) in plane.cells.iter().enumerate() {
            for (column, point) in points.iter().enumerate() {
                let (from, to) = cells.corners(column, row);
                let ink = point.map_or(SHADE, |point| self.ramp.at(share(point)));
                canvas.rect(from, to, ink)?;
                if let Some(point) = point.filter(|_| legible) {
                    let face = Type::regular(NUMBER, self.ramp.text_on(share(point)));
                    let at = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1) + 6.0);
                    canvas.text(&(self.reads)(&point.summary), at, Anchor::Middle, face)?;
                }
            }
        }
        budget_line(canvas, plane, cells)?;
        marks(canvas, plane, cells)?;
        self.mark(canvas, plane, cells, share(plane.best))?;
        self.scale(canvas, &axis, cells)
    }

    fn is_legible(&self, canvas: &Canvas, plane: &Plane<'_>, cells: Cells) -> bool {
        let face = Type::regular(NUMBER, BLACK);
        let mut shown = plane.cells.iter().flatten().flatten().copied();
        let fits = |point: &SweptPoint| {
            canvas.lettering.width(&(self.reads)(&point.summary), face) + 8.0 <= cells.width
        };
        cells.height >= 22.0 && shown.all(fits)
    }

    /// A frame around its cell, or a dot of its own colour between cells, and a word above.
    fn mark(&self, canvas: &mut Canvas, plane: &Plane<'_>, cells: Cells, share: f64) -> Drawn {
        let at = cells.place(plane.place);
        if !plane.is_between() {
            let (half_width, half_height) = (cells.width / 2.0, cells.height / 2.0);
            let corners = ((at.0 - half_width, at.1 - half_height), (at.0 + half_width, at.1 + half_height));
            outline(canvas, corners.0, corners.1, 7.0, WHITE)?;
            outline(canvas, corners.0, corners.1, 3.5, BLACK)?;
        } else {
            canvas.dot(at, 12.5, WHITE)?;
            canvas.dot(at, 10.5, BLACK)?;
            canvas.dot(at, 7.0, self.ramp.at(share))?;
        }
        let word = if plane.best.within_budget { "chosen" } else { "fewest refusals" };
        let aside = if plane.aside.is_empty() { String::new() } else { format!(", at {}", plane.aside) };
        let word = word.to_owned() + &aside;
        let half = canvas.lettering.width(&word, WORD) / 2.0;
        let right = cells.left + cells.width * cells.columns as f64;
        let x = at.0.clamp(cells.left + half, (right - half).max(cells.left + half));
        canvas.text(&word, (x, cells.top - 12.0), Anchor::Middle, WORD)?;
        canvas.down(at.0, cells.top - 8.0, cells.top - 1.0, 2.5, BLACK)
    }

    /// The colours and what they stand for, beside the cells.
    fn scale(&self, canvas: &mut Canvas, axis: &RateAxis, cells: Cells) -> Drawn {
        const STEPS: u32 = 60;
        let left = f64::from(WIDTH) - MARGIN - SCALE + 34.0;
        // A single row is too low for a scale: it may stand out above and below.
        let room = (cells.bottom() - cells.top).max(84.0);
        let middle = f64::midpoint(cells.bottom(), cells.top);
        let (top, bottom) = (middle - room / 2.0, middle + room / 2.0);
        let height = |share: f64| bottom + (top - bottom) * share;
        for step in 0..STEPS {
            let (from, to) = (f64::from(step) / f64::from(STEPS), f64::from(step + 1) / f64::from(STEPS));
            let ink = self.ramp.at(f64::midpoint(from, to));
            canvas.rect((left, height(to)), (left + BAR, height(from)), ink)?;
        }
        outline(canvas, (left, top), (left + BAR, bottom), 1.0, RULE)?;
        for (value, reads) in axis.marks((room / 44.0).max(2.0)) {
            let y = height(axis.place(value));
            canvas.across(left + BAR, left + BAR + 6.0, y, 1.0, RULE)?;
            canvas.text(&reads, (left + BAR + 11.0, y + 6.0), Anchor::Left, MARK)?;
        }
        Ok(())
    }
}

const WORD: Type = Type::bold(18.0, BLACK);
