//! Refusals, goodput and added wait, controller by controller: none of them is shown without the others.

use simulator::results::{ControllerSummary, Estimate};

use crate::ReportError;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, PANEL, TOP, WIDTH, sheet};
use crate::chart::lettering::Type;
use crate::palette::{BLACK, GRID, Look, QUIET, RULE, WHITE};
use crate::plan::ScenarioPlan;
use crate::text;

const ROW: f64 = 64.0;
const HEAD: f64 = 40.0;
const NAMES: f64 = 206.0;
const GUTTER: f64 = 34.0;
/// What is left of a panel for its numbers.
const NUMBERS: f64 = 158.0;
const NAME: f64 = 21.0;
const VALUE: Type = Type::bold(20.0, BLACK);
const INTERVAL: Type = Type::regular(17.0, QUIET);

/// One measure of all controllers, on an axis from zero.
struct Measure {
    title: String,
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
         goodput counts calls that ended well. All axes start at zero.",
        plan.sample(controllers.iter().map(|controller| controller.replications).max().unwrap_or_default()),
    );
    let body = HEAD + ROW * controllers.len() as f64 + 8.0;
    let mut canvas = sheet(plan, ("Refusals, and what avoiding them costs", &plan.extent()), &caption, body)?;
    let (top, bottom) = (TOP + HEAD, TOP + body);
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
        canvas.down(left, top, bottom, 1.5, RULE)?;
        for (row, (value, controller)) in measure.values.iter().zip(controllers).enumerate() {
            let y = top + ROW * (row as f64 + 0.5);
            let look = plan.look(&controller.name);
            value.draw(&mut canvas, measure.highest(), (left, left + width - NUMBERS), y, look)?;
        }
    }
    canvas.png()
}

fn hits(controllers: &[ControllerSummary]) -> Measure {
    let values = controllers.iter().map(|controller| Value::of(&controller.hits_per_hour)).collect();
    Measure { title: "Refusals an hour".to_owned(), values }
}

/// Relative to the oracle where every controller has been compared with it.
fn goodput(controllers: &[ControllerSummary]) -> Measure {
    let ratios: Option<Vec<f64>> =
        controllers.iter().map(|controller| controller.goodput_vs_oracle).collect();
    let (title, values) = match ratios {
        Some(ratios) => {
            let values = ratios.into_iter().zip(controllers).map(|(ratio, controller)| Value {
                mean: Some(ratio),
                ci95: None,
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
    Measure { title: title.to_owned(), values }
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
    Measure { title: "Added wait, p95".to_owned(), values: values.collect() }
}

impl Measure {
    fn highest(&self) -> f64 {
        let ends = self.values.iter().flat_map(|value| [value.mean, value.ci95.map(|[_, high]| high)]);
        ends.flatten().filter(|end| end.is_finite()).fold(0.0, f64::max)
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

    fn draw(
        &self,
        canvas: &mut Canvas,
        highest: f64,
        (left, right): (f64, f64),
        y: f64,
        look: Look,
    ) -> Drawn {
        let place = |value: f64| {
            let share = if highest > 0.0 { (value / highest).clamp(0.0, 1.0) } else { 0.0 };
            left + (right - left) * share
        };
        if let Some(mean) = self.mean.filter(|mean| mean.is_finite()) {
            canvas.across(left, place(mean), y, 2.0, look.ink.tint(0.45))?;
            if let Some([low, high]) = self.ci95 {
                canvas.across(place(low), place(high), y, 4.0, look.ink)?;
                for end in [low, high] {
                    canvas.down(place(end), y - 11.0, y + 11.0, 3.0, look.ink)?;
                }
            }
            canvas.dot((place(mean), y), 8.0, look.ink)?;
            // The same mark as a line of dashes elsewhere: told apart without its colour.
            if look.dashed {
                canvas.dot((place(mean), y), 4.0, WHITE)?;
            }
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
