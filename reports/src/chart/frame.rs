//! What all charts share: the sizes of type, the heading, the caption, the grid.

use crate::ReportError;
use crate::chart::axis::{TimeAxis, ValueAxis};
use crate::chart::canvas::{Anchor, Canvas, Drawn};
use crate::chart::lettering::{Lettering, Type};
use crate::palette::{BLACK, GRID, Ink, Look, QUIET, RULE, SHADE, WHITE};
use crate::plan::ScenarioPlan;

/// The width of every chart.
pub(crate) const WIDTH: u32 = 1200;
/// White on all sides.
pub(crate) const MARGIN: f64 = 36.0;
/// Where a chart's own drawing may begin, below the heading.
pub(crate) const TOP: f64 = 118.0;

pub(crate) const TITLE: Type = Type::bold(30.0, BLACK);
pub(crate) const SUBTITLE: Type = Type::regular(20.0, QUIET);
pub(crate) const PANEL: Type = Type::bold(20.0, BLACK);
pub(crate) const MARK: Type = Type::regular(18.0, QUIET);
const CAPTION: Type = Type::regular(17.0, QUIET);
const CAPTION_LINE: f64 = 25.0;

/// A scenario's sheet with a heading above (a title, and what was run) and a caption below, and `body` pixels
/// between them.
pub(crate) fn sheet(
    plan: &ScenarioPlan<'_>,
    (title, extent): (&str, &str),
    caption: &str,
    body: f64,
) -> Result<Canvas, ReportError> {
    let knows = Lettering::load()?.knows(&plan.scenario.name);
    let name = if knows { &plan.scenario.name } else { &plan.stem };
    titled((title, name, extent), caption, body)
}

/// A sheet with a title, a name and what was run above, a caption below, and `body` pixels between them.
pub(crate) fn titled(
    (title, name, extent): (&str, &str, &str),
    caption: &str,
    body: f64,
) -> Result<Canvas, ReportError> {
    let room = f64::from(WIDTH) - 2.0 * MARGIN;
    let lines = Lettering::load()?.wrap(caption, CAPTION, room);
    let caption_top = TOP + body + 26.0;
    let height = caption_top + CAPTION_LINE * lines.len() as f64 + 14.0;
    let mut canvas = Canvas::new(WIDTH, height.round() as u32)?;
    canvas.text(&canvas.lettering.fit(title, TITLE, room), (MARGIN, 52.0), Anchor::Left, TITLE)?;
    let left = room - canvas.lettering.width(extent, SUBTITLE) - canvas.lettering.width("  ·  ", SUBTITLE);
    let subtitle = format!("{}  ·  {extent}", canvas.lettering.fit(name.trim(), SUBTITLE, left));
    canvas.text(&subtitle, (MARGIN, 84.0), Anchor::Left, SUBTITLE)?;
    for (index, line) in lines.iter().enumerate() {
        let baseline = caption_top + CAPTION_LINE * (index as f64 + 0.72);
        canvas.text(line, (MARGIN, baseline), Anchor::Left, CAPTION)?;
    }
    Ok(canvas)
}

/// A controller's mark on a chart of dots; hollow where its line has dashes elsewhere.
pub(crate) fn mark(canvas: &mut Canvas, at: (f64, f64), radius: f64, look: Look) -> Drawn {
    canvas.dot(at, radius, look.ink)?;
    if look.dashed { canvas.dot(at, radius / 2.0, WHITE) } else { Ok(()) }
}

/// A mean's interval: a line with ends.
pub(crate) fn whisker(
    canvas: &mut Canvas,
    (low, high): (f64, f64),
    y: f64,
    (thickness, half_end): (f64, f64),
    ink: Ink,
) -> Drawn {
    canvas.across(low, high, y, thickness, ink)?;
    for end in [low, high] {
        canvas.down(end, y - half_end, y + half_end, thickness, ink)?;
    }
    Ok(())
}

/// A panel's grid: a line and a number for each mark of an upright axis.
pub(crate) fn value_grid(canvas: &mut Canvas, axis: &ValueAxis, (left, right): (f64, f64)) -> Drawn {
    for (value, reads) in axis.marks() {
        let y = axis.place(value);
        canvas.across(left, right, y, 1.0, if value <= axis.low { RULE } else { GRID })?;
        canvas.text(&reads, (left - 10.0, y + 6.5), Anchor::Right, MARK)?;
    }
    Ok(())
}

/// Light lines at the marks of time, through one panel.
pub(crate) fn time_grid(canvas: &mut Canvas, axis: &TimeAxis, (top, bottom): (f64, f64)) -> Drawn {
    for (minute, _) in axis.marks().0 {
        canvas.down(axis.place(minute), top, bottom, 1.0, GRID)?;
    }
    Ok(())
}

/// The numbers below the lowest panel, and their unit. Takes about 60 pixels.
pub(crate) fn time_marks(
    canvas: &mut Canvas,
    axis: &TimeAxis,
    bottom: f64,
    (left, right): (f64, f64),
) -> Drawn {
    let (marks, unit) = axis.marks();
    for (minute, reads) in marks {
        let x = axis.place(minute);
        canvas.down(x, bottom, bottom + 6.0, 1.0, RULE)?;
        canvas.text(&reads, (x, bottom + 26.0), Anchor::Middle, MARK)?;
    }
    canvas.text(
        &format!("{unit} from the start"),
        ((left + right) / 2.0, bottom + 52.0),
        Anchor::Middle,
        MARK,
    )
}

/// Shades the warm-up, which the statistics leave out.
pub(crate) fn warmup(canvas: &mut Canvas, axis: &TimeAxis, hours: f64, (top, bottom): (f64, f64)) -> Drawn {
    if hours > 0.0 {
        canvas.rect((axis.place(0.0), top), (axis.place(hours * 60.0), bottom), SHADE)?;
    }
    Ok(())
}

/// What to say about a shaded warm-up.
pub(crate) fn warmup_note(hours: f64) -> &'static str {
    if hours > 0.0 { " The shaded warm-up is left out of the statistics." } else { "" }
}
