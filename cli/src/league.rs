//! The table of all scenarios of a run, one row each; at most 100 columns for the controllers that there are.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use reports::text;
use simulator::results::{ControllerSummary, ScenarioSummary};

/// Below this many refusals an hour, with all of its interval, a controller keeps what it is for.
const KEPT: f64 = 1.0;
/// A rate from here on is told in thousands.
const LONG: f64 = 10_000.0;
/// A longer scenario's name is cut, a longer controller's broken at a hyphen.
const LONGEST: (usize, usize) = (21, 9);

/// Refusals of every controller in every scenario, and below them its goodput, or where no oracle was run the share of
/// its calls that end well; empty for fewer than two scenarios.
pub fn of(scenarios: &[ScenarioSummary]) -> String {
    let [first, _, ..] = scenarios else { return String::new() };
    let mut all = scenarios.iter().flat_map(|scenario| &scenario.controllers);
    let (below, measure): (_, fn(&ControllerSummary) -> Option<f64>) =
        if all.any(|controller| controller.goodput_vs_oracle.is_some()) {
            ("goodput as a share of the oracle's", |controller| controller.goodput_vs_oracle)
        } else {
            ("the share of calls that end well", |controller| controller.success_rate)
        };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let names = first.controllers.iter().map(|controller| broken(&controller.name));
    table.set_header(std::iter::once("scenario".to_owned()).chain(names));
    for scenario in scenarios {
        let cells = scenario.controllers.iter().map(|own| format!("{}\n{}", hits(own), share(measure(own))));
        table.add_row(std::iter::once(cut(&scenario.name)).chain(cells));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((1, 0));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!(
        "All {} scenarios: refusals an hour, and below them {below}\n{}\n\
         * the 95% interval of refusals lies below {KEPT} an hour\n",
        scenarios.len(),
        lines.join("\n")
    )
}

fn hits(controller: &ControllerSummary) -> String {
    let estimate = &controller.hits_per_hour;
    let rate = match estimate.mean {
        mean if mean < LONG => text::rate(mean),
        mean => text::compact(mean.round() as u64),
    };
    let kept = estimate.ci95.is_some_and(|[_, high]| high < KEPT);
    if kept { rate + "*" } else { rate }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), text::ratio)
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LONGEST.0 {
        return name.to_owned();
    }
    name.chars().take(LONGEST.0 - 1).chain(['…']).collect()
}

fn broken(name: &str) -> String {
    if name.chars().count() < LONGEST.1 { name.to_owned() } else { name.replacen('-', "-\n", 1) }
}
