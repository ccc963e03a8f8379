//! Refusals, goodput and added wait, controller by controller: none of them is shown without the others.

use simulator::results::{ControllerSummary, Estimate};

use crate::ReportError;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, PANEL, TOP, WIDTH, mark, sheet, whisker};
use crate::chart::lettering::Type;
use crate::chart::rate_axis::RateAxis;
use crate::palette::{BLACK, GRID, Look, QUIET, RULE};
use crate::plan::ScenarioPlan;
use crate::text;

const ROW: f64 = 64.0;
const HEAD: f64 = 40.0;
/// Room for the numbers below an axis.
const MARKS: f64 = 30.0;
const AXIS: Type = Type::regular(14.0, QUIET);
const NAMES: f64 = 206.0;
const GUTTER: f64 = 34.0;
/// What is left of a panel for its numbers.
const NUMBERS: f64 = 152.0;
const NAME: f64 = 21.0;
const VALUE: Type = Type::bold(20.0, BLACK);
const INTERVAL: Type = Type::regular(17.0, QUIET);

/// One measure of all controllers, on an axis from zero.
struct Measure {
    title: String,
    /// Whether its values may lie decades apart.
    wide: bool,
    values: Vec<Value>,
}

/// A number, its interval, and how both read.
struct Value {
    /// `None` where the number does not exist.
    mean: Option<f64>,
    ci95: Option<[f64; 2]>,
    reads: String,
    aside: Option<String>,
}

pub(crate) fn draw(plan: &ScenarioPlan<'_>) -> Result<Vec<u8>, ReportError> {
    let controllers = &plan.scenario.controllers;
    let measures = [hits(controllers), goodput(controllers), waits(controllers)];
    let caption = format!(
        "Dots: means over {}; lines: 95% interval of the mean, from the spread of replications or of blocks of time. \
         Added wait: the 95th percentile over all calls. A refusal is an attempt answered with 1302 or 1303; \
         goodput counts calls that ended well. All axes start at zero.{}{}",
        plan.sample(controllers.iter().map(|controller| controller.replications).max().unwrap_or_default()),
        measures[0].axis((0.0, 1.0)).note("Refusals"),
        measures[2].axis((0.0, 1.0)).note("Wait, in seconds"),
    );
    let body = HEAD + ROW * controllers.len() as f64 + MARKS;
    let mut canvas = sheet(plan, ("Refusals, and what avoiding them costs", &plan.extent()), &caption, body)?;
    let (top, bottom) = (TOP + HEAD, TOP + body - MARKS);
    for (row, controller) in controllers.iter().enumerate() {
        let y = top + ROW * (row as f64 + 0.5);
        let ink = plan.look(&controller.name).ink.as_text();
        let name = canvas.lettering.fit(&controller.name, Type::bold(NAME, ink), NAMES - 14.0);
        canvas.text(&name, (MARGIN, y + 7.0), Anchor::Left, Type::bold(NAME, ink))?;
        canvas.across(MARGIN, canvas.width() - MARGIN, y + ROW / 2.0, 1.0, GRID)?;
    }
    let width = (f64::from(WIDTH) - 2.0 * MARGIN - NAMES - 2.0 * GUTTER) / measures.len() as f64;
    for (index, measure) in measures.iter().enumerate() {
        let left = MARGIN + NAMES + index as f64 * (width + GUTTER);
        canvas.text(&measure.title, (left, TOP + 14.0), Anchor::Left, PANEL)?;
        let axis = measure.axis((left, left + width - NUMBERS));
        for (value, reads) in axis.marks(4.0) {
            let x = axis.place(value);
            canvas.down(
                x,
                top,
                bottom,
                if value == 0.0 { 1.5 } else { 1.0 },
                if value == 0.0 { RULE } else { GRID },
            )?;
            canvas.text(&reads, (x, bottom + 20.0), Anchor::Middle, AXIS)?;
        }
        for (row, (value, controller)) in measure.values.iter().zip(controllers).enumerate() {
            let y = top + ROW * (row as f64 + 0.5);
            let look = plan.look(&controller.name);
            value.draw(&mut canvas, &axis, left + width - NUMBERS, y, look)?;
        }
    }
    canvas.png()
}

fn hits(controllers: &[ControllerSummary]) -> Measure {
    let values = controllers.iter().map(|controller| Value::of(&controller.hits_per_hour)).collect();
    Measure { title: "Refusals an hour".to_owned(), wide: true, values }
}

/// Relative to the oracle where every controller has been compared with it.
fn goodput(controllers: &[ControllerSummary]) -> Measure {
    let ratios: Option<Vec<f64>> =
        controllers.iter().map(|controller| controller.goodput_vs_oracle).collect();
    let (title, values) = match ratios {
        Some(ratios) => {
            let values = ratios.into_iter().zip(controllers).map(|(ratio, controller)| Value {
                mean: Some(ratio),
                ci95: controller.goodput_vs_oracle_ci95,
                reads: text::ratio(ratio),
                aside: Some(format!("{} a minute", text::rate(controller.goodput_per_minute.mean))),
            });
            ("Goodput, of the oracle's", values.collect())
        }
        None => {
            let values = controllers.iter().map(|controller| Value::of(&controller.goodput_per_minute));
            ("Goodput, calls a minute", values.collect())
        }
    };
    Measure { title: title.to_owned(), wide: false, values }
}

fn waits(controllers: &[ControllerSummary]) -> Measure {
    let values = controllers.iter().map(|controller| Value {
        mean: Some(controller.added_wait_s.p95).filter(|_| controller.calls > 0),
        ci95: None,
        reads: if controller.calls > 0 {
            text::seconds(controller.added_wait_s.p95)
        } else {
            text::NOTHING.to_owned()
        },
        aside: (controller.calls > 0)
            .then(|| format!("median {}", text::seconds(controller.added_wait_s.p50))),
    });
    Measure { title: "Added wait, p95".to_owned(), wide: true, values: values.collect() }
}

impl Measure {
    fn axis(&self, paper: (f64, f64)) -> RateAxis {
        let ends = self.values.iter().flat_map(|value| [value.mean, value.ci95.map(|[_, high]| high)]);
        let ends: Vec<f64> = ends.flatten().collect();
        if self.wide { RateAxis::new(&ends, paper) } else { RateAxis::linear(&ends, paper) }
    }
}

impl Value {
    fn of(estimate: &Estimate) -> Self {
        Self {
            mean: Some(estimate.mean),
            ci95: estimate.ci95,
            reads: text::rate(estimate.mean),
            aside: text::interval(estimate),
        }
    }

    fn draw(&self, canvas: &mut Canvas, axis: &RateAxis, right: f64, y: f64, look: Look) -> Drawn {
        if let Some(mean) = self.mean.filter(|mean| mean.is_finite()) {
            // A length from zero compares only where lengths are values.
            if axis.is_linear() {
                canvas.across(axis.place(0.0), axis.place(mean), y, 2.0, look.ink.tint(0.45))?;
            }
            if let Some([low, high]) = self.ci95 {
                whisker(canvas, (axis.place(low), axis.place(high)), y, (3.0, 10.0), look.ink)?;
            }
            mark(canvas, (axis.place(mean), y), 8.0, look)?;
        }
        let x = right + 20.0;
        match &self.aside {
            Some(aside) => {
                canvas.text(&self.reads, (x, y - 2.0), Anchor::Left, VALUE)?;
                canvas.text(aside, (x, y + 21.0), Anchor::Left, INTERVAL)
            }
            None => canvas.text(&self.reads, (x, y + 7.0), Anchor::Left, VALUE),
        }
    }
}
