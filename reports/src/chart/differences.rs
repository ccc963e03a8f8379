//! Our controllers less every other, replication by replication: who is better, and whether the runs can tell.

use simulator::results::Estimate;

use crate::ReportError;
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, PANEL, TOP, WIDTH, sheet, whisker};
use crate::chart::lettering::Type;
use crate::chart::rate_axis::RateAxis;
use crate::paired::{Paired, is_clear};
use crate::palette::{BLACK, GRID, Ink, QUIET, RULE, WHITE};
use crate::plan::ScenarioPlan;
use crate::text;

const ROW: f64 = 46.0;
/// Room for the name of whoever is compared.
const GROUP: f64 = 42.0;
/// Room for a panel's title and its two sides.
const HEAD: f64 = 64.0;
const MARKS: f64 = 34.0;
const NAMES: f64 = 206.0;
const GUTTER: f64 = 36.0;
const NUMBERS: f64 = 168.0;
const VALUE: Type = Type::bold(18.0, BLACK);
const INTERVAL: Type = Type::regular(15.0, QUIET);
const AXIS: Type = Type::regular(15.0, QUIET);
const SIDE: Type = Type::regular(16.0, QUIET);

/// One measure: its title, what its two sides mean, and its axis.
struct Panel {
    title: &'static str,
    sides: (&'static str, &'static str),
    measure: fn(&Paired<'_>) -> Estimate,
    axis: RateAxis,
    left: f64,
    right: f64,
}

pub(crate) fn draw(plan: &ScenarioPlan<'_>) -> Result<Vec<u8>, ReportError> {
    let all = Paired::all(plan.scenario);
    let groups: Vec<&[Paired<'_>]> = all.chunk_by(|one, next| one.ours.name == next.ours.name).collect();
    let body = HEAD + GROUP * groups.len() as f64 + ROW * all.len() as f64 + MARKS;
    let width = (f64::from(WIDTH) - 2.0 * MARGIN - NAMES - GUTTER) / 2.0;
    let panel = |index: f64, title, sides, measure: fn(&Paired<'_>) -> Estimate| {
        let left = MARGIN + NAMES + index * (width + GUTTER);
        let right = left + width - NUMBERS;
        let ends = all.iter().map(measure).flat_map(|estimate| {
            [estimate.mean].into_iter().chain(estimate.ci95.into_iter().flatten()).collect::<Vec<_>>()
        });
        let axis = RateAxis::new(&ends.collect::<Vec<_>>(), (left, right));
        Panel { title, sides, measure, axis, left, right }
    };
    let panels = [
        panel(0.0, "Refusals an hour, difference", ("fewer", "more"), |paired| paired.hits),
        panel(1.0, "Goodput a minute, difference", ("less", "more"), |paired| paired.goodput),
    ];
    let replications = all.iter().map(|paired| paired.ours.replications).max().unwrap_or_default();
    let caption = format!(
        "Dots: the mean difference over {}, each replication with the same calls for both; lines: its 95% interval by \
         Student's t. Hollow: the interval holds zero, or there is none, so that these runs cannot tell.{}{}",
        plan.sample(replications),
        panels[0].axis.note("Refusals"),
        panels[1].axis.note("Goodput"),
    );
    let mut canvas = sheet(plan, ("Paired differences", &plan.extent()), &caption, body)?;
    let (top, bottom) = (TOP + HEAD, TOP + body - MARKS);
    for panel in &panels {
        panel.frame(&mut canvas, (top, bottom))?;
    }
    let mut y = top;
    for group in groups {
        let look = plan.look(&group[0].ours.name);
        let face = Type::bold(20.0, look.ink.as_text());
        let title = format!("{} less …", group[0].ours.name);
        let title = canvas.lettering.fit(&title, face, NAMES - 12.0);
        canvas.text(&title, (MARGIN, y + GROUP - 12.0), Anchor::Left, face)?;
        y += GROUP;
        for paired in group {
            let middle = y + ROW / 2.0;
            let face = Type::bold(18.0, plan.look(&paired.other.name).ink.as_text());
            let name = canvas.lettering.fit(&paired.other.name, face, NAMES - 34.0);
            canvas.text(&name, (MARGIN + 20.0, middle + 6.0), Anchor::Left, face)?;
            canvas.across(MARGIN, canvas.width() - MARGIN, y + ROW, 1.0, GRID)?;
            for panel in &panels {
                panel.row(&mut canvas, &(panel.measure)(paired), middle, look.ink)?;
            }
            y += ROW;
        }
    }
    canvas.png()
}

impl Panel {
    fn frame(&self, canvas: &mut Canvas, (top, bottom): (f64, f64)) -> Drawn {
        canvas.text(self.title, (self.left, TOP + 14.0), Anchor::Left, PANEL)?;
        for (value, reads) in self.axis.marks(6.0) {
            let x = self.axis.place(value);
            canvas.down(x, top, bottom, 1.0, GRID)?;
            canvas.text(&reads, (x, bottom + 22.0), Anchor::Middle, AXIS)?;
        }
        let zero = self.axis.place(0.0);
        canvas.down(zero, top, bottom, 2.0, RULE)?;
        // The words stand on the side that they speak of, where it has room for them.
        if zero - self.left > 60.0 {
            let text = format!("← {}", self.sides.0);
            canvas.text(&text, (zero - 10.0, top - 10.0), Anchor::Right, SIDE)?;
        }
        if self.right - zero > 60.0 {
            let text = format!("{} →", self.sides.1);
            canvas.text(&text, (zero + 10.0, top - 10.0), Anchor::Left, SIDE)?;
        }
        Ok(())
    }

    fn row(&self, canvas: &mut Canvas, difference: &Estimate, y: f64, ink: Ink) -> Drawn {
        if difference.mean.is_finite() {
            let x = self.axis.place(difference.mean);
            if let Some([low, high]) = difference.ci95 {
                whisker(canvas, (self.axis.place(low), self.axis.place(high)), y, (3.0, 8.0), ink)?;
            }
            canvas.dot((x, y), 7.0, ink)?;
            if is_clear(difference) != Some(true) {
                canvas.dot((x, y), 4.5, WHITE)?;
            }
        }
        let x = self.right + 20.0;
        canvas.text(&text::difference(difference.mean), (x, y - 1.0), Anchor::Left, VALUE)?;
        let interval = match difference.ci95 {
            Some([low, high]) => format!("{} to {}", text::difference(low), text::difference(high)),
            None => "no interval".to_owned(),
        };
        canvas.text(&interval, (x, y + 17.0), Anchor::Left, INTERVAL)
    }
}
