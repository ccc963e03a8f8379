//! The table that a person reads on a terminal; at most 100 columns.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use reports::text;
use simulator::results::{ControllerSummary, ScenarioSummary, Summary};

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
        "top limit / in flight",
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
    let interval =
        text::interval(&controller.hits_per_hour).map_or(String::new(), |interval| format!(" ({interval})"));
    [
        controller.name.clone(),
        format!("{}{interval}", text::rate(controller.hits_per_hour.mean)),
        controller.success_rate.map_or_else(|| "-".to_owned(), text::share),
        controller.goodput_vs_oracle.map_or_else(|| "-".to_owned(), text::ratio),
        format!("{:.1} s / {:.1} s", wait.p50, wait.p95),
        format!(
            "{} / {}",
            controller.highest_limit_calls.map_or_else(|| "-".to_owned(), text::compact),
            text::compact(controller.highest_in_flight)
        ),
    ]
}
