//! A sweep's Pareto front: what fewer refusals cost in goodput, and what they cost in waiting.

use simulator::results::ControllerSummary;
use simulator::sweep::{SweepResults, SweptPoint};

use crate::ReportError;
use crate::chart::axis::ValueAxis;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, MARK, PANEL, TOP, WIDTH, titled, value_grid};
use crate::chart::labels::arrange;
use crate::chart::lettering::{Lettering, Type};
use crate::chart::rate_axis::RateAxis;
use crate::palette::{BLACK, GRID, Look, QUIET, RULE, WHITE, look};
use crate::sweep::{extent, point_in_words};
use crate::text;

const HEAD: f64 = 60.0;
const HEIGHT: f64 = 430.0;
/// Below a panel: its marks and what they are.
const FOOT: f64 = 66.0;
const LEGEND: f64 = 34.0;
/// For the numbers of an upright axis.
const NUMBERS: f64 = 62.0;
const GUTTER: f64 = 44.0;
const DOT: f64 = 6.5;
const LABEL: Type = Type::bold(18.0, BLACK);

/// What is drawn against refusals.
struct Cost {
    title: String,
    value: fn(&ControllerSummary) -> f64,
}

/// A panel's place and its scales.
struct Panel<'a> {
    results: &'a SweepResults,
    cost: Cost,
    hits: RateAxis,
    height: ValueAxis,
    left: f64,
    right: f64,
}

pub(crate) fn draw(results: &SweepResults) -> Result<Vec<u8>, ReportError> {
    let lettering = Lettering::load()?;
    let name = if lettering.knows(&results.scenario) { &results.scenario } else { "sweep" };
    let costs = [
        Cost {
            title: "Goodput, calls a minute".to_owned(),
            value: |summary| summary.goodput_per_minute.mean,
        },
        Cost { title: "Added wait, p95, seconds".to_owned(), value: |summary| summary.added_wait_s.p95 },
    ];
    let width = (f64::from(WIDTH) - 2.0 * MARGIN - 2.0 * NUMBERS - GUTTER) / 2.0;
    let (top, bottom) = (TOP + LEGEND + HEAD, TOP + LEGEND + HEAD + HEIGHT);
    let panels = costs.into_iter().enumerate().map(|(index, cost)| {
        let left = MARGIN + NUMBERS + index as f64 * (width + GUTTER + NUMBERS);
        let shown =
            || results.found.points.iter().map(|point| &point.summary).chain(&results.found.references);
        let best = results.best().and_then(|best| best.summary.hits_per_hour.ci95);
        let means = shown().map(|summary| summary.hits_per_hour.mean);
        let rates: Vec<f64> =
            means.chain(best.map(|[_, high]| high)).chain([results.budget_hits_per_hour]).collect();
        let highest = shown().map(cost.value).fold(0.0, f64::max);
        Panel {
            results,
            hits: RateAxis::new(&rates, (left + 14.0, left + width - 14.0)),
            height: ValueAxis::new(highest, (bottom, top), 5.0, 0.0),
            cost,
            left,
            right: left + width,
        }
    });
    let panels: Vec<Panel<'_>> = panels.collect();
    let note = panels.first().map_or_else(String::new, |panel| panel.hits.note("Refusals"));
    let body = LEGEND + HEAD + HEIGHT + FOOT;
    let title = "What fewer refusals cost: the Pareto front";
    let mut canvas = titled((title, name, &extent(results)), &(caption(results) + &note), body)?;
    legend(&mut canvas, results)?;
    for panel in &panels {
        panel.draw(&mut canvas, (top, bottom))?;
    }
    canvas.png()
}

fn caption(results: &SweepResults) -> String {
    let hours = text::length(results.hours - results.warmup_hours);
    let replications = text::counted(u64::from(results.replications), "replication");
    let chosen = results.best().map_or_else(String::new, |best| {
        format!(
            " {}: {}, with {} refusals an hour{}, {} calls a minute and an added wait of p95 {}.",
            word(best)[..1].to_uppercase() + &word(best)[1..],
            point_in_words(&best.point),
            text::rate(best.summary.hits_per_hour.mean),
            text::interval(&best.summary.hits_per_hour)
                .map_or_else(String::new, |interval| format!(" (line: 95% interval {interval})")),
            text::rate(best.summary.goodput_per_minute.mean),
            text::seconds(best.summary.added_wait_s.p95),
        )
    });
    let budget = text::hours(results.budget_hits_per_hour);
    format!(
        "A dot: a point, mean over {replications} × {hours}, all on the same calls. Dark, with a rim: on the front, as no \
         other point has as few refusals, as much goodput and as small a wait. Dashed: the budget, {budget} an hour, which \
         a point keeps if the upper end of its 95% interval lies below.{chosen} All axes start at zero."
    )
}

fn word(best: &SweptPoint) -> &'static str {
    if best.within_budget { "chosen" } else { "fewest refusals" }
}

/// How each controller looks, in the order of the points.
fn looks(results: &SweepResults) -> Vec<(&'static str, Look)> {
    let mut looks: Vec<(&'static str, Look)> = Vec::new();
    for point in &results.found.points {
        let name = point.point.controller.name();
        if !looks.iter().any(|(known, _)| *known == name) {
            looks.push((name, look(name, looks.len())));
        }
    }
    looks
}

fn legend(canvas: &mut Canvas, results: &SweepResults) -> Drawn {
    let mut x = MARGIN;
    for (name, look) in looks(results) {
        dot(canvas, (x + 8.0, TOP + 6.0), DOT, look, true)?;
        let face = Type::bold(18.0, look.ink.as_text());
        canvas.text(name, (x + 24.0, TOP + 12.0), Anchor::Left, face)?;
        x += 24.0 + canvas.lettering.width(name, face) + 30.0;
    }
    Ok(())
}

/// Those on the front are dark and have a rim; a controller whose lines have dashes elsewhere is hollow.
fn dot(canvas: &mut Canvas, at: (f64, f64), radius: f64, look: Look, on_front: bool) -> Drawn {
    if on_front {
        canvas.dot(at, radius + 3.0, WHITE)?;
        canvas.dot(at, radius + 1.5, BLACK)?;
        canvas.dot(at, radius, look.ink)?;
    } else {
        canvas.dot(at, radius - 1.0, look.ink.tint(0.4))?;
    }
    if look.dashed { canvas.dot(at, radius / 2.2, WHITE) } else { Ok(()) }
}

impl Panel<'_> {
    fn draw(&self, canvas: &mut Canvas, (top, bottom): (f64, f64)) -> Drawn {
        canvas.text(&self.cost.title, (self.left - NUMBERS, top - 28.0), Anchor::Left, PANEL)?;
        value_grid(canvas, &self.height, (self.left, self.right))?;
        for (value, reads) in self.hits.marks(6.0) {
            let x = self.hits.place(value);
            canvas.down(x, top, bottom, 1.0, GRID)?;
            canvas.down(x, bottom, bottom + 6.0, 1.0, RULE)?;
            canvas.text(&reads, (x, bottom + 26.0), Anchor::Middle, MARK)?;
        }
        let middle = f64::midpoint(self.left, self.right);
        canvas.text("refusals an hour", (middle, bottom + 52.0), Anchor::Middle, MARK)?;
        let budget = self.hits.place(self.results.budget_hits_per_hour);
        canvas.dashes(&[(budget, top), (budget, bottom)], 2.0, QUIET)?;

        // Below the dots, so that none is hidden.
        self.labels(canvas, budget, (top, bottom))?;

        let looks = looks(self.results);
        let points = &self.results.found.points;
        let look_of = |point: &SweptPoint| {
            let name = point.point.controller.name();
            looks.iter().find(|(known, _)| *known == name).map_or_else(|| look(name, 0), |(_, look)| *look)
        };
        // Those on the front cover the others.
        for point in points.iter().filter(|point| !point.on_front) {
            dot(canvas, self.place(&point.summary), DOT, look_of(point), false)?;
        }
        for point in points.iter().filter(|point| point.on_front) {
            dot(canvas, self.place(&point.summary), DOT, look_of(point), true)?;
        }
        for reference in &self.results.found.references {
            let ink = look(&reference.name, 0).ink;
            let (x, y) = self.place(reference);
            canvas.rect((x - 7.5, y - 7.5), (x + 7.5, y + 7.5), WHITE)?;
            canvas.rect((x - 6.0, y - 6.0), (x + 6.0, y + 6.0), ink)?;
        }
        match self.results.best() {
            Some(best) => self.ring(canvas, best, look_of(best)),
            None => Ok(()),
        }
    }

    fn place(&self, summary: &ControllerSummary) -> (f64, f64) {
        (self.hits.place(summary.hits_per_hour.mean), self.height.place((self.cost.value)(summary)))
    }

    /// Places along the interval of a point's refusals, close to each other.
    fn interval(&self, point: &SweptPoint) -> Vec<(f64, f64)> {
        const STEP: f64 = 8.0;
        let [low, high] =
            point.summary.hits_per_hour.ci95.unwrap_or_default().map(|end| self.hits.place(end));
        let y = self.place(&point.summary).1;
        (0..=((high - low) / STEP) as u32).map(|step| (low + f64::from(step) * STEP, y)).collect()
    }

    /// The chosen point, with its interval.
    fn ring(&self, canvas: &mut Canvas, best: &SweptPoint, look: Look) -> Drawn {
        let at = self.place(&best.summary);
        if let Some([low, high]) = best.summary.hits_per_hour.ci95 {
            canvas.across(self.hits.place(low), self.hits.place(high), at.1, 3.0, BLACK)?;
        }
        canvas.dot(at, DOT + 7.5, WHITE)?;
        canvas.dot(at, DOT + 6.0, BLACK)?;
        canvas.dot(at, DOT + 3.0, WHITE)?;
        dot(canvas, at, DOT - 1.5, look, true)
    }

    /// The names of the chosen point and of the two ends, each with a line to its mark.
    fn labels(&self, canvas: &mut Canvas, budget: f64, (top, bottom): (f64, f64)) -> Drawn {
        canvas.boxed_text("budget", (budget, top - 6.0), Anchor::Middle, MARK)?;
        let best = self.results.best().map(|best| (word(best), self.place(&best.summary)));
        let ends = self.results.found.references.iter().map(|reference| {
            (if reference.name == "none" { "no limiter" } else { "oracle" }, self.place(reference))
        });
        let named: Vec<_> = best.into_iter().chain(ends).collect();
        let labels: Vec<_> =
            named.iter().map(|(name, at)| (*at, canvas.lettering.width(name, LABEL))).collect();
        let points = self.results.found.points.iter().map(|point| self.place(&point.summary));
        let interval = self.results.best().map(|best| self.interval(best)).unwrap_or_default();
        let dots: Vec<_> = points.chain(named.iter().map(|(_, at)| *at)).chain(interval).collect();
        let places = arrange(&labels, &dots, (self.left, self.right), (top + 4.0, bottom - 2.0));
        for ((name, mark), at) in named.into_iter().zip(places) {
            // The label's paper covers the end of the line.
            canvas.line(&[mark, at], 1.5, BLACK)?;
            canvas.boxed_text(name, (at.0, at.1 + 6.5), Anchor::Middle, LABEL)?;
        }
        Ok(())
    }
}
