//! The table that a person reads on a terminal; at most 100 columns.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use reports::text;
use simulator::results::{ControllerSummary, Estimate, ScenarioSummary, Summary};

/// A rate from here on is told in thousands.
const LONG: f64 = 10_000.0;

/// One scenario's table, with its title above.
pub fn of(scenario: &ScenarioSummary, summary: &Summary) -> String {
    let replications = scenario.controllers.first().map_or(0, |controller| controller.replications);
    let warmup = match scenario.warmup_hours {
        0.0 => String::new(),
        hours => format!(" (the first {} left out)", text::length(hours)),
    };
    let title = format!(
        "{}   {}{warmup}, {}, seed {}",
        scenario.name,
        text::length(scenario.hours),
        text::counted(u64::from(replications), "replication"),
        summary.seed
    );
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "controller",
        "1302 an hour (95%)",
        "calls ok",
        "of oracle",
        "wait p50 / p95",
        "limit / in flight",
    ]);
    for controller in &scenario.controllers {
        table.add_row(row(controller));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{title}\n{}\n", lines.join("\n"))
}

fn row(controller: &ControllerSummary) -> [String; 6] {
    let wait = &controller.added_wait_s;
    [
        controller.name.clone(),
        hits(&controller.hits_per_hour),
        controller.success_rate.map_or_else(|| "-".to_owned(), text::share),
        controller.goodput_vs_oracle.map_or_else(|| "-".to_owned(), text::ratio),
        format!("{:.1} / {:.1} s", wait.p50, wait.p95),
        format!(
            "{} / {}",
            controller.highest_limit_calls.map_or_else(|| "-".to_owned(), text::compact),
            text::compact(controller.highest_in_flight)
        ),
    ]
}

/// A rate and its interval; in thousands where a number would be too long for its column.
fn hits(estimate: &Estimate) -> String {
    let highest = estimate.ci95.map_or(estimate.mean, |[_, high]| high);
    if highest < LONG {
        let interval = text::interval(estimate).map_or(String::new(), |interval| format!(" ({interval})"));
        return format!("{}{interval}", text::rate(estimate.mean));
    }
    let short = |rate: f64| text::compact(rate.round() as u64);
    let interval = estimate.ci95.map(|[low, high]| format!(" ({} – {})", short(low), short(high)));
    short(estimate.mean) + &interval.unwrap_or_default()
}
