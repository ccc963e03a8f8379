//! The distribution of the wait that a controller adds to a call.

use std::ops::Range;

use simulator::results::{ControllerSummary, WaitCurve, WaitPoint};

use crate::ReportError;
use crate::chart::axis::{LogAxis, ValueAxis};
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::frame::{MARGIN, MARK, TOP, WIDTH, sheet};
use crate::chart::lettering::Type;
use crate::palette::{GRID, Look, QUIET, RULE};
use crate::plan::ScenarioPlan;
use crate::text;

/// Where the axis begins: whoever waits less does not notice.
const UNNOTICED_S: f64 = 0.01;
const LEFT: f64 = 470.0;
const RIGHT: f64 = WIDTH as f64 - MARGIN - 70.0;
const HEIGHT: f64 = 500.0;
const LABEL: f64 = 20.0;
/// A line of names in a label…
const LINE: f64 = 24.0;
/// …and the line of numbers below it, with the air below that.
const NUMBERS: f64 = 32.0;
/// The room for names, and that for what joins two of them.
const NAMES: f64 = LEFT - 48.0 - MARGIN;
const JOINT: f64 = 26.0;

/// Less than this apart, on the paper, two curves are one line.
const APART: f64 = 2.0;

/// Controllers whose curves lie on each other.
struct Bundle<'a> {
    members: Vec<(&'a ControllerSummary, Look)>,
    curve: &'a WaitCurve,
    same: bool,
}

pub(crate) fn draw(plan: &ScenarioPlan<'_>) -> Result<Vec<u8>, ReportError> {
    let curves = plan.waits();
    let (top, bottom) = (TOP + 30.0, TOP + 30.0 + HEIGHT);
    let begins = curves.iter().map(|(_, _, curve)| share_within(&curve.points, UNNOTICED_S));
    let share = ValueAxis::shares(begins.fold(1.0, f64::min), (bottom, top));
    let bundles = bundles(curves, &share);
    let mut canvas =
        sheet(plan, ("Wait added to a call", &plan.extent()), &caption(plan, &share), 30.0 + HEIGHT + 62.0)?;
    let points = bundles.iter().flat_map(|bundle| &bundle.curve.points);
    let longest = points.map(|point| point.wait_s).fold(1.0, f64::max);
    let wait = LogAxis::new((-2, longest.min(1e9).log10().ceil() as i32), (LEFT, RIGHT));
    grid(&mut canvas, &wait, &share, (top, bottom))?;

    let mut places = Vec::new();
    for bundle in &bundles {
        let mut line: Vec<(f64, f64)> = curve_from_start(&bundle.curve.points)
            .map(|point| (wait.place(point.wait_s), share.place(point.share)))
            .collect();
        // Nobody waits noticeably: a line all along, since a dot would look like nothing.
        if let [start] = line[..] {
            line.push((RIGHT, start.1));
        }
        bundle.draw(&mut canvas, &line)?;
        places.push(share.place(share_within(&bundle.curve.points, UNNOTICED_S)));
    }
    let labels: Vec<Label<'_>> = bundles.iter().map(|bundle| Label::of(bundle, &canvas)).collect();
    let ends = places.clone();
    stack(&mut places, &labels.iter().map(Label::height).collect::<Vec<_>>(), (top, bottom + 16.0));
    for ((label, place), end) in labels.iter().zip(places).zip(ends) {
        label.draw(&mut canvas, place, end)?;
    }
    canvas.png()
}

fn caption(plan: &ScenarioPlan<'_>, share: &ValueAxis) -> String {
    let replications = plan.waits().iter().map(|(controller, _, _)| controller.replications).max();
    let cut = match share.low {
        low if low > 0.0 => format!(
            " The upright axis begins at {}, as more calls than that wait no more than 10 ms under every controller.",
            text::rough_share(low)
        ),
        _ => String::new(),
    };
    format!(
        "A point of a line: this share of calls waited no longer than that for a permit and for retries. All calls of {}; \
         one that was given up counts with what it waited. Each name stands at the share of its calls that wait no \
         more than 10 ms.{cut}",
        plan.sample(replications.unwrap_or_default()),
    )
}

/// Curves that the paper cannot tell apart, together.
fn bundles<'a>(
    curves: Vec<(&'a ControllerSummary, Look, &'a WaitCurve)>,
    share: &ValueAxis,
) -> Vec<Bundle<'a>> {
    let mut bundles: Vec<Bundle<'a>> = Vec::new();
    for (controller, look, curve) in curves {
        match bundles.iter_mut().find(|bundle| lie_on_each_other(&bundle.curve.points, &curve.points, share))
        {
            Some(bundle) => {
                bundle.members.push((controller, look));
                bundle.same &= bundle.curve.points == curve.points;
            }
            None => bundles.push(Bundle { members: vec![(controller, look)], curve, same: true }),
        }
    }
    bundles
}

fn lie_on_each_other(one: &[WaitPoint], other: &[WaitPoint], share: &ValueAxis) -> bool {
    one.iter().chain(other).filter(|point| point.wait_s >= UNNOTICED_S).all(|point| {
        let places = [one, other].map(|points| share.place(share_within(points, point.wait_s)));
        (places[0] - places[1]).abs() < APART
    })
}

impl Bundle<'_> {
    fn draw(&self, canvas: &mut Canvas, line: &[(f64, f64)]) -> Drawn {
        match self.members[..] {
            [(_, look)] if look.dashed => canvas.dashes(line, 3.5, look.ink),
            _ => {
                let inks: Vec<_> = self.members.iter().map(|(_, look)| look.ink).collect();
                canvas.stripes(line, 3.5, &inks)
            }
        }
    }
}

/// What stands before a line's beginning: the names of all whose line it is, and a few numbers.
struct Label<'a> {
    /// The places of the names among the members, line by line.
    lines: Vec<Range<usize>>,
    bundle: &'a Bundle<'a>,
}

impl<'a> Label<'a> {
    fn of(bundle: &'a Bundle<'a>, canvas: &Canvas) -> Self {
        let mut lines: Vec<Range<usize>> = Vec::new();
        let mut left = 0.0;
        for (index, (controller, _)) in bundle.members.iter().enumerate() {
            let width = canvas.lettering.width(&controller.name, Type::bold(LABEL, QUIET)) + JOINT;
            match lines.last_mut().filter(|_| width <= left) {
                Some(line) => line.end = index + 1,
                None => {
                    lines.push(index..index + 1);
                    left = NAMES;
                }
            }
            left -= width;
        }
        Self { lines, bundle }
    }

    fn height(&self) -> f64 {
        LINE * self.lines.len() as f64 + NUMBERS
    }

    /// Draws it, with its first line beside `place`, and leads from there to the line's `end`.
    fn draw(&self, canvas: &mut Canvas, place: f64, end: f64) -> Drawn {
        let members = &self.bundle.members;
        let Some(&(first, look)) = members.first() else { return Ok(()) };
        canvas.line(&[(LEFT - 40.0, place), (LEFT - 8.0, end), (LEFT, end)], 1.5, look.ink)?;
        let joint = if self.bundle.same { "=" } else { "≈" };
        let mut baseline = place + 7.0;
        for line in &self.lines {
            let mut right = LEFT - 48.0;
            // From the right, with the joint before every name but the first of all.
            for index in line.clone().rev() {
                let (controller, look) = members[index];
                let face = Type::bold(LABEL, look.ink.as_text());
                let name = canvas.lettering.fit(&controller.name, face, NAMES - JOINT);
                canvas.text(&name, (right, baseline), Anchor::Right, face)?;
                right -= canvas.lettering.width(&name, face);
                if index > 0 {
                    canvas.text(
                        joint,
                        (right - 6.0, baseline),
                        Anchor::Right,
                        Type::regular(LABEL, QUIET),
                    )?;
                    right -= JOINT;
                }
            }
            baseline += LINE;
        }
        let waits = first.added_wait_s;
        let numbers = format!(
            "{} ≤ 10 ms · p50 {} · p95 {}",
            text::rough_share(share_within(&self.bundle.curve.points, UNNOTICED_S)),
            text::seconds(waits.p50),
            text::seconds(waits.p95)
        );
        canvas.text(&numbers, (LEFT - 48.0, baseline - 2.0), Anchor::Right, Type::regular(17.0, QUIET))
    }
}

/// Moves places apart until each has its height below it, within bounds and in their order.
fn stack(places: &mut [f64], heights: &[f64], (from, to): (f64, f64)) {
    // Where all together are too high, all are squeezed alike.
    let squeeze = ((to - from) / heights.iter().sum::<f64>().max(1.0)).min(1.0);
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&one, &other| places[one].total_cmp(&places[other]));
    let mut lowest = from;
    for &index in &order {
        places[index] = places[index].max(lowest);
        lowest = places[index] + squeeze * heights[index];
    }
    let mut highest = to;
    for &index in order.iter().rev() {
        places[index] = places[index].min(highest - squeeze * heights[index]);
        highest = places[index];
    }
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
        canvas.across(LEFT, RIGHT, y, 1.0, if value <= share.low { RULE } else { GRID })?;
        let percent = format!("{:.1}", value * 100.0);
        canvas.text(
            &format!("{}%", percent.trim_end_matches(".0")),
            (RIGHT + 10.0, y + 6.5),
            Anchor::Left,
            MARK,
        )?;
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
    fn curves_that_lie_on_each_other_are_one() {
        let axis = ValueAxis::shares(0.0, (500.0, 0.0));
        let curve =
            |at: f64| [(0.5, 0.0), (0.9, at), (1.0, 30.0)].map(|(share, wait_s)| WaitPoint { share, wait_s });
        assert!(lie_on_each_other(&curve(2.0), &curve(2.0), &axis));
        assert!(!lie_on_each_other(&curve(2.0), &curve(4.0), &axis));
        assert!(lie_on_each_other(&curve(0.001), &curve(0.002), &axis), "nobody notices");
    }

    #[test]
    fn labels_keep_their_heights_apart() {
        let mut places = [100.0, 0.0, 100.0];
        stack(&mut places, &[50.0, 30.0, 20.0], (0.0, 150.0));
        assert_eq!(places, [80.0, 0.0, 130.0]);
        let mut crowded = [0.0; 4];
        stack(&mut crowded, &[100.0; 4], (0.0, 200.0));
        assert_eq!(crowded, [0.0, 50.0, 100.0, 150.0]);
    }

    #[test]
    fn decades_read_like_durations() {
        assert_eq!([0.01, 0.1, 1.0, 1000.0].map(decade), ["10 ms", "100 ms", "1 s", "1,000 s"]);
    }
}
