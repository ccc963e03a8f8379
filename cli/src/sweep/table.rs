//! What a person reads of a sweep on a terminal; at most 100 columns, but for many settings.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use reports::text;
use simulator::results::ControllerSummary;
use simulator::sweep::{SweepResults, SweptPoint};

/// More points of the front than this are left to `sweep.csv`.
const MOST_ROWS: usize = 12;

/// The two ends, and the front with the recommended point marked.
pub fn of(results: &SweepResults) -> String {
    let mut front: Vec<&SweptPoint> =
        results.found.points.iter().filter(|point| point.on_front || point.recommended).collect();
    let hits = |point: &SweptPoint| point.summary.hits_per_hour.mean;
    front.sort_by(|one, other| hits(one).total_cmp(&hits(other)));
    let shown = around_best(&front);
    let title = format!(
        "{}   {}, {}, seed {}: {}, {} on the Pareto front{}",
        results.scenario,
        text::length(results.hours),
        text::counted(u64::from(results.replications), "replication"),
        results.seed,
        text::counted(results.found.points.len() as u64, "point"),
        results.found.points.iter().filter(|point| point.on_front).count(),
        if shown.len() < front.len() { format!(" ({} shown)", shown.len()) } else { String::new() },
    );
    let settings: Vec<&str> = results.grid.iter().map(|axis| axis.setting.path()).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let names = results.grid.iter().map(|axis| broken(axis.setting.name()));
    let before = ["".to_owned(), "controller".to_owned()].into_iter().chain(names);
    let after = ["1302 an hour (95%)", "calls ok", "of oracle", "wait p50 / p95"].map(str::to_owned);
    table.set_header(before.chain(after));
    for end in &results.found.references {
        let unset = vec!["-".to_owned(); settings.len()];
        table.add_row(row(end, "", unset));
    }
    for point in shown {
        let set = settings
            .iter()
            .map(|path| point.point.settings.get(*path).map_or_else(|| "-".to_owned(), ToString::to_string));
        table.add_row(row(&point.summary, if point.recommended { "→" } else { "" }, set.collect()));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{title}\n{}\n", lines.join("\n"))
}

/// As many rows as fit, the recommended one in their middle where it can be.
fn around_best<'a, 'p>(front: &'a [&'p SweptPoint]) -> &'a [&'p SweptPoint] {
    let best = front.iter().position(|point| point.recommended).unwrap_or(0);
    let from = best.saturating_sub(MOST_ROWS / 2).min(front.len().saturating_sub(MOST_ROWS));
    &front[from..front.len().min(from + MOST_ROWS)]
}

fn row(summary: &ControllerSummary, mark: &str, settings: Vec<String>) -> Vec<String> {
    let interval =
        text::interval(&summary.hits_per_hour).map_or(String::new(), |interval| format!(" ({interval})"));
    let wait = &summary.added_wait_s;
    let mut row = vec![mark.to_owned(), summary.name.clone()];
    row.extend(settings);
    row.extend([
        text::rate(summary.hits_per_hour.mean) + &interval,
        summary.success_rate.map_or_else(|| "-".to_owned(), text::share),
        summary.goodput_vs_oracle.map_or_else(|| "-".to_owned(), text::ratio),
        format!("{:.1} / {:.1} s", wait.p50, wait.p95),
    ]);
    row
}

/// A long name in two lines, so that its column is no wider than its numbers need.
fn broken(name: &str) -> String {
    let middle = name.len() / 2;
    let at = name.match_indices('_').map(|(at, _)| at).min_by_key(|at| at.abs_diff(middle));
    match at.filter(|_| name.len() > 12) {
        Some(at) => format!("{}\n{}", &name[..=at], &name[at + 1..]),
        None => name.to_owned(),
    }
}
