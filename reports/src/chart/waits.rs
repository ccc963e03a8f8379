//! The distribution of the wait that a controller adds to a call.

use simulator::results::WaitPoint;

use crate::ReportError;
use crate::chart::axis::{LogAxis, ValueAxis, spread};
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, MARK, TOP, WIDTH, sheet};
use crate::chart::lettering::Type;
use crate::palette::{GRID, QUIET, RULE};
use crate::plan::ScenarioPlan;
use crate::text;

/// Where the axis begins: whoever waits less does not notice.
const UNNOTICED_S: f64 = 0.01;
const LEFT: f64 = 470.0;
const RIGHT: f64 = WIDTH as f64 - MARGIN - 70.0;
const HEIGHT: f64 = 500.0;
const LABEL: f64 = 20.0;
/// A label's two lines, and the air below them.
const LABEL_HEIGHT: f64 = 56.0;

pub(crate) fn draw(plan: &ScenarioPlan<'_>) -> Result<Vec<u8>, ReportError> {
    let curves = plan.waits();
    let caption = format!(
        "A point of a line: this share of calls waited no longer than that for a permit and for retries. All calls of {}; \
         one that was given up counts with what it waited. Each name stands at the share of its calls that wait no \
         more than 10 ms.",
        plan.sample(
            curves.iter().map(|(controller, _, _)| controller.replications).max().unwrap_or_default()
        ),
    );
    let mut canvas = sheet(plan, ("Wait added to a call", &plan.extent()), &caption, 30.0 + HEIGHT + 62.0)?;
    let (top, bottom) = (TOP + 30.0, TOP + 30.0 + HEIGHT);
    let longest =
        curves.iter().flat_map(|(_, _, curve)| &curve.points).map(|point| point.wait_s).fold(1.0, f64::max);
    let wait = LogAxis::new((-2, longest.min(1e9).log10().ceil() as i32), (LEFT, RIGHT));
    let share = ValueAxis::shares((bottom, top));
    grid(&mut canvas, &wait, &share, (top, bottom))?;

    let mut places = Vec::new();
    for (_, look, curve) in &curves {
        let mut line: Vec<(f64, f64)> = curve_from_start(&curve.points)
            .map(|point| (wait.place(point.wait_s), share.place(point.share)))
            .collect();
        // Nobody waits noticeably: a line all along, since a dot would look like nothing.
        if let [start] = line[..] {
            line.push((RIGHT, start.1));
        }
        if look.dashed {
            canvas.dashes(&line, 3.5, look.ink)?;
        } else {
            canvas.line(&line, 3.5, look.ink)?;
        }
        places.push(share.place(share_within(&curve.points, UNNOTICED_S)));
    }
    let ends = places.clone();
    let gap = LABEL_HEIGHT.min((HEIGHT + 30.0) / curves.len() as f64);
    spread(&mut places, gap, (top, bottom - 14.0));
    for (((controller, look, curve), place), end) in curves.iter().zip(places).zip(ends) {
        let ink = look.ink.as_text();
        let at = share_within(&curve.points, UNNOTICED_S);
        canvas.line(&[(LEFT - 40.0, place), (LEFT - 8.0, end), (LEFT, end)], 1.5, look.ink)?;
        let name = canvas.lettering.fit(&controller.name, Type::bold(LABEL, ink), LEFT - 50.0 - MARGIN);
        canvas.text(&name, (LEFT - 48.0, place + 7.0), Anchor::Right, Type::bold(LABEL, ink))?;
        let waits = controller.added_wait_s;
        let line = format!(
            "{} ≤ 10 ms · p50 {} · p95 {}",
            text::rough_share(at),
            text::seconds(waits.p50),
            text::seconds(waits.p95)
        );
        canvas.text(&line, (LEFT - 48.0, place + 29.0), Anchor::Right, Type::regular(17.0, QUIET))?;
    }
    canvas.png()
}

fn grid(canvas: &mut Canvas, wait: &LogAxis, share: &ValueAxis, (top, bottom): (f64, f64)) -> Drawn {
    for small in wait.small_marks() {
        canvas.down(wait.place(small), bottom, bottom + 4.0, 1.0, RULE)?;
    }
    for mark in wait.marks() {
        let x = wait.place(mark);
        canvas.down(x, top, bottom + 8.0, 1.0, GRID)?;
        canvas.text(&decade(mark), (x, bottom + 28.0), Anchor::Middle, MARK)?;
    }
    canvas.text("added wait (logarithmic)", ((LEFT + RIGHT) / 2.0, bottom + 54.0), Anchor::Middle, MARK)?;
    for (value, _) in share.marks() {
        let y = share.place(value);
        canvas.across(LEFT, RIGHT, y, 1.0, if value == 0.0 { RULE } else { GRID })?;
        canvas.text(&text::rough_share(value), (RIGHT + 10.0, y + 6.5), Anchor::Left, MARK)?;
    }
    canvas.text("share of calls", (RIGHT + 70.0, top - 16.0), Anchor::Right, MARK)
}

/// The curve from where the axis begins; what lies before it is the height at which it starts.
fn curve_from_start(points: &[WaitPoint]) -> impl Iterator<Item = WaitPoint> + '_ {
    let start = WaitPoint { share: share_within(points, UNNOTICED_S), wait_s: UNNOTICED_S };
    std::iter::once(start).chain(points.iter().copied().filter(|point| point.wait_s > UNNOTICED_S))
}

/// The share of calls that wait no longer than this.
fn share_within(points: &[WaitPoint], seconds: f64) -> f64 {
    points.iter().filter(|point| point.wait_s <= seconds).map(|point| point.share).fold(0.0, f64::max)
}

/// A power of ten as a person reads it.
fn decade(seconds: f64) -> String {
    if seconds < 0.5 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{} s", text::count(seconds as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_starts_at_the_share_that_does_not_notice() {
        let points = [(0.5, 0.0), (0.7, 0.01), (0.9, 2.0), (1.0, 30.0)];
        let points = points.map(|(share, wait_s)| WaitPoint { share, wait_s });
        assert_eq!(share_within(&points, UNNOTICED_S), 0.7);
        let drawn: Vec<(f64, f64)> =
            curve_from_start(&points).map(|point| (point.wait_s, point.share)).collect();
        assert_eq!(drawn, [(0.01, 0.7), (2.0, 0.9), (30.0, 1.0)]);
    }

    #[test]
    fn decades_read_like_durations() {
        assert_eq!([0.01, 0.1, 1.0, 1000.0].map(decade), ["10 ms", "100 ms", "1 s", "1,000 s"]);
    }
}
