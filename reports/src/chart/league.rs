//! All scenarios of a run and all controllers on one sheet: refusals beside the goodput that they are bought with.

use simulator::results::{ControllerSummary, Results, ScenarioSummary};

use crate::ReportError;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, PANEL, TOP, WIDTH, mark, titled, whisker};
use crate::chart::lettering::Type;
use crate::chart::rate_axis::RateAxis;
use crate::meaning::{counted_hours, subject};
use crate::palette::{BLACK, GRID, Ink, Look, QUIET, REFUSED, RULE, SHADE, look};
use crate::plan::ScenarioPlan;
use crate::text;

const HITS: (f64, f64) = (292.0, 640.0);
const GOODPUT: (f64, f64) = (796.0, 1_030.0);
/// The white between a panel and its numbers.
const AIR: f64 = 22.0;
/// The height of one controller's lane, in a scenario's row of few and of many.
const LANES: (f64, f64) = (9.0, 7.0);
const ROW_AIR: f64 = 16.0;
const LEAST_ROW: f64 = 46.0;
/// A line of the legend.
const LEGEND: f64 = 30.0;
/// Room for the titles of the panels and the numbers of their axes.
const HEAD: f64 = 66.0;
const FOOT: f64 = 32.0;
/// What an operator can live with, in refusals an hour.
const ONE_AN_HOUR: f64 = 1.0;

const NAME: Type = Type::bold(17.0, BLACK);
const SAMPLE: Type = Type::regular(14.0, QUIET);
const AXIS: Type = Type::regular(15.0, QUIET);

/// One of the two measures, from a controller to a mean and its interval.
type Measure = fn(&ControllerSummary) -> (Option<f64>, Option<[f64; 2]>);

pub(crate) fn draw(results: &Results, plans: &[ScenarioPlan<'_>]) -> Result<Vec<u8>, ReportError> {
    let scenarios = &results.summary.scenarios;
    let names = controllers(scenarios);
    let all = || scenarios.iter().flat_map(|scenario| &scenario.controllers);
    let (goodput_title, goodput) = goodput(scenarios);
    let measures: [(&str, Measure); 2] = [
        ("Refusals an hour", |controller| {
            (Some(controller.hits_per_hour.mean), controller.hits_per_hour.ci95)
        }),
        (goodput_title, goodput),
    ];
    let values = |measure: Measure| -> Vec<f64> {
        let values = all().map(measure).flat_map(|(mean, ci95)| [mean, ci95.map(|[_, high]| high)]);
        values.flatten().collect()
    };
    let axes = [
        RateAxis::new(&[values(measures[0].1), vec![ONE_AN_HOUR]].concat(), HITS),
        RateAxis::linear(&[values(measures[1].1), vec![1.0]].concat(), GOODPUT),
    ];
    let legend = legend_lines(&names)?;
    let rows = scenarios.iter().map(row_height).sum::<f64>();
    let body = LEGEND * legend.len() as f64 + HEAD + rows + FOOT;
    let caption = format!(
        "Within a row one lane a controller, in the order of the legend. Dots: means over all replications; lines: 95% \
         intervals of the mean, from the spread of replications or of blocks of time; numbers: those of the controller in \
         whose colour they are set. Dashed: one refusal an hour.{}",
        axes[0].note("Refusals"),
    );
    let extent =
        format!("{}, seed {}", text::counted(names.len() as u64, "controller"), results.summary.seed);
    let name = text::counted(scenarios.len() as u64, "scenario");
    let mut canvas = titled(("Refusals against goodput", &name, &extent), &caption, body)?;
    draw_legend(&mut canvas, &legend, &names)?;
    let top = TOP + LEGEND * legend.len() as f64 + HEAD;
    shade(&mut canvas, scenarios, top)?;
    for ((title, _), axis) in measures.iter().zip(&axes) {
        frame(&mut canvas, title, axis, (top, top + rows))?;
    }
    let oracle = axes[1].place(1.0);
    canvas.down(oracle, top, top + rows, 1.5, RULE)?;
    let line = axes[0].place(ONE_AN_HOUR);
    canvas.dashes(&[(line, top), (line, top + rows)], 2.0, REFUSED)?;
    let mut y = top;
    for (scenario, plan) in scenarios.iter().zip(plans) {
        let height = row_height(scenario);
        head(&mut canvas, plan, y + height / 2.0)?;
        for ((_, measure), axis) in measures.iter().zip(&axes) {
            lanes(&mut canvas, scenario, (*measure, axis), y, &names)?;
        }
        figures(&mut canvas, scenario, &measures, y + height / 2.0, &names)?;
        y += height;
    }
    canvas.png()
}

/// Of the oracle's where it was run everywhere; else the share of calls that end well, which compares as well.
fn goodput(scenarios: &[ScenarioSummary]) -> (&'static str, Measure) {
    let mut all = scenarios.iter().flat_map(|scenario| &scenario.controllers);
    if all.all(|controller| controller.goodput_vs_oracle.is_some() || controller.calls == 0) {
        let of_oracle: Measure =
            |controller| (controller.goodput_vs_oracle, controller.goodput_vs_oracle_ci95);
        ("Goodput, of the oracle's", of_oracle)
    } else {
        ("Calls that end well", |controller| (controller.success_rate, controller.success_rate_ci95))
    }
}

/// Every controller of any scenario once, and how it looks.
fn controllers(scenarios: &[ScenarioSummary]) -> Vec<(&str, Look)> {
    let mut names: Vec<(&str, Look)> = Vec::new();
    for controller in scenarios.iter().flat_map(|scenario| &scenario.controllers) {
        if names.iter().all(|(name, _)| *name != controller.name) {
            names.push((&controller.name, look(&controller.name, names.len())));
        }
    }
    names
}

fn look_of(names: &[(&str, Look)], controller: &str) -> Look {
    names.iter().find(|(name, _)| *name == controller).map_or_else(|| look(controller, 0), |(_, look)| *look)
}

fn lane(scenario: &ScenarioSummary) -> f64 {
    if scenario.controllers.len() <= 5 { LANES.0 } else { LANES.1 }
}

fn row_height(scenario: &ScenarioSummary) -> f64 {
    (lane(scenario) * scenario.controllers.len() as f64 + ROW_AIR).max(LEAST_ROW)
}

/// The places of the legend's entries, line by line: the index of a controller and where it begins.
fn legend_lines(names: &[(&str, Look)]) -> Result<Vec<Vec<(usize, f64)>>, ReportError> {
    let measure = Canvas::new(1, 1)?;
    let mut lines: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    let mut left = MARGIN;
    for (index, (name, _)) in names.iter().enumerate() {
        let width = measure.lettering.width(name, NAME) + 46.0;
        if left + width > f64::from(WIDTH) - MARGIN + 24.0 && left > MARGIN {
            lines.push(Vec::new());
            left = MARGIN;
        }
        if let Some(line) = lines.last_mut() {
            line.push((index, left));
        }
        left += width;
    }
    Ok(lines)
}

fn draw_legend(canvas: &mut Canvas, lines: &[Vec<(usize, f64)>], names: &[(&str, Look)]) -> Drawn {
    for (row, line) in lines.iter().enumerate() {
        let y = TOP + LEGEND * row as f64 + 6.0;
        for &(index, left) in line {
            let (name, look) = names[index];
            mark(canvas, (left + 8.0, y - 6.0), 7.0, look)?;
            let face = Type::bold(NAME.size, look.ink.as_text());
            canvas.text(name, (left + 22.0, y), Anchor::Left, face)?;
        }
    }
    Ok(())
}

/// Every other row lies on a band, so that the eye keeps its line.
fn shade(canvas: &mut Canvas, scenarios: &[ScenarioSummary], top: f64) -> Drawn {
    let mut y = top;
    for (index, scenario) in scenarios.iter().enumerate() {
        let height = row_height(scenario);
        if index % 2 == 0 {
            canvas.rect((MARGIN - 10.0, y), (canvas.width() - MARGIN + 10.0, y + height), SHADE)?;
        }
        y += height;
    }
    Ok(())
}

fn frame(canvas: &mut Canvas, title: &str, axis: &RateAxis, (top, bottom): (f64, f64)) -> Drawn {
    let left = axis.place(0.0);
    canvas.text(title, (left, top - 38.0), Anchor::Left, PANEL)?;
    for (value, reads) in axis.marks(8.0) {
        let x = axis.place(value);
        canvas.down(x, top, bottom, 1.0, if value == 0.0 { RULE } else { GRID })?;
        for y in [top - 10.0, bottom + 22.0] {
            canvas.text(&reads, (x, y), Anchor::Middle, AXIS)?;
        }
    }
    Ok(())
}

fn head(canvas: &mut Canvas, plan: &ScenarioPlan<'_>, middle: f64) -> Drawn {
    let (scenario, room) = (plan.scenario, HITS.0 - MARGIN - 16.0);
    let name = if canvas.lettering.knows(&scenario.name) { &scenario.name } else { &plan.stem };
    let name = canvas.lettering.fit(name, NAME, room);
    canvas.text(&name, (MARGIN, middle - 1.0), Anchor::Left, NAME)?;
    let replications = scenario.controllers.iter().map(|controller| controller.replications).max();
    let sample = format!("{} × {}", replications.unwrap_or_default(), text::length(counted_hours(scenario)));
    canvas.text(&sample, (MARGIN, middle + 18.0), Anchor::Left, SAMPLE)
}

fn lanes(
    canvas: &mut Canvas,
    scenario: &ScenarioSummary,
    (measure, axis): (Measure, &RateAxis),
    top: f64,
    names: &[(&str, Look)],
) -> Drawn {
    let (lane, height) = (lane(scenario), row_height(scenario));
    let first = top + (height - lane * scenario.controllers.len() as f64) / 2.0;
    let ours = subject(scenario).map(|subject| subject.name.as_str());
    for (place, controller) in scenario.controllers.iter().enumerate() {
        let y = first + lane * (place as f64 + 0.5);
        let look = look_of(names, &controller.name);
        let (mean, ci95) = measure(controller);
        if let Some([low, high]) = ci95 {
            whisker(canvas, (axis.place(low), axis.place(high)), y, (1.5, 2.0), look.ink)?;
        }
        if let Some(mean) = mean.filter(|mean| mean.is_finite()) {
            let radius = if ours == Some(controller.name.as_str()) { 5.0 } else { 3.5 };
            mark(canvas, (axis.place(mean), y), radius, look)?;
        }
    }
    Ok(())
}

/// The numbers of the controller that the run is about, beside each panel.
fn figures(
    canvas: &mut Canvas,
    scenario: &ScenarioSummary,
    measures: &[(&str, Measure); 2],
    middle: f64,
    names: &[(&str, Look)],
) -> Drawn {
    let Some(subject) = subject(scenario) else { return Ok(()) };
    let ink: Ink = look_of(names, &subject.name).ink.as_text();
    let reads: [fn(f64) -> String; 2] = [text::rate, text::ratio];
    for (((_, measure), reads), (_, right)) in measures.iter().zip(reads).zip([HITS, GOODPUT]) {
        let (mean, ci95) = measure(subject);
        let mean = mean.map_or_else(|| text::NOTHING.to_owned(), reads);
        canvas.text(&mean, (right + AIR, middle - 1.0), Anchor::Left, Type::bold(17.0, ink))?;
        if let Some([low, high]) = ci95 {
            let interval = format!("{} – {}", reads(low), reads(high));
            canvas.text(&interval, (right + AIR, middle + 18.0), Anchor::Left, SAMPLE)?;
        }
    }
    Ok(())
}
